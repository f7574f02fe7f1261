//! Lives drawn at random: a client that is right is never found wrong.

use core::fmt::Write as _;
use core::time::Duration;

use thingwire_core::{Config, Drain, Jitter, Limits, LinkError, Qos, TcpError, WhenFull};
use thingwire_sim::choices::{Choices, Seeded, Site};
use thingwire_sim::oracle::{Oracle, Rulebook};
use thingwire_sim::trace::{Packet, Record, What};

use crate::rig::{Rig, config};
use crate::right::judge;

struct Draws(Seeded);

impl Draws {
    fn below(&mut self, n: u64) -> u64 {
        self.0.below(0, Site::AppWork, n)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

fn any_config(draws: &mut Draws) -> Config {
    let mut config = config();
    config.clean_session = draws.below(3) == 0;
    config.keep_alive = Duration::from_secs(draws.one_of(&[0, 5, 30]));
    config.drain = draws.one_of(&[Drain::Unlimited, Drain::Adaptive, Drain::Every(Duration::from_millis(300))]);
    config.backoff.jitter = draws.one_of(&[Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated]);
    config.backoff.stable = Duration::from_secs(draws.one_of(&[2, 20]));
    config.queue.count_max = draws.one_of(&[Some(0), Some(3), Some(20), None]);
    config.queue.bytes_max = draws.one_of(&[40, 4_000_000]);
    config.queue.when_full = draws.one_of(&[WhenFull::DropNewest, WhenFull::DropOldest]);
    config.in_flight_max = draws.one_of(&[1, 3, 100]);
    config.resend_after = draws.one_of(&[None, None, Some(Duration::from_secs(3))]);
    config.closes_max = draws.one_of(&[1, 2, 3]);
    config.manual_acks = draws.below(4) == 0;
    if draws.below(2) == 0 {
        let connect_spacing = config.limits.connect_spacing;
        config.limits = Limits::none();
        config.limits.connect_spacing = connect_spacing;
    }
    config
}

fn step(rig: &mut Rig, draws: &mut Draws) {
    let qos = draws.one_of(&[Qos::AtLeastOnce, Qos::AtLeastOnce, Qos::AtMostOnce]);
    let topic = draws.one_of(&["a", "b", "secret"]);
    let filter = draws.one_of(&["a", "b", "c"]);
    let id = u16::try_from(1 + draws.below(9)).unwrap();
    match draws.below(40) {
        0..=7 => drop(rig.publish(topic, qos)),
        8 => drop(rig.publish_for(topic, qos, Some(Duration::from_millis(draws.below(5_000))))),
        9 | 10 => drop(rig.subscribe(&[filter, "d"])),
        11 => drop(rig.unsubscribe(filter)),
        12 => {
            if let Some(ticket) = rig.publish(topic, qos) {
                rig.discard(ticket);
            }
        }
        13 => rig.start(),
        14 if draws.below(3) == 0 => rig.stop(),
        15 => rig.lose(LinkError::Tcp { address: None, why: TcpError::Reset }),
        16 => rig.lose(LinkError::Closed),
        17 => rig.answers = !rig.answers,
        18 => rig.answers_pings = !rig.answers_pings,
        19 => rig.answers_publishes = !rig.answers_publishes,
        20 => rig.reachable = !rig.reachable,
        21 => rig.connack = draws.one_of(&[(false, 0), (true, 0), (false, 0), (true, 0), (false, 3), (false, 5)]),
        22 => rig.grant = draws.one_of(&[0x80, 0, 1, 1]),
        23 => rig.denied = draws.one_of(&[None, Some(5), Some(10), Some(20)]),
        24 => rig.receive(Packet::Puback(id)),
        25 => rig.receive(Packet::Suback(id, [1].into())),
        26 => rig.receive(Packet::Unsuback(id)),
        27 | 28 => rig.message(id, draws.below(1_000)),
        29 => rig.message(0, draws.below(1_000)),
        30 => rig.pause(draws.below(3) == 0),
        31 if draws.below(5) == 0 => rig.receive(Packet::Malformed),
        32 if rig.has_tokens() => rig.ack(),
        33 => {
            for _ in 0..20 {
                rig.publish(topic, qos);
            }
        }
        34 => rig.wait(60_000),
        _ => rig.wait(draws.below(2_000)),
    }
}

fn life(seed: u64) -> (Vec<Record>, Rulebook) {
    let mut draws = Draws(Seeded::new(seed));
    let config = any_config(&mut draws);
    let mut rig = Rig::new(config.clone());
    for _ in 0..150 {
        step(&mut rig, &mut draws);
    }
    rig.wait(1);
    rig.record(What::End);
    let mut rules = Rulebook::new(config);
    if rig.records.iter().any(|record| record.what == What::Pause(true)) {
        // A request that is overdue while nobody reads is put off, and remembered as overdue by the next one.
        rules.excused.insert(Oracle::S31);
    }
    (rig.records, rules)
}

#[test]
fn a_client_that_is_right_is_never_found_wrong() {
    let mut found = String::new();
    let lives = std::env::var("LIVES").ok().and_then(|lives| lives.parse().ok()).unwrap_or(150);
    for seed in 0..lives {
        let (records, rules) = life(seed);
        if let Some(finding) = judge(&records, &rules).findings.first() {
            writeln!(found, "seed {seed}: {finding}").unwrap();
        }
    }
    assert_eq!(found, "");
}
