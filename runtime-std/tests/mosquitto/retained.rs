//! Messages that the broker keeps.

use crate::rig::{broker, deliver, plain, publish, ready, receive, receive_text, subscribe};

#[test]
fn a_retained_message_reaches_later_subscribers_until_it_is_cleared() {
    let broker = broker();
    let writer = ready(plain(&broker, "writer"));
    let present = ready(plain(&broker, "present"));
    let live = subscribe(&present, "state");
    deliver(&writer, publish("state", "old").retain(true));
    deliver(&writer, publish("state", "new").retain(true));
    for payload in ["old", "new"] {
        let message = receive(&live);
        // It was not stored for this one.
        assert_eq!((&message.payload[..], message.retain), (payload.as_bytes(), false));
    }

    let later = ready(plain(&broker, "later"));
    let stored = receive(&subscribe(&later, "state"));
    assert_eq!((&stored.payload[..], stored.retain), (&b"new"[..], true));

    deliver(&writer, publish("state", "").retain(true));
    assert_eq!(receive_text(&live), "");
    let last = ready(plain(&broker, "last"));
    let nothing = subscribe(&last, "state");
    deliver(&writer, publish("state", "live"));
    let message = receive(&nothing);
    assert_eq!((&message.payload[..], message.retain), (&b"live"[..], false));
}

#[test]
fn one_subscription_gets_every_retained_message_that_it_matches() {
    let broker = broker();
    let writer = ready(plain(&broker, "writer"));
    for room in ["kitchen", "hall", "cellar"] {
        deliver(&writer, publish(&format!("house/{room}"), room).retain(true));
    }
    deliver(&writer, publish("garden/pond", "pond").retain(true));
    let reader = ready(plain(&broker, "reader"));
    let house = subscribe(&reader, "house/+");
    let mut rooms: Vec<_> = (0..3).map(|_| receive_text(&house)).collect();
    rooms.sort();
    assert_eq!(rooms, ["cellar", "hall", "kitchen"]);
    deliver(&writer, publish("house/attic", "attic"));
    assert_eq!(receive_text(&house), "attic");
}
