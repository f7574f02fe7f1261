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

#[cfg(test)]
mod tests {
    use core::num::NonZeroU64;

    use super::*;

    const FIRST: Ticket = Ticket(NonZeroU64::MIN);
    const SECOND: Ticket = Ticket(NonZeroU64::MAX);

    #[test]
    fn news_go_to_their_watch_and_its_end_is_the_last() {
        let (mut watches, mut later) = (Watches::default(), Later::default());
        let [first, second] = [(); 2].map(|()| Arc::new(Inbox::new()));
        watches.add(FIRST, Arc::clone(&first));
        assert!(watches.deliver(ShadowNotice::of(SECOND, ShadowEvent::Absent), &mut later).is_err(), "nobody's");
        watches.add(SECOND, Arc::clone(&second));
        let over = ShadowEvent::GivenUp { times: 3 };
        assert!(!watches.deliver(ShadowNotice::of(FIRST, ShadowEvent::Absent), &mut later).unwrap());
        assert!(!watches.deliver(ShadowNotice::of(FIRST, over.clone()), &mut later).unwrap());
        let told: Vec<_> = std::iter::from_fn(|| first.take()?.item).collect();
        assert_eq!((told, first.is_closed()), (vec![ShadowEvent::Absent, over], true));
        assert_eq!([FIRST, SECOND, SECOND].map(|watch| watches.remove(watch)), [false, true, false]);
        assert!(!second.is_closed(), "who listens has it closed");
    }

    #[test]
    fn one_that_cannot_keep_up_is_told_and_all_end_with_the_client() {
        let (mut watches, mut later) = (Watches::default(), Later::default());
        let [first, second] = [(); 2].map(|()| Arc::new(Inbox::new()));
        watches.add(FIRST, Arc::clone(&first));
        watches.add(SECOND, Arc::clone(&second));
        assert!(!watches.lack_room());
        while !watches.deliver(ShadowNotice::of(SECOND, ShadowEvent::Absent), &mut later).unwrap() {}
        assert!(watches.lack_room());
        watches.close(&mut later);
        assert!(first.is_closed() && second.is_closed() && !watches.lack_room());
    }
}
