//! Every way to break the rules, and that it is called by its name.

use thingwire_sim::broker::{SHOWN_BYTES, ViolationKind};

use crate::packets::{
    Connect, DISCONNECT, PINGREQ, again1, packet, puback, publish0, publish1, retained, string, suback, subscribe,
    unsubscribe, with_first_byte,
};
use crate::world::World;

use ViolationKind as V;

/// A CONNECT with these flags and this payload.
fn raw_connect(name: &str, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut body = string(name);
    body.extend([4, flags, 0, 60]);
    body.extend(payload);
    packet(0x10, &body)
}

#[test]
fn a_bad_first_packet_is_a_violation() {
    let id = string("a");
    let with_will = |topic: &[u8]| [&id, topic, &string("bye")[..]].concat();
    let cases = [
        (PINGREQ.to_vec(), V::NotConnectFirst),
        (b"HTTP/1.1 200 OK".to_vec(), V::NotConnectFirst),
        (b"\x15\x03\x01\x00\x02".to_vec(), V::ReservedFlags),
        (with_first_byte(0x11, Connect::clean("a").bytes()), V::ReservedFlags),
        (raw_connect("MQIsdp", 2, &id), V::ProtocolName),
        (raw_connect("mqtt", 2, &id), V::ProtocolName),
        (raw_connect("MQTT", 3, &id), V::ConnectReservedFlag),
        (raw_connect("MQTT", 2 | 0x08, &id), V::WillFlagsWithoutWill),
        (raw_connect("MQTT", 2 | 0x20, &id), V::WillFlagsWithoutWill),
        (raw_connect("MQTT", 2 | 0x1c, &with_will(&string("w"))), V::WillQos),
        (raw_connect("MQTT", 2 | 0x04, &with_will(&string("w/#"))), V::WildcardInTopic),
        (raw_connect("MQTT", 2 | 0x04, &with_will(&string(""))), V::EmptyTopic),
        (raw_connect("MQTT", 2 | 0x04, &with_will(&string(&"w".repeat(257)))), V::TopicLimit),
        (raw_connect("MQTT", 2 | 0x24, &with_will(&string("$aws/x"))), V::RetainOnReservedTopic),
        (raw_connect("MQTT", 2 | 0x40, &[&id[..], &string("pw")].concat()), V::PasswordWithoutUsername),
        (raw_connect("MQTT", 2 | 0xc0, &[&id[..], &string("user")].concat()), V::Truncated),
        (raw_connect("MQTT", 2, &[&id[..], &[0]].concat()), V::TrailingBytes),
        (raw_connect("MQTT", 2, &[0, 2, 0xc3, 0x28]), V::NotUtf8),
        (raw_connect("MQTT", 2, &[0, 3, 0xed, 0xa0, 0x80]), V::NotUtf8),
        (raw_connect("MQTT", 2, &[0, 1, 0]), V::NulCharacter),
        (raw_connect("MQTT", 2, &[]), V::Truncated),
    ];
    for (bytes, kind) in cases {
        let mut world = World::aws();
        let client = world.open(&bytes);
        assert_eq!(world.violations(), [kind], "{bytes:02x?}");
        world.assert_violated(client, kind);
        assert!(world.sent_to(client).is_empty());
    }
}

#[test]
fn a_bad_packet_of_an_online_client_is_a_violation() {
    let long = "x".repeat(257);
    let cases = [
        (Connect::clean("a").bytes(), V::SecondConnect),
        (vec![0x00, 0], V::ReservedType),
        (vec![0xf0, 0], V::ReservedType),
        (vec![0x20, 2, 0, 0], V::ServerPacket),
        (suback(1, &[0]), V::ServerPacket),
        (vec![0xb0, 2, 0, 1], V::ServerPacket),
        (vec![0xd0, 0], V::ServerPacket),
        (vec![0xc1, 0], V::ReservedFlags),
        (vec![0xe4, 0], V::ReservedFlags),
        (with_first_byte(0x42, puback(1)), V::ReservedFlags),
        (with_first_byte(0x80, subscribe(1, &[("a", 0)])), V::ReservedFlags),
        (with_first_byte(0xa0, unsubscribe(1, &["a"])), V::ReservedFlags),
        (with_first_byte(0x36, publish1(1, "a", b"")), V::Qos3),
        (with_first_byte(0x38, publish0("a", b"")), V::DupWithoutQos),
        (with_first_byte(0x50, puback(1)), V::Qos2Flow),
        (with_first_byte(0x62, puback(1)), V::Qos2Flow),
        (with_first_byte(0x70, puback(1)), V::Qos2Flow),
        (vec![0x30, 0x80, 0x80, 0x80, 0x80], V::LengthTooLong),
        (vec![0xc0, 0x80, 0x00], V::LengthNotMinimal),
        (vec![0x30, 0x81, 0x80, 0x00], V::LengthNotMinimal),
        (vec![0x30, 0xff, 0xff, 0xff, 0x7f], V::PacketTooLarge),
        (packet(0xc0, &[0]), V::TrailingBytes),
        (packet(0xe0, &[0]), V::TrailingBytes),
        (packet(0x40, &[0, 1, 0]), V::TrailingBytes),
        (packet(0x40, &[1]), V::Truncated),
        (packet(0x30, &[0, 5, b'a']), V::Truncated),
        (packet(0x32, &[0, 1, b'a', 0]), V::Truncated),
        (puback(0), V::PacketIdZero),
        (publish1(0, "a", b""), V::PacketIdZero),
        (subscribe(0, &[("a", 0)]), V::PacketIdZero),
        (unsubscribe(0, &["a"]), V::PacketIdZero),
        (puback(1), V::UnknownPuback),
        (publish0("", b""), V::EmptyTopic),
        (publish0("a/+", b""), V::WildcardInTopic),
        (publish0("#", b""), V::WildcardInTopic),
        (publish0("a\0", b""), V::NulCharacter),
        (packet(0x30, &[0, 1, 0xff]), V::NotUtf8),
        (publish0(&long, b""), V::TopicLimit),
        (publish0("1/2/3/4/5/6/7/8/9", b""), V::TopicLimit),
        (publish0("$SYS/x", b""), V::ReservedTopic),
        (retained("$aws/things/x/shadow/update", b"{}"), V::RetainOnReservedTopic),
        (packet(0x82, &[0, 1]), V::EmptySubscribe),
        (packet(0xa2, &[0, 1]), V::EmptyUnsubscribe),
        (subscribe(1, &[("a", 3)]), V::RequestedQos),
        (subscribe(1, &[("a", 4)]), V::RequestedQos),
        (subscribe(1, &[("", 0)]), V::EmptyTopic),
        (unsubscribe(1, &["a\0"]), V::NulCharacter),
        (packet(0x82, &[0, 1, 0, 1, b'a']), V::Truncated),
    ];
    for (bytes, kind) in cases {
        let mut world = World::aws();
        let client = world.online(&Connect::clean("a"));
        world.send(client, &bytes);
        assert_eq!(world.violations(), [kind], "{bytes:02x?}");
        world.assert_violated(client, kind);
        assert!(world.sent_to(client).is_empty(), "{bytes:02x?}");
    }
}

#[test]
fn sending_together_with_the_connect_is_a_violation_in_the_service_only() {
    let bytes = [&Connect::clean("a").bytes(), PINGREQ].concat();
    let mut world = World::aws();
    let client = world.open(&bytes);
    world.assert_violated(client, V::BeforeConnack);
    let mut world = World::standard();
    world.open(&bytes);
    assert!(world.violations().is_empty());
}

#[test]
fn a_packet_id_used_again_before_its_acknowledgement_is_a_violation() {
    let first = publish1(1, "a", b"x");
    let cases = [publish1(1, "a", b"y"), subscribe(1, &[("a", 0)]), unsubscribe(1, &["a"])];
    for second in cases {
        let mut world = World::aws();
        let client = world.online(&Connect::clean("a"));
        world.send(client, &[first.clone(), second].concat());
        world.assert_violated(client, V::PacketIdInUse);
    }
    let mut world = World::aws();
    let client = world.online(&Connect::clean("a"));
    let (subscribe, unsubscribe) = (subscribe(2, &[("a", 0)]), unsubscribe(3, &["b"]));
    let again = [again1(1, "a", b"x"), subscribe.clone(), unsubscribe.clone()].concat();
    world.send(client, &[first, subscribe, unsubscribe, again].concat());
    assert!(world.violations().is_empty(), "a repetition is allowed");
}

#[test]
fn a_packet_id_is_free_again_after_its_acknowledgement() {
    let mut world = World::aws();
    let client = world.online(&Connect::clean("a"));
    world.send(client, &publish1(1, "a", b"x"));
    world.send(client, &subscribe(1, &[("a", 0)]));
    world.send(client, &unsubscribe(1, &["a"]));
    world.send(client, &publish1(1, "a", b"x"));
    assert!(world.violations().is_empty());
}

#[test]
fn the_101st_unacknowledged_publish_is_a_violation() {
    let mut world = World::aws();
    let client = world.online(&Connect::clean("a"));
    let hundred: Vec<u8> = (1..=100).flat_map(|id| publish1(id, "a", b"")).collect();
    world.send(client, &hundred);
    assert!(world.violations().is_empty());
    world.send(client, &[hundred, publish1(101, "a", b"")].concat());
    world.assert_violated(client, V::TooManyInFlight);
}

#[test]
fn a_second_puback_for_one_message_is_a_violation() {
    let mut world = World::aws();
    let client = world.subscriber(&Connect::clean("a"), "t", 1);
    world.send(client, &publish1(1, "t", b"x"));
    world.send(client, &puback(1));
    assert!(world.violations().is_empty());
    world.send(client, &puback(1));
    world.assert_violated(client, V::UnknownPuback);
}

#[test]
fn anything_after_disconnect_is_a_violation() {
    let mut world = World::aws();
    let client = world.online(&Connect::clean("a").will("w", "bye"));
    world.send(client, &[DISCONNECT, PINGREQ].concat());
    assert_eq!(world.violations(), [V::AfterDisconnect]);
}

#[test]
fn a_broken_client_is_cut_off_at_the_first_violation() {
    let mut world = World::aws();
    let client = world.online(&Connect::clean("a"));
    world.send(client, &[&puback(1), PINGREQ, &[0xff], &puback(2)].concat());
    world.send(client, PINGREQ);
    world.assert_violated(client, V::UnknownPuback);
    assert!(world.sent_to(client).is_empty());
    assert_eq!(world.broker.violation_count(), 1);
}

#[test]
fn a_violation_tells_who_what_and_why_but_never_a_whole_payload() {
    let mut world = World::aws();
    let client = world.online(&Connect::clean("dev-1"));
    world.send(client, &publish0("#", &[0xaa; 1000]));
    let violation = &world.broker.violations()[0];
    assert_eq!(violation.bytes.len(), SHOWN_BYTES);
    let line = violation.to_string();
    assert!(line.starts_with("violation: connection 1 (client \"dev-1\"): a wildcard in the topic of a publish [MQTT-3.3.2-2]; bytes 30eb07000123aaaa"), "{line}");
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn a_violation_never_tells_a_password() {
    let mut world = World::aws();
    let connect = Connect { username: Some("user"), password: Some(b"hunter2"), ..Connect::persistent("") };
    world.open(&connect.bytes());
    let violation = &world.broker.violations()[0];
    assert_eq!(violation.kind, V::EmptyClientId);
    assert_eq!(&violation.bytes[..], &connect.bytes()[..12]);
}
