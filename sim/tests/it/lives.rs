//! Whole lives of a client under a broken network, on virtual time, judged by what came out.

use core::time::Duration;
use std::collections::BTreeMap;

use thingwire_core::{Config, Drain, Filter, LinkError, Notice, Outcome, Phase, Publish, Qos, Ticket, Topic};
use thingwire_sim::world::{Network, World};

/// Enough for every fault to meet every phase; the same seeds every time.
const SEEDS: u64 = 400;

#[test]
fn a_round_trip_through_the_virtual_network() {
    let mut world = World::new(Config::new("life"), 1, Network::default());
    world.subscribe(Filter::new("t").unwrap(), Qos::AtLeastOnce).unwrap();
    world.publish(Publish::new(Topic::new("t").unwrap(), "hello")).unwrap();
    world.start();
    world.run_for(Duration::from_secs(1));
    let notices = world.take_notices();
    let message = notices.iter().find_map(|notice| match notice {
        Notice::Message(message) => Some(&message.payload[..]),
        _ => None,
    });
    assert_eq!(message, Some(&b"hello"[..]), "{notices:?}");
    world.stop();
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.client().phase(), Phase::Idle);
    assert_eq!(world.broker().violations(), []);
}

#[test]
fn an_idle_day_is_pings_only() {
    let mut world = World::new(Config::new("life"), 1, Network::default());
    world.start();
    world.run_for(Duration::from_secs(86_400));
    let notices = world.take_notices();
    assert_eq!(notices, [Notice::Attempting { attempt: 1 }, Notice::Online { resumed: false }, Notice::Ready]);
}

#[test]
fn a_silent_network_is_found_out_by_the_keep_alive() {
    let mut world = World::new(Config::new("life"), 1, Network::default());
    world.start();
    world.run_for(Duration::from_secs(5));
    world.network().silent = true;
    world.run_for(Duration::from_secs(71));
    let offline = Some(LinkError::KeepAlive);
    assert!(world.take_notices().iter().any(|notice| matches!(notice, Notice::Offline { why, .. } if *why == offline)));
    world.network().silent = false;
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.client().phase(), Phase::Ready);
}

#[test]
fn nothing_is_lost_reordered_or_reported_twice_whatever_the_network_does() {
    let mut cuts_by_phase: BTreeMap<Phase, u32> = BTreeMap::new();
    for seed in 0..SEEDS {
        Life::new(seed).live(&mut cuts_by_phase);
    }
    let met: Vec<_> = cuts_by_phase.keys().copied().collect();
    let all = [Phase::Opening, Phase::AwaitingConnack, Phase::Resubscribing, Phase::Draining, Phase::Ready];
    assert!(all.iter().all(|phase| met.contains(phase)), "the cuts met only {cuts_by_phase:?}");
}

/// One client's life: a seed decides what happens.
struct Life {
    world: World,
    seed: u64,
    dice: u64,
    accepted: Vec<Ticket>,
    outcomes: BTreeMap<Ticket, Vec<Outcome>>,
    /// Per topic, what was accepted, in order.
    published: BTreeMap<String, Vec<u64>>,
    link_notices: Vec<Notice>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut config = Config::new("life");
        config.clean_session = seed % 2 == 0;
        config.queue.count_max = None;
        config.drain = [Drain::Unlimited, Drain::Adaptive, Drain::Every(Duration::from_millis(100))]
            [usize::try_from(seed / 6 % 3).unwrap()];
        config.in_flight_max = [1, 3, 100][usize::try_from(seed % 3).unwrap()];
        config.backoff.stable = Duration::from_secs(5);
        config.backoff.max = Duration::from_secs(4);
        let segment_len_max = [1, 7, 1_460][usize::try_from(seed / 3 % 3).unwrap()];
        let network = Network { segment_len_max, ..Network::default() };
        Self {
            world: World::new(config, seed, network),
            seed,
            dice: seed,
            accepted: Vec::new(),
            outcomes: BTreeMap::new(),
            published: BTreeMap::new(),
            link_notices: Vec::new(),
        }
    }

    fn live(mut self, cuts_by_phase: &mut BTreeMap<Phase, u32>) {
        self.world.start();
        for _ in 0..150 {
            match self.roll(12) {
                0..=4 => self.publish(),
                5 => self.subscribe(),
                6 => {
                    *cuts_by_phase.entry(self.world.client().phase()).or_default() += 1;
                    self.world.cut();
                }
                7 => self.world.network().reachable = self.roll(2) == 0,
                8 if self.roll(4) == 0 => self.world.network().silent = self.roll(2) == 0,
                9 if self.roll(4) == 0 => self.restart(),
                _ => {}
            }
            let millis = [0, 5, 20, 41, 300, 2_000, 70_000][usize::try_from(self.roll(7)).unwrap()];
            self.world.run_for(Duration::from_millis(millis));
            self.look();
        }
        self.heal();
        self.judge();
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % sides
    }

    fn publish(&mut self) {
        let topic = format!("t/{}", self.roll(3));
        let number = self.accepted.len() as u64;
        let publish = Publish::new(Topic::new(topic.as_str()).unwrap(), number.to_string());
        self.accepted.push(self.world.publish(publish).unwrap());
        self.published.entry(topic).or_default().push(number);
    }

    fn subscribe(&mut self) {
        let filter = Filter::new(format!("f/{}", self.roll(20))).unwrap();
        self.accepted.push(self.world.subscribe(filter, Qos::AtLeastOnce).unwrap());
    }

    fn restart(&mut self) {
        self.world.stop();
        let millis = self.roll(3) * 30;
        self.world.run_for(Duration::from_millis(millis));
        self.world.start();
    }

    /// Everything works again, for long enough.
    fn heal(&mut self) {
        *self.world.network() = Network { reachable: true, silent: false, ..*self.world.network() };
        self.world.start();
        self.world.run_for(Duration::from_secs(120));
        self.look();
    }

    fn look(&mut self) {
        for notice in self.world.take_notices() {
            match notice {
                Notice::Done { ticket, outcome } => self.outcomes.entry(ticket).or_default().push(outcome),
                Notice::Message(_) => {}
                other => self.link_notices.push(other),
            }
        }
    }

    fn judge(mut self) {
        let seed = self.seed;
        assert_eq!(self.world.broker().violations(), [], "seed {seed}: the client broke a rule");
        assert_eq!(self.world.client().phase(), Phase::Ready, "seed {seed}");
        assert_eq!((self.world.client().queued(), self.world.client().in_flight()), (0, 0), "seed {seed}");
        for ticket in &self.accepted {
            let outcomes = self.outcomes.remove(ticket).unwrap_or_default();
            assert_eq!(outcomes.len(), 1, "seed {seed}: {ticket} ended as {outcomes:?}");
        }
        assert!(self.outcomes.is_empty(), "seed {seed}: outcomes nobody asked for");
        self.judge_arrivals();
        judge_pairs(seed, &self.link_notices);
    }

    /// First arrivals are exactly what was accepted, in order, for each topic.
    fn judge_arrivals(&mut self) {
        let mut first: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for message in self.world.take_arrived() {
            let number = std::str::from_utf8(&message.payload).unwrap().parse().unwrap();
            let topic = first.entry(message.topic.clone()).or_default();
            if !topic.contains(&number) {
                topic.push(number);
            }
        }
        assert_eq!(first, self.published, "seed {}", self.seed);
    }
}

/// Attempting, then Online or Failed; Online, then Offline; Ready at most once in between.
pub(crate) fn judge_pairs(seed: u64, notices: &[Notice]) {
    let (mut attempting, mut online, mut ready) = (false, false, false);
    for notice in notices {
        let expected = match notice {
            Notice::Attempting { .. } => !attempting && !online,
            Notice::Online { .. } | Notice::Failed { .. } => attempting,
            Notice::Ready => online && !ready,
            Notice::Offline { .. } => online,
            Notice::Stopped => !attempting && !online,
            _ => true,
        };
        assert!(expected, "seed {seed}: {notice:?} in {notices:?}");
        match notice {
            Notice::Attempting { .. } => attempting = true,
            Notice::Online { .. } => (attempting, online) = (false, true),
            Notice::Failed { .. } => attempting = false,
            Notice::Ready => ready = true,
            Notice::Offline { .. } => (online, ready) = (false, false),
            _ => {}
        }
    }
}
