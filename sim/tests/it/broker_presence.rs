//! Who comes and goes, as the broker tells it.

use serde_json::{Value, json};
use thingwire_sim::broker::ConnectionId;

use crate::packets::{Connect, DISCONNECT};
use crate::world::World;

/// The topics and documents of everything sent to `watcher` since the last time.
fn told(world: &mut World, watcher: ConnectionId) -> Vec<(String, Value)> {
    let read = |bytes: Vec<u8>| {
        let topic = bytes.windows(4).position(|part| part == b"$aws").unwrap();
        let body = bytes.iter().position(|byte| *byte == b'{').unwrap();
        let topic = String::from_utf8_lossy(&bytes[topic..body]).into_owned();
        (topic, serde_json::from_slice(&bytes[body..]).unwrap())
    };
    world.sent_to(watcher).into_iter().map(read).collect()
}

#[test]
fn presence_is_published_as_the_service_does() {
    let mut world = World::aws();
    let watcher = world.subscriber(&Connect::clean("watcher"), "$aws/events/presence/#", 0);
    let device = world.online(&Connect::clean("d"));
    world.send(device, DISCONNECT);
    let expected = [
        (
            "$aws/events/presence/connected/d".to_owned(),
            json!({
                "clientId": "d", "timestamp": 0, "eventType": "connected", "versionNumber": 0, "ipAddress": "127.0.0.1",
                "sessionIdentifier": "00000000-0000-4000-8000-000000000002", "principalIdentifier": "model",
            }),
        ),
        (
            "$aws/events/presence/disconnected/d".to_owned(),
            json!({
                "clientId": "d", "timestamp": 0, "eventType": "disconnected", "versionNumber": 0,
                "sessionIdentifier": "00000000-0000-4000-8000-000000000002", "principalIdentifier": "model",
                "clientInitiatedDisconnect": true, "disconnectReason": "CLIENT_INITIATED_DISCONNECT",
            }),
        ),
    ];
    assert_eq!(told(&mut world, watcher), expected);
}

fn take_over(world: &mut World, old: ConnectionId) {
    assert_ne!(world.online(&Connect::clean("d")), old);
}

#[test]
fn every_end_has_its_reason_and_every_connection_its_number() {
    type End = fn(&mut World, ConnectionId);
    let ends: [(End, &str); 4] = [
        (|world, device| world.lose(device), "CONNECTION_LOST"),
        (|world, device| world.send(device, &[0xff]), "CLIENT_ERROR"),
        (|world, _| assert!(world.broker.kick(world.now, "d")), "SERVER_INITIATED_DISCONNECT"),
        (take_over, "DUPLICATE_CLIENTID"),
    ];
    let mut world = World::aws();
    let watcher = world.subscriber(&Connect::clean("watcher"), "$aws/events/presence/disconnected/+", 0);
    for (number, (end, reason)) in ends.into_iter().enumerate() {
        let device = world.online(&Connect::clean("d"));
        end(&mut world, device);
        world.settle();
        let told = told(&mut world, watcher);
        assert_eq!(told.len(), 1);
        assert_eq!((&told[0].1["disconnectReason"], &told[0].1["versionNumber"]), (&json!(reason), &json!(number)));
    }
}

#[test]
fn nothing_is_told_of_names_that_are_filters_or_without_the_rule() {
    let mut world = World::aws();
    let watcher = world.subscriber(&Connect::clean("watcher"), "$aws/events/presence/#", 0);
    for client_id in ["a+b", "#", ""] {
        world.online(&Connect::clean(client_id));
    }
    world.broker.rules_mut().presence = false;
    world.online(&Connect::clean("d"));
    assert!(told(&mut world, watcher).is_empty());
}
