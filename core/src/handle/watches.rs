//! Which watch of a shadow gets which news.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::callbacks::Later;
use super::inbox::Inbox;
use crate::{ShadowEvent, ShadowNotice, Ticket};

/// The watches of one client.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    inboxes: BTreeMap<Ticket, Arc<Inbox<ShadowEvent>>>,
}

impl Watches {
    pub(crate) fn add(&mut self, watch: Ticket, inbox: Arc<Inbox<ShadowEvent>>) {
        self.inboxes.insert(watch, inbox);
    }

    /// Tells whether there was one.
    pub(crate) fn remove(&mut self, watch: Ticket) -> bool {
        self.inboxes.remove(&watch).is_some()
    }

    /// Gives the news to whom they are for, or back when there is nobody. Tells whether there is no room for the next.
    pub(crate) fn deliver(&mut self, notice: Box<ShadowNotice>, later: &mut Later) -> Result<bool, Box<ShadowNotice>> {
        let Some(inbox) = self.inboxes.get(&notice.watch) else { return Err(notice) };
        if !matches!(notice.event, ShadowEvent::GivenUp { .. }) {
            return Ok(inbox.push(notice.event, later));
        }
        let watch = notice.watch;
        inbox.push_last(notice.event, later);
        self.inboxes.remove(&watch);
        Ok(false)
    }

    /// Whether somebody cannot keep up.
    pub(crate) fn lack_room(&self) -> bool {
        self.inboxes.values().any(|inbox| inbox.lacks_room())
    }

    pub(crate) fn close(&mut self, later: &mut Later) {
        for inbox in std::mem::take(&mut self.inboxes).into_values() {
            inbox.close(later);
        }
    }
}
