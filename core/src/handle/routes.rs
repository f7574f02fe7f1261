//! Which subscription gets which message.

use std::sync::Arc;

use super::callbacks::Later;
use super::inbox::Inbox;
use crate::{Filter, Message, Qos};

/// The subscriptions of one client.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    routes: Vec<Route>,
}

#[derive(Debug)]
struct Route {
    filters: Vec<Filter>,
    inbox: Arc<Inbox<Message>>,
}

impl Routes {
    pub(crate) fn add(&mut self, filters: &[(Filter, Qos)], inbox: Arc<Inbox<Message>>) {
        let filters = filters.iter().map(|(filter, _)| delivered(filter)).collect();
        self.routes.push(Route { filters, inbox });
    }

    pub(crate) fn remove(&mut self, inbox: &Arc<Inbox<Message>>) {
        self.routes.retain(|route| !Arc::ptr_eq(&route.inbox, inbox));
    }

    /// Gives the message to every subscription it belongs to, or back when there is none. Tells whether one of them
    /// lacks room for the next.
    pub(crate) fn deliver(&self, message: Message, later: &mut Later) -> Result<bool, Message> {
        let topic = message.topic.clone();
        let fits = |route: &&Route| route.filters.iter().any(|filter| filter.matches(topic.as_str()));
        let mut takers = self.routes.iter().filter(fits);
        let Some(first) = takers.next() else { return Err(message) };
        let mut full = false;
        for route in takers {
            full |= route.inbox.push(message.clone(), later);
        }
        Ok(first.inbox.push(message, later) | full)
    }

    /// Whether a subscription cannot keep up.
    pub(crate) fn lack_room(&self) -> bool {
        self.routes.iter().any(|route| route.inbox.lacks_room())
    }

    pub(crate) fn close(&mut self, later: &mut Later) {
        self.routes.drain(..).for_each(|route| route.inbox.close(later));
    }
}

/// The filter that the delivered topics match: for a shared subscription (B-32) without `$share/<group>/`.
fn delivered(filter: &Filter) -> Filter {
    let shared = filter.as_str().strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
    shared.and_then(|(_group, inner)| Filter::new(inner).ok()).unwrap_or_else(|| filter.clone())
}
