//! A broker goes on where another one has ended.

use std::time::Duration;

use proptest::prelude::*;
use thingwire_core::Instant;
use thingwire_sim::broker::{Broker, ConnectionId, Rules, Saved};

use crate::packets::{
    Connect, DISCONNECT, again1, connack, puback, publish0, publish1, retained, subscribe, unsubscribe,
};
use crate::world::World;

/// Another broker with what this one has to leave, so much later.
fn moved(world: &World, later: Duration) -> World {
    let text = serde_json::to_string(&world.broker.saved()).unwrap();
    let saved: Saved = serde_json::from_str(&text).unwrap();
    assert_eq!(saved, world.broker.saved());
    let mut other = World::new(world.broker.rules().clone());
    other.broker.set_unix_epoch(world.now.since(Instant::EPOCH) + later);
    other.broker.restore(other.now, saved).unwrap();
    other
}

fn resume(world: &mut World, connect: &Connect<'_>) -> Vec<Vec<u8>> {
    let connection = world.open(&connect.bytes());
    world.sent_to(connection)
}

#[test]
fn a_session_goes_on_with_everything_that_it_was_owed() {
    let mut world = World::with(|_| {});
    let device = world.subscriber(&Connect::persistent("d"), "t/+", 1);
    let publisher = world.online(&Connect::clean("p"));
    for (id, payload) in [(1, &b"one"[..]), (2, b"two"), (3, b"\xff\x00")] {
        world.send(publisher, &publish1(id, "t/x", payload));
    }
    world.send(device, &puback(1));
    world.lose(device);
    world.send(publisher, &publish1(4, "t/x", b"four"));
    world.send(publisher, &publish0("t/x", b"never kept"));
    let mut world = moved(&world, Duration::ZERO);
    let expected =
        [connack(true, 0), again1(2, "t/x", b"two"), again1(3, "t/x", b"\xff\x00"), publish1(4, "t/x", b"four")];
    assert_eq!(resume(&mut world, &Connect::persistent("d")), expected);
    let publisher = world.online(&Connect::clean("p"));
    world.send(publisher, &publish1(1, "t/y", b"new"));
    assert_eq!(world.broker.subscriptions("d").collect::<Vec<_>>(), ["t/+"]);
    assert!(world.violations().is_empty());
}

#[test]
fn a_session_whose_client_was_connected_goes_on_too_and_a_clean_one_does_not() {
    let mut world = World::with(|_| {});
    world.subscriber(&Connect::persistent("d"), "t", 1);
    world.subscriber(&Connect::clean("c"), "t", 1);
    let mut world = moved(&world, Duration::ZERO);
    assert_eq!(world.broker.session_count(), 1);
    assert_eq!(moved(&world, Duration::from_secs(3600)).broker.session_count(), 0, "its hour begins once");
    world.pass(Duration::from_secs(3599));
    assert_eq!(resume(&mut world, &Connect::persistent("d")), [connack(true, 0)]);
    assert_eq!(resume(&mut world, &Connect::persistent("c")), [connack(false, 0)]);
}

#[test]
fn the_hour_of_a_session_goes_on_while_no_broker_runs() {
    for (later, present) in [(Duration::from_secs(2999), true), (Duration::from_secs(3000), false)] {
        let mut world = World::with(|_| {});
        let device = world.subscriber(&Connect::persistent("d"), "t", 1);
        world.lose(device);
        world.pass(Duration::from_secs(600));
        let mut world = moved(&world, later);
        assert_eq!(resume(&mut world, &Connect::persistent("d")), [connack(present, 0)]);
    }
    let mut world = World::with(|_| {});
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    world.lose(device);
    let mut world = moved(&world, Duration::from_secs(3599));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.broker.session_count(), 0);
}

#[test]
fn retained_messages_and_shadows_are_there_again() {
    let mut world = World::with(|_| {});
    let device = world.online(&Connect::clean("d"));
    world.send(device, &retained("t", b"kept"));
    world.send(device, &publish0("$aws/things/d/shadow/update", br#"{"state":{"reported":{"a":1}}}"#));
    let mut world = moved(&world, Duration::ZERO);
    assert_eq!(world.subscriber_with_retained("e", "t").len(), 1);
    assert_eq!(world.broker.shadows().names().count(), 1);
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let session = |more: &str| {
        format!(
            r#"{{"sessions":[{{"client_id":"d","subscriptions":{{}},"in_flight":[],"stored":[],"last_id":0{more}}}],"retained":[],"shadows":[]}}"#
        )
    };
    let message = r#"{"topic":"t","qos":1,"retain":false,"payload":{"text":"x"}}"#;
    let with = |from: &str, to: &str| session("").replace(from, to);
    for (text, why) in [
        (with(r#""subscriptions":{}"#, r#""subscriptions":{"a/#/b":1}"#), "no subscription: \"a/#/b\" with QoS 1"),
        (with(r#""subscriptions":{}"#, r#""subscriptions":{"a":2}"#), "no subscription: \"a\" with QoS 2"),
        (with(r#""client_id":"d""#, r#""client_id":"""#), "the session of \"\" is there twice, or of nobody"),
        (with(r#""in_flight":[]"#, &format!(r#""in_flight":[[0,{message}]]"#)), "packet id 0 is in use twice, or none"),
        (
            with(r#""in_flight":[]"#, &format!(r#""in_flight":[[3,{message}],[3,{message}]]"#)),
            "packet id 3 is in use twice, or none",
        ),
        (
            with(r#""stored":[]"#, &format!(r#""stored":[{}]"#, message.replace("\"t\"", "\"#\""))),
            "nothing can be published to \"#\"",
        ),
        (
            with(r#""stored":[]"#, &format!(r#""stored":[{}]"#, message.replace("text\":\"x", "hex\":\"0"))),
            "a payload to \"t\" that is no hex",
        ),
        (
            with(r#""retained":[]"#, &format!(r#""retained":[{}]"#, message.replace('1', "3"))),
            "QoS 3 of a message to \"t\"",
        ),
    ] {
        let saved: Saved = serde_json::from_str(&text).unwrap();
        let restored = Broker::new(Rules::aws()).restore(Instant::EPOCH, saved);
        assert_eq!(restored, Err(why.to_owned()));
    }
    assert!(serde_json::from_str::<Saved>(&session(r#","more":1"#)).is_err());
}

/// What happens to a broker with three clients, of which one has a clean session.
#[derive(Debug, Clone)]
enum Step {
    Connect(usize),
    Lose(usize),
    Send(usize, Vec<u8>),
    Pass(u64),
}

fn a_step() -> impl Strategy<Value = Step> {
    let packet = prop_oneof![
        3 => (1..20_u16, 0..3_usize).prop_map(|(id, topic)| publish1(id, TOPICS[topic], b"x")),
        1 => (0..3_usize).prop_map(|topic| publish0(TOPICS[topic], b"x")),
        1 => Just(retained("a", b"kept")),
        1 => Just(retained("a", b"")),
        2 => (0..2_usize, 0..2_u8).prop_map(|(topic, qos)| subscribe(30, &[(TOPICS[topic], qos)])),
        1 => Just(unsubscribe(31, &["a"])),
        2 => (1..6_u16).prop_map(puback),
        1 => Just(DISCONNECT.to_vec()),
    ];
    prop_oneof![
        3 => (0..3_usize).prop_map(Step::Connect),
        1 => (0..3_usize).prop_map(Step::Lose),
        9 => (0..3_usize, packet).prop_map(|(client, packet)| Step::Send(client, packet)),
        1 => (0..4000_u64).prop_map(Step::Pass),
    ]
}

const TOPICS: [&str; 3] = ["a", "b/c", "$aws/things/t/shadow/update"];

proptest! {
    #[test]
    fn nothing_changes_what_is_saved_without_a_new_revision(
        steps in prop::collection::vec(a_step(), 1..60),
        as_new in any::<bool>(),
    ) {
        let mut world = World::with(|rules| rules.redeliver_as_new = as_new);
        let mut connections: [Option<ConnectionId>; 3] = [None; 3];
        for step in steps {
            let before = (world.broker.revision(), world.broker.saved());
            match step {
                Step::Connect(client) => {
                    let id = ["x", "y", "z"][client];
                    let connect = if client == 0 { Connect::clean(id) } else { Connect::persistent(id) };
                    connections[client] = Some(world.open(&connect.bytes()));
                }
                Step::Lose(client) => connections[client].into_iter().for_each(|connection| world.lose(connection)),
                Step::Send(client, packet) => {
                    connections[client].into_iter().for_each(|connection| world.send(connection, &packet));
                }
                Step::Pass(seconds) => world.pass(Duration::from_secs(seconds)),
            }
            let after = (world.broker.revision(), world.broker.saved());
            prop_assert!(after.1 == before.1 || after.0 > before.0, "{:?} {:?}", before.1, after.1);
        }
    }
}
