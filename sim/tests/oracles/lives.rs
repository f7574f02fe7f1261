//! Recorded lives in which everything is right.

use core::time::Duration;

use thingwire_core::{Config, Drain, Jitter, LinkError, Qos, TcpError, WhenFull};
use thingwire_sim::oracle::Rulebook;
use thingwire_sim::trace::{Packet, Record, What};

use crate::rig::{Rig, config};

pub(crate) type Life = fn() -> (Vec<Record>, Rulebook);

pub(crate) const ALL: [(&str, Life); 17] = [
    ("plain", plain),
    ("resumed", resumed),
    ("renewed", renewed),
    ("requests", requests),
    ("inbound", inbound),
    ("manual", manual),
    ("unread", unread),
    ("silence", silence),
    ("failures", failures),
    ("jitter", jitter),
    ("stops", stops),
    ("poison", poison),
    ("full", full),
    ("drained", drained),
    ("adaptive", adaptive),
    ("hostile", hostile),
    ("healed", healed),
];

const RESET: LinkError = LinkError::Tcp { address: None, why: TcpError::Reset };

fn end(mut rig: Rig, config: Config) -> (Vec<Record>, Rulebook) {
    rig.wait(1);
    rig.record(What::End);
    (rig.records, Rulebook::new(config))
}

/// Messages of both kinds, some faster than the service allows.
pub(crate) fn plain() -> (Vec<Record>, Rulebook) {
    let mut config = config();
    config.in_flight_max = 5;
    config.queue.count_max = None;
    let mut rig = Rig::ready(config.clone());
    rig.publish("a", Qos::AtLeastOnce);
    rig.publish("a", Qos::AtMostOnce);
    rig.wait(1_000);
    for _ in 0..40 {
        rig.publish("a", Qos::AtLeastOnce);
    }
    rig.wait(2_000);
    for _ in 0..40 {
        rig.publish("b", Qos::AtMostOnce);
    }
    rig.wait(2_000);
    end(rig, config)
}

/// Links that break, and a session that is kept, and one that is not.
pub(crate) fn resumed() -> (Vec<Record>, Rulebook) {
    let config = config();
    let mut rig = Rig::ready(config.clone());
    rig.answers_publishes = false;
    for _ in 0..3 {
        rig.publish("a", Qos::AtLeastOnce);
    }
    rig.wait(50);
    rig.lose(RESET);
    rig.publish("a", Qos::AtLeastOnce);
    rig.connack = (true, 0);
    rig.answers_publishes = true;
    rig.wait(5_000);
    rig.answers_publishes = false;
    rig.publish("a", Qos::AtLeastOnce);
    rig.publish("a", Qos::AtLeastOnce);
    rig.wait(100);
    rig.lose(RESET);
    rig.connack = (false, 0);
    rig.answers_publishes = true;
    rig.wait(60_000);
    rig.lose(RESET);
    rig.wait(60_000);
    end(rig, config)
}

/// Subscriptions that a new session does not know.
pub(crate) fn renewed() -> (Vec<Record>, Rulebook) {
    let config = config();
    let mut rig = Rig::ready(config.clone());
    rig.subscribe(&["a", "b"]);
    rig.subscribe(&["c"]);
    rig.wait(100);
    rig.lose(RESET);
    rig.publish("x", Qos::AtLeastOnce);
    rig.wait(5_000);
    rig.unsubscribe("c");
    rig.wait(100);
    rig.lose(RESET);
    rig.answers = false;
    rig.wait(15_000);
    rig.answers = true;
    rig.connack = (true, 0);
    rig.publish("x", Qos::AtMostOnce);
    rig.wait(40_000);
    rig.grant = 0x80;
    rig.connack = (false, 0);
    rig.lose(RESET);
    rig.wait(10_000);
    rig.lose(RESET);
    rig.wait(10_000);
    end(rig, config)
}

/// Requests that are granted, refused, and never answered.
pub(crate) fn requests() -> (Vec<Record>, Rulebook) {
    let config = config();
    let mut rig = Rig::ready(config.clone());
    rig.subscribe(&["a", "b"]);
    rig.wait(100);
    rig.grant = 0x80;
    rig.subscribe(&["refused"]);
    rig.unsubscribe("a");
    rig.wait(100);
    rig.answers = false;
    rig.subscribe(&["late"]);
    rig.wait(6_000);
    rig.publish("x", Qos::AtLeastOnce);
    rig.wait(10);
    rig.receive(Packet::Suback(4, [1].into()));
    rig.receive(Packet::Puback(5));
    rig.receive(Packet::Puback(999));
    rig.receive(Packet::Unsuback(998));
    rig.wait(10);
    end(rig, config)
}

/// Messages that arrive.
pub(crate) fn inbound() -> (Vec<Record>, Rulebook) {
    let config = config();
    let mut rig = Rig::ready(config.clone());
    rig.publish("x", Qos::AtLeastOnce);
    rig.message(7, 1_001);
    rig.message(0, 1_002);
    rig.message(8, 1_003);
    rig.wait(10);
    rig.pause(true);
    rig.wait(10);
    rig.pause(false);
    rig.message(9, 1_004);
    rig.wait(10);
    end(rig, config)
}

/// Messages that the application acknowledges itself.
pub(crate) fn manual() -> (Vec<Record>, Rulebook) {
    let mut config = config();
    config.manual_acks = true;
    let mut rig = Rig::ready(config.clone());
    rig.message(7, 1_001);
    rig.message(8, 1_002);
    rig.wait(10);
    rig.ack();
    rig.wait(10);
    rig.ack();
    rig.wait(10);
    end(rig, config)
}

/// Answers that nobody reads: first the application holds as many messages as it may, then it has paused input.
pub(crate) fn unread() -> (Vec<Record>, Rulebook) {
    let mut config = config();
    (config.manual_acks, config.unacked_max) = (true, 1);
    let mut rig = Rig::ready(config.clone());
    rig.message(7, 1_001);
    rig.subscribe(&["a"]);
    rig.wait(8_000);
    rig.ack();
    rig.wait(8_000);
    rig.pause(true);
    rig.subscribe(&["b"]);
    rig.wait(8_000);
    rig.pause(false);
    rig.wait(8_000);
    end(rig, config)
}

/// Silence, answered and not.
pub(crate) fn silence() -> (Vec<Record>, Rulebook) {
    let config = config();
    let mut rig = Rig::ready(config.clone());
    rig.wait(150_000);
    rig.answers = false;
    rig.wait(30_000);
    rig.publish("x", Qos::AtMostOnce);
    rig.wait(60_000);
    rig.answers = true;
    rig.wait(100_000);
    end(rig, config)
}

/// Attempts that fail in every way.
pub(crate) fn failures() -> (Vec<Record>, Rulebook) {
    let config = config();
    let mut rig = Rig::new(config.clone());
    rig.reachable = false;
    rig.start();
    rig.wait(10);
    rig.lose(LinkError::Tcp { address: None, why: TcpError::Refused });
    rig.wait(12_000);
    rig.reachable = true;
    rig.answers = false;
    rig.wait(20_000);
    rig.answers = true;
    rig.connack = (false, 3);
    rig.wait(20_000);
    rig.connack = (false, 5);
    rig.wait(60_000);
    rig.connack = (false, 0);
    rig.wait(60_000);
    rig.lose(LinkError::Closed);
    rig.wait(10_000);
    end(rig, config)
}

/// Waits with every kind of jitter.
pub(crate) fn jitter() -> (Vec<Record>, Rulebook) {
    let mut config = config();
    config.backoff.jitter = Jitter::Decorrelated;
    let mut rig = Rig::new(config.clone());
    rig.reachable = false;
    rig.start();
    for _ in 0..20 {
        rig.lose(LinkError::Tcp { address: None, why: TcpError::Unreachable });
        rig.wait(40_000);
    }
    end(rig, config)
}

/// Stops in every phase.
pub(crate) fn stops() -> (Vec<Record>, Rulebook) {
    let config = config();
    let mut rig = Rig::new(config.clone());
    rig.start();
    rig.stop();
    rig.start();
    rig.wait(5);
    rig.stop();
    rig.wait(5_000);
    rig.start();
    rig.wait(100);
    rig.publish("x", Qos::AtLeastOnce);
    rig.wait(100);
    rig.stop();
    rig.wait(5_000);
    rig.start();
    rig.wait(30_000);
    rig.lose(RESET);
    rig.stop();
    rig.wait(5_000);
    end(rig, config)
}

/// A message that the server closes the link for.
pub(crate) fn poison() -> (Vec<Record>, Rulebook) {
    poison_with(config())
}

fn poison_with(config: Config) -> (Vec<Record>, Rulebook) {
    let mut rig = Rig::ready(config.clone());
    rig.connack = (true, 0);
    rig.denied = Some(2);
    rig.publish("x", Qos::AtLeastOnce);
    rig.publish("secret", Qos::AtLeastOnce);
    rig.publish("y", Qos::AtLeastOnce);
    rig.wait(60_000);
    end(rig, config)
}

/// The client sends what is refused, and nothing else, for longer than the rules allow.
pub(crate) fn poison_for_too_long() -> (Vec<Record>, Rulebook) {
    let mut patient = config();
    patient.closes_max = 4;
    let mut rig = Rig::ready(patient);
    rig.connack = (true, 0);
    rig.denied = Some(1);
    rig.publish("secret", Qos::AtLeastOnce);
    rig.wait(60_000);
    end(rig, config())
}

/// A queue that is full, drops, expires and is thinned out.
pub(crate) fn full() -> (Vec<Record>, Rulebook) {
    let mut config = config();
    config.queue.count_max = Some(3);
    config.queue.when_full = WhenFull::DropOldest;
    let mut rig = Rig::new(config.clone());
    for _ in 0..5 {
        rig.publish("x", Qos::AtLeastOnce);
    }
    let ticket = rig.publish_for("x", Qos::AtLeastOnce, Some(Duration::from_secs(60))).unwrap();
    rig.discard(ticket);
    rig.publish_for("x", Qos::AtLeastOnce, Some(Duration::from_secs(1)));
    rig.wait(2_000);
    rig.start();
    rig.wait(1_000);
    end(rig, config)
}

/// A backlog at two a second, which is refused what does not fit.
pub(crate) fn drained() -> (Vec<Record>, Rulebook) {
    let mut config = config();
    config.drain = Drain::Every(Duration::from_millis(500));
    config.queue.count_max = Some(6);
    let mut rig = Rig::new(config.clone());
    for _ in 0..5 {
        rig.publish("x", Qos::AtLeastOnce);
    }
    rig.start();
    rig.wait(300);
    for _ in 0..4 {
        rig.publish("y", Qos::AtMostOnce);
    }
    rig.wait(4_000);
    rig.lose(RESET);
    for _ in 0..7 {
        rig.publish("x", Qos::AtLeastOnce);
    }
    rig.wait(10_000);
    end(rig, config)
}

/// A backlog as fast as it is acknowledged.
pub(crate) fn adaptive() -> (Vec<Record>, Rulebook) {
    let mut config = config();
    config.drain = Drain::Adaptive;
    let mut rig = Rig::new(config.clone());
    for _ in 0..12 {
        rig.publish("x", Qos::AtLeastOnce);
    }
    rig.start();
    rig.wait(3_000);
    end(rig, config)
}

/// A server that does what it must not.
pub(crate) fn hostile() -> (Vec<Record>, Rulebook) {
    let config = config();
    let mut rig = Rig::ready(config.clone());
    rig.publish("x", Qos::AtLeastOnce);
    rig.receive_together(&[Packet::Malformed, Packet::Puback(1)]);
    rig.wait(5_000);
    rig.receive(Packet::Connack { present: false, code: 0 });
    rig.wait(5_000);
    rig.answers = false;
    rig.subscribe(&["a"]);
    rig.receive(Packet::Suback(2, [1, 1].into()));
    rig.wait(5_000);
    end(rig, config)
}

/// Trouble, and then none.
pub(crate) fn healed() -> (Vec<Record>, Rulebook) {
    let mut config = config();
    config.drain = Drain::Every(Duration::from_millis(500));
    let mut rig = Rig::ready(config.clone());
    rig.subscribe(&["a"]);
    rig.wait(100);
    rig.record(What::Fault { index: 0, name: "connect/refused", begins: true });
    rig.lose(RESET);
    for _ in 0..10 {
        rig.publish("x", Qos::AtLeastOnce);
    }
    rig.wait(100);
    rig.record(What::Fault { index: 0, name: "connect/refused", begins: false });
    rig.record(What::Healed);
    rig.wait(400_000);
    end(rig, config)
}
