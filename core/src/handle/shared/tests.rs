//! What handles and their loop have in common, without a network.

use super::*;
use crate::handle::inbox::Item;
use crate::handle::ports::tests::{AtOnce, Fakes};
use crate::handle::wakers::tests::Count;
use crate::handle::{Client, Notices, RunningThing, ThingError, ThingNews, ThingOptions, Worker};
use crate::thing::lines::{Lines, words};
use crate::thing::{ComponentId, Thing, ThingEvent, ThingNotice};
use crate::{Options, ShadowName, Topic};

fn start() -> (Client, Worker<Fakes>) {
    let options = Options::plain("127.0.0.1:1", "a").unwrap();
    let worker = Worker::new(options, Fakes::default(), Arc::new(AtOnce)).unwrap();
    (worker.client(|| ()), worker)
}

fn message() -> Message {
    Message::new(Topic::new("a").unwrap(), "x")
}

fn told(notices: &Notices) -> Vec<Notice> {
    core::iter::from_fn(|| notices.try_recv()).collect()
}

#[test]
fn who_listens_no_more_is_forgotten_and_nobody_else() {
    let (client, mut worker) = start();
    let [first, second] = [client.notices(), client.notices()];
    let listeners = || client.shared().look(|state| state.notices.len());
    drop(first);
    assert_eq!(listeners(), 1);
    client.start();
    worker.turn(&mut [0; 64]);
    assert!(!told(&second).is_empty() && !second.is_gone());
    assert_eq!(second.dropped(), 0);
    drop(second);
    assert_eq!(listeners(), 0);
}

#[test]
fn what_is_there_is_not_gone_until_its_loop_is() {
    let (client, worker) = start();
    let notices = client.notices();
    let messages = client.subscribe(Filter::new("a").unwrap(), Qos::AtLeastOnce).unwrap();
    let pending = client.publish(crate::Publish::new(Topic::new("a").unwrap(), "x")).unwrap();
    let watch = client.shadow("valve").unwrap().watch(|watch| watch).unwrap();
    let deltas = client.shadow("valve").unwrap().deltas().unwrap();
    let gone = || [notices.is_gone(), messages.is_gone(), pending.is_gone(), watch.is_over(), deltas.is_over()];
    assert_eq!(gone(), [false; 5]);
    drop(worker);
    assert_eq!(gone(), [true; 5]);
}

#[test]
fn whoever_has_no_room_stops_the_reading_and_making_room_wakes_the_loop() {
    let (client, worker) = start();
    let messages = client.subscribe(Filter::new("a").unwrap(), Qos::AtLeastOnce).unwrap();
    let watch = client.shadow("valve").unwrap().watch(|watch| watch).unwrap();
    let lacks_room = || client.shared().look(|state| state.lacks_room());
    let mut later = Later::default();
    assert!(!lacks_room());
    while !messages.outlet.inbox.push(message(), &mut later) {}
    assert!(lacks_room(), "whoever it is");
    let count = Arc::new(Count::default());
    worker.bell().set(&Arc::clone(&count).into());
    client.shared().look(|state| state.sleeping = true);
    while lacks_room() {
        assert_eq!(count.get(), 0);
        assert!(messages.try_recv().is_some());
    }
    assert_eq!(count.get(), 1);
    while !watch.outlet.inbox.push(ShadowEvent::Absent, &mut later) {}
    assert!(lacks_room());
    while lacks_room() {
        assert_eq!(watch.try_recv(), Some(ShadowEvent::Absent));
    }
}

#[test]
fn the_deltas_of_a_watch_can_be_taken_without_waiting() {
    let (client, _worker) = start();
    let deltas = client.shadow("valve").unwrap().deltas().unwrap();
    assert_eq!(deltas.try_recv(), None);
    let delta = crate::Delta::parse(r#"{"version":1,"state":{}}"#.into()).unwrap();
    let mut later = Later::default();
    for event in [ShadowEvent::Absent, ShadowEvent::Delta(delta.clone())] {
        deltas.events.outlet.inbox.push(event, &mut later);
    }
    assert_eq!((deltas.try_recv(), deltas.try_recv()), (Some(delta), None));
}

fn lamp() -> ThingOptions {
    let lamp = Lines::new("lamp").property("on", words([("ON", true), ("OFF", false)])).query("?", "{on}");
    ThingOptions::new(Thing::builder().component("lamp", lamp.build().unwrap()), ShadowName::classic("lamp").unwrap())
}

fn run(client: &Client) -> RunningThing {
    client.run_thing(lamp()).unwrap()
}

#[test]
fn a_thing_is_there_until_its_last_handle_is_gone() {
    let (client, mut worker) = start();
    let thing = run(&client);
    assert_eq!(thing.properties(), ["on"]);
    let things = || client.shared().look(|state| state.things.iter_mut().count());
    drop(thing.clone());
    worker.turn(&mut [0; 64]);
    assert_eq!((things(), thing.dropped()), (1, 0));
    drop(thing);
    worker.turn(&mut [0; 64]);
    assert_eq!(things(), 0);
}

#[test]
fn what_happens_to_a_thing_can_be_taken_without_waiting_and_is_counted_when_nobody_does() {
    let (client, worker) = start();
    let thing = run(&client);
    let inbox = client.shared().look(|state| Arc::clone(&state.things.find(1).unwrap().news));
    let news = |value: String| ThingNews::Thing(ThingNotice::UnknownKey { key: "k".to_owned(), value });
    let mut later = Later::default();
    assert_eq!(thing.try_news(), None);
    for number in 0..1_025 {
        inbox.push_over(news(number.to_string()), &mut later);
    }
    assert_eq!((thing.try_news(), thing.dropped()), (Some(news("1".to_owned())), 1));
    assert_eq!(news("12345".to_owned()).weight(), 5);
    let device = ThingNews::Kept { path: "memory".into() };
    assert_eq!(device.weight(), 0);
    drop(worker);
    assert!(inbox.is_closed());
}

#[test]
fn devices_are_read_at_once_when_that_is_asked_for() {
    let (client, mut worker) = start();
    let thing = run(&client);
    worker.turn(&mut [0; 64]);
    let answer = ThingEvent::Received(ComponentId(0), b"ON\n");
    client.shared().look(|state| state.things.find(1).unwrap().handle(client.now(), answer));
    worker.turn(&mut [0; 64]);
    assert_eq!(thing.property("on").unwrap().actual, Some(true.into()));
    let due = || client.shared().look(|state| state.things.next_deadline().unwrap());
    let read_next = due();
    thing.refresh();
    worker.turn(&mut [0; 64]);
    assert!(due() < read_next, "its answer comes sooner, or is missed");
}

#[test]
fn what_is_wrong_with_ports_of_a_thing_is_said() {
    let none = ThingError::NoSuchComponent { name: "lmap".to_owned() };
    let two = ThingError::TwoPorts { name: "lamp".to_owned() };
    assert_eq!(none.to_string(), r#"a port is for a component "lmap", which there is not"#);
    assert_eq!(two.to_string(), r#"the component "lamp" has two ports: leave one out"#);
}

#[cfg(feature = "async")]
#[test]
fn what_comes_one_after_the_other_is_a_stream_until_the_loop_ends() {
    use core::pin::Pin;
    use core::task::Context;

    use futures_core::Stream;

    fn next<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
        Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
    }

    let (client, mut worker) = start();
    let mut notices = client.notices();
    let mut events = client.shadow("valve").unwrap().watch(|watch| watch).unwrap();
    assert!(next(&mut notices).is_pending() && next(&mut events).is_pending());
    client.start();
    worker.turn(&mut [0; 64]);
    events.outlet.inbox.push(ShadowEvent::Absent, &mut Later::default());
    assert!(matches!(next(&mut notices), Poll::Ready(Some(Notice::Attempting { .. }))));
    assert_eq!(next(&mut events), Poll::Ready(Some(ShadowEvent::Absent)));
    drop(worker);
    assert_eq!(next(&mut events), Poll::Ready(None));
    while next(&mut notices) != Poll::Ready(None) {}
}
