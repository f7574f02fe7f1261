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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Topic;

    fn message(topic: &str) -> Message {
        Message::new(Topic::new(topic).unwrap(), "x")
    }

    fn add(routes: &mut Routes, filters: &[&str]) -> Arc<Inbox<Message>> {
        let inbox = Arc::new(Inbox::new());
        let filters: Vec<_> = filters.iter().map(|text| (Filter::new(*text).unwrap(), Qos::AtLeastOnce)).collect();
        routes.add(&filters, Arc::clone(&inbox));
        inbox
    }

    fn topics(inbox: &Inbox<Message>) -> Vec<String> {
        std::iter::from_fn(|| inbox.take()?.item).map(|message| message.topic.to_string()).collect()
    }

    #[test]
    fn a_message_goes_to_every_subscription_it_belongs_to_once() {
        let (mut routes, mut later) = (Routes::default(), Later::default());
        let [lamps, all] = [add(&mut routes, &["lamp/+", "lamp/1"]), add(&mut routes, &["#"])];
        let shared = add(&mut routes, &["$share/group/lamp/1"]);
        for topic in ["lamp/1", "lamp/2", "valve"] {
            assert!(!routes.deliver(message(topic), &mut later).unwrap());
        }
        assert_eq!(topics(&lamps), ["lamp/1", "lamp/2"]);
        assert_eq!(topics(&shared), ["lamp/1"]);
        assert_eq!(topics(&all), ["lamp/1", "lamp/2", "valve"]);
        routes.remove(&all);
        assert_eq!(routes.deliver(message("valve"), &mut later).unwrap_err(), message("valve"), "nobody's");
        assert!(!lamps.is_closed() && routes.deliver(message("lamp/1"), &mut later).is_ok());
        routes.close(&mut later);
        assert!(lamps.is_closed() && shared.is_closed() && !all.is_closed());
        assert!(routes.deliver(message("lamp/1"), &mut later).is_err());
    }

    #[test]
    fn one_that_cannot_keep_up_is_told_whichever_it_is() {
        for slow in 0..3 {
            let (mut routes, mut later) = (Routes::default(), Later::default());
            let inboxes = [(); 3].map(|()| add(&mut routes, &["a"]));
            while !inboxes[slow].push(message("a"), &mut later) {}
            assert!(routes.lack_room());
            assert!(routes.deliver(message("a"), &mut later).unwrap(), "{slow}");
            while inboxes[slow].take().is_some() {}
            assert!(!routes.lack_room());
            for inbox in &inboxes {
                while !inbox.push(message("a"), &mut later) {}
            }
            assert!(routes.deliver(message("a"), &mut later).unwrap(), "all of them");
        }
    }
}
