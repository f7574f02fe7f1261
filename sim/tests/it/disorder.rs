//! A client whose driver does everything the contract allows, in any order: nothing is drained in time, sockets take
//! and give single bytes, wakes come late, and the server forgets, refuses and is taken over meanwhile.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::{Buf, BytesMut};
use thingwire_core::{
    AckToken, Action, Client, Config, Drain, Event, Filter, Instant, Limits, Link, LinkError, Notice, Outcome, Phase,
    Publish, Qos, TcpError, Ticket, Topic, WhenFull,
};
use thingwire_sim::broker::{self, Broker, ConnectionId, Output, OverSubscriptions, Refuse, Rules};

use crate::packets::Connect;

const SEEDS: u64 = 500;
const STEPS: u32 = 600;
const ID: &str = "disorder";
/// The server refuses filters that begin so, and closes the connection for a publish to such a topic.
const DENIED: &str = "no/";

#[test]
fn no_order_of_events_commands_and_drains_breaks_a_promise() {
    let mut troubled: BTreeMap<Phase, u32> = BTreeMap::new();
    for seed in 0..SEEDS {
        Disorder::new(seed).live(&mut troubled);
    }
    let met: Vec<_> = troubled.keys().copied().collect();
    let all = [Phase::Opening, Phase::AwaitingConnack, Phase::Resubscribing, Phase::Draining, Phase::Ready];
    assert!(all.iter().all(|phase| met.contains(phase)), "links broke only in {troubled:?}");
}

/// What the application asked for.
#[derive(Debug, Clone)]
enum Asked {
    Publish { topic: String, payload: String },
    Subscribe(Vec<Filter>),
    Unsubscribe(Vec<Filter>),
}

struct Disorder {
    seed: u64,
    dice: Dice,
    client: Client,
    broker: Broker,
    now: Instant,
    wire: Option<Wire>,
    old_link: Option<Link>,
    /// What the client has not taken yet.
    inbound: BytesMut,
    asked: BTreeMap<Ticket, Asked>,
    outcomes: BTreeMap<Ticket, Outcome>,
    /// Subscriptions that the client has given up, with the last ticket of that time.
    given_up: BTreeMap<Filter, Ticket>,
    arrived: Vec<broker::Message>,
    link_notices: Vec<Notice>,
    tokens: VecDeque<AckToken>,
}

/// The socket, both ways.
struct Wire {
    link: Link,
    /// `None` until it is connected.
    connection: Option<ConnectionId>,
    outbound: BytesMut,
    inbound: BytesMut,
    /// The server has closed it.
    ended: bool,
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.roll(from.len() as u64)).unwrap()]
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

impl Disorder {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut config = Config::new(ID);
        config.clean_session = dice.one_in(3);
        config.manual_acks = dice.one_in(3);
        config.keep_alive = Duration::from_secs(dice.pick(&[0, 5, 60]));
        config.operation_timeout = Duration::from_secs(dice.pick(&[5, 1_000_000]));
        config.queue.count_max = dice.pick(&[Some(0), Some(1), Some(3), Some(20), None, None]);
        config.queue.bytes_max = dice.pick(&[30, 4096]);
        config.queue.when_full = dice.pick(&[WhenFull::DropNewest, WhenFull::DropOldest]);
        config.backoff.max = Duration::from_secs(2);
        config.in_flight_max = dice.pick(&[1, 2, 100]);
        config.unacked_max = dice.pick(&[1, 3, 100]);
        config.actions_max = dice.pick(&[1, 4, 1024]);
        config.drain =
            dice.pick(&[Drain::Every(Duration::from_millis(500)), Drain::Adaptive, Drain::Unlimited, Drain::Unlimited]);
        config.closes_max = dice.pick(&[1, 3, 1_000_000]);
        config.limits = dice.pick(&[Limits::aws(), Limits::none()]);
        config.limits.filters_per_request_max = dice.pick(&[2, 8]);
        config.limits.subscriptions_max = dice.pick(&[4, 50]);
        // What timed out, was never ended, or is made again on a resumed session may be one too many for a while.
        let patient = config.operation_timeout > Duration::from_secs(5);
        let counted = config.clean_session && patient && config.queue.when_full == WhenFull::DropNewest;
        let rules = Rules {
            session_expiry: Some(Duration::from_secs(dice.pick(&[1, 60, 3600]))),
            redeliver_as_new: dice.one_in(2),
            send_window: dice.pick(&[2, 100]),
            deny_subscribe: vec![DENIED.to_owned()],
            deny_publish: vec![DENIED.to_owned()],
            subscriptions_max: counted.then_some(config.limits.subscriptions_max),
            over_subscriptions: OverSubscriptions::Closed,
            ..Rules::aws()
        };
        Self {
            seed,
            client: Client::new(config, seed, Instant::EPOCH).unwrap(),
            broker: Broker::new(rules),
            now: Instant::EPOCH,
            wire: None,
            old_link: None,
            inbound: BytesMut::new(),
            asked: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            given_up: BTreeMap::new(),
            arrived: Vec::new(),
            link_notices: Vec::new(),
            tokens: VecDeque::new(),
            dice,
        }
    }

    fn live(mut self, troubled: &mut BTreeMap<Phase, u32>) {
        for _ in 0..STEPS {
            match self.dice.roll(36) {
                0..=6 => self.command(),
                7..=10 => drop(self.transmit()),
                11..=14 => drop(self.act()),
                15..=17 => drop(self.carry_to_server()),
                18..=20 => drop(self.carry_to_client()),
                21..=22 => self.answer(),
                23..=26 => self.pass(),
                27 => {
                    *troubled.entry(self.client.phase()).or_default() += 1;
                    self.trouble();
                }
                28 => self.server_side(),
                _ => self.rush(),
            }
        }
        self.heal();
        self.judge();
        // Whatever is renewed now is what the client believes: all of it, and nothing else.
        self.forget_session();
        self.heal();
        self.judge();
    }
}

/// What happens.
impl Disorder {
    fn command(&mut self) {
        match self.dice.roll(16) {
            0..=4 => self.publish(),
            5..=6 => self.subscribe(),
            7..=8 => self.unsubscribe(),
            9 => self.discard(),
            10..=12 => self.ack(),
            13..=14 if !self.dice.one_in(8) => self.client.start(self.now),
            14 => self.client.stop(self.now),
            15 => {
                let paused = self.dice.one_in(2);
                self.client.pause_input(paused);
            }
            _ => {}
        }
    }

    fn publish(&mut self) {
        // Without a bound to the connections it costs, what is denied is sent for ever.
        let denied = self.client.config().closes_max < 10 && self.dice.one_in(16);
        let topic = format!("{}{}", if denied { DENIED } else { "t/" }, self.dice.roll(2));
        let payload = self.asked.len().to_string();
        let mut publish = Publish::new(Topic::new(topic.as_str()).unwrap(), payload.clone());
        publish.qos = self.dice.pick(&[Qos::AtMostOnce, Qos::AtLeastOnce, Qos::AtLeastOnce]);
        publish.expires_in = self.dice.pick(&[None, None, Some(0), Some(1), Some(40)]).map(Duration::from_secs);
        if let Ok(ticket) = self.client.publish(self.now, publish) {
            self.accepted(ticket, Asked::Publish { topic, payload });
        }
    }

    fn filters(&mut self) -> Vec<Filter> {
        let count = 1 + self.dice.roll(3);
        let names = ["f/1", "f/2", "f/3", "f/4", "f/5", "no/1"];
        (0..count).map(|_| Filter::new(self.dice.pick(&names)).unwrap()).collect()
    }

    fn subscribe(&mut self) {
        let qos = self.dice.pick(&[Qos::AtMostOnce, Qos::AtLeastOnce]);
        let filters = self.filters();
        let asked = filters.iter().cloned().map(|filter| (filter, qos)).collect();
        if let Ok(ticket) = self.client.subscribe(self.now, asked) {
            self.accepted(ticket, Asked::Subscribe(filters));
        }
    }

    fn unsubscribe(&mut self) {
        let filters = self.filters();
        if let Ok(ticket) = self.client.unsubscribe(self.now, filters.clone()) {
            self.accepted(ticket, Asked::Unsubscribe(filters));
        }
    }

    fn accepted(&mut self, ticket: Ticket, asked: Asked) {
        let before = self.asked.insert(ticket, asked);
        assert!(before.is_none(), "seed {}: {ticket} was given twice", self.seed);
    }

    fn discard(&mut self) {
        let back = self.dice.roll(6);
        match self.asked.iter().nth_back(usize::try_from(back).unwrap()) {
            Some((_, Asked::Unsubscribe(_))) | None => {}
            Some((&ticket, _)) => drop(self.client.discard(self.now, ticket)),
        }
    }

    fn ack(&mut self) {
        let last = self.dice.one_in(3);
        let token = if last { self.tokens.pop_back() } else { self.tokens.pop_front() };
        if let Some(token) = token {
            self.client.ack(self.now, token);
        }
    }

    fn pass(&mut self) {
        let waiting = self.client.phase() == Phase::BackingOff;
        let span = match self.client.next_deadline() {
            Some((deadline, _)) if waiting || self.dice.one_in(16) => {
                deadline.since(self.now).min(Duration::from_secs(100_000))
            }
            _ => Duration::from_millis(self.dice.pick(&[0, 20, 300, 300, 300, 300, 2_000, 40_000])),
        };
        self.now = self.now + span;
        self.broker.wake(self.now);
        if waiting || !self.dice.one_in(4) {
            self.wake();
        }
    }

    fn wake(&mut self) {
        self.client.handle(self.now, Event::Wake);
        if let Some((deadline, kind)) = self.client.next_deadline() {
            assert!(deadline > self.now, "seed {}: {kind:?} is due after a wake", self.seed);
        }
    }

    /// The link breaks, or an old one is heard of again.
    fn trouble(&mut self) {
        let Some(wire) = self.wire.take() else {
            if let Some(old) = self.old_link {
                let late = &mut BytesMut::from(&b"late"[..]);
                self.client.handle(self.now, Event::LinkUp(old));
                self.client.handle(self.now, Event::Received(old, late));
                self.client.handle(self.now, Event::LinkDown(old, LinkError::Closed));
            }
            return;
        };
        self.old_link = Some(wire.link);
        if let Some(connection) = wire.connection {
            self.broker.lost(self.now, connection);
        }
        self.inbound.clear();
        let why = if wire.ended { LinkError::Closed } else { LinkError::Tcp { address: None, why: TcpError::Reset } };
        self.client.handle(self.now, Event::LinkDown(wire.link, why));
    }

    fn server_side(&mut self) {
        match self.dice.roll(8) {
            0 => drop(self.broker.kick(self.now, ID)),
            1 if self.dice.one_in(4) => {
                self.broker.rules_mut().refuse = Some(self.dice.pick(&[Refuse::Code(3), Refuse::Silently]));
            }
            2 => self.broker.rules_mut().refuse = None,
            3..=4 => self.forget_session(),
            _ => {
                let topic = format!("f/{}", 1 + self.dice.roll(5));
                let qos = self.dice.pick(&[broker::Qos::AtMostOnce, broker::Qos::AtLeastOnce]);
                let message = broker::Message { topic: topic.into(), payload: "down".into(), qos, retain: false };
                assert!(self.broker.publish(message));
            }
        }
    }

    /// Somebody else takes the client id over, and with it the session.
    fn forget_session(&mut self) {
        let rules = self.broker.rules_mut();
        let (refuse, spacing) = (rules.refuse.take(), core::mem::take(&mut rules.connect_spacing));
        let other = self.broker.open(self.now);
        self.broker.receive(self.now, other, &Connect::clean(ID).bytes());
        self.broker.lost(self.now, other);
        let rules = self.broker.rules_mut();
        (rules.refuse, rules.connect_spacing) = (refuse, spacing);
    }
}

/// The driver, in steps.
impl Disorder {
    fn transmit(&mut self) -> bool {
        let budget = self.dice.pick(&[0, 1, 3, 30, 4096]);
        let mut out = BytesMut::new();
        let written = self.client.poll_transmit(self.now, &mut out, budget);
        assert_eq!(written, out.len());
        if let Some(wire) = &mut self.wire {
            wire.outbound.extend_from_slice(&out);
        }
        written > 0
    }

    fn act(&mut self) -> bool {
        let Some(action) = self.client.poll_action() else { return false };
        match action {
            Action::Open(link) => {
                assert!(self.wire.is_none(), "seed {}: two links at one time", self.seed);
                let (outbound, inbound) = (BytesMut::new(), BytesMut::new());
                self.wire = Some(Wire { link, connection: None, outbound, inbound, ended: false });
            }
            Action::Close(link) => self.close(link),
            Action::Notify(notice) => self.notice(notice),
        }
        true
    }

    fn close(&mut self, link: Link) {
        let Some(wire) = self.wire.take_if(|wire| wire.link == link) else { return };
        self.inbound.clear();
        if let Some(connection) = wire.connection {
            if self.dice.one_in(2) {
                self.broker.receive(self.now, connection, &wire.outbound);
            }
            self.broker.lost(self.now, connection);
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Done { ticket, outcome } => {
                let before = self.outcomes.insert(ticket, outcome);
                assert!(before.is_none(), "seed {}: {ticket} ended twice", self.seed);
            }
            Notice::Message(message) => self.tokens.extend(message.ack),
            Notice::SubscriptionLost { filter } => {
                let last = self.asked.keys().next_back().copied();
                self.given_up.extend(last.map(|last| (filter, last)));
            }
            other => self.link_notices.push(other),
        }
    }

    fn carry_to_server(&mut self) -> bool {
        let Some(wire) = &mut self.wire else { return false };
        let Some(connection) = wire.connection else {
            let link = wire.link;
            if self.dice.one_in(8) {
                self.wire = None;
                self.client.handle(self.now, Event::LinkDown(link, LinkError::Closed));
            } else {
                wire.connection = Some(self.broker.open(self.now));
                self.client.handle(self.now, Event::LinkUp(link));
            }
            return true;
        };
        let len = wire.outbound.len().min(self.dice.pick(&[1, 5, 4096]));
        self.broker.receive(self.now, connection, &wire.outbound.split_to(len));
        len > 0
    }

    /// The server's answers reach the network.
    fn answer(&mut self) {
        while let Some(output) = self.broker.poll() {
            let mut deliver = |connection, bytes: &[u8], ended| {
                if let Some(wire) = self.wire.as_mut().filter(|wire| wire.connection == Some(connection)) {
                    wire.inbound.extend_from_slice(bytes);
                    wire.ended = ended;
                }
            };
            match output {
                Output::Send(connection, bytes) => deliver(connection, &bytes, false),
                Output::Close(connection, _) => deliver(connection, &[], true),
                Output::Published { message, .. } => self.arrived.push(message),
                Output::Violation(violation) => panic!("seed {}: {violation:?}", self.seed),
            }
        }
    }

    fn carry_to_client(&mut self) -> bool {
        let Some(wire) = &mut self.wire else { return false };
        let link = wire.link;
        // A CONNACK that was sent and never came is worth meeting often.
        let unlucky = self.client.phase() == Phase::AwaitingConnack && self.dice.one_in(12);
        if unlucky || wire.inbound.is_empty() && wire.ended {
            self.trouble();
            return true;
        }
        let held = self.inbound.len();
        let len = if self.client.wants_input() { wire.inbound.len().min(self.dice.pick(&[1, 5, 4096])) } else { 0 };
        self.inbound.extend_from_slice(&wire.inbound[..len]);
        wire.inbound.advance(len);
        self.client.handle(self.now, Event::Received(link, &mut self.inbound));
        len > 0 || self.inbound.len() < held
    }

    /// The driver does a little of everything.
    fn rush(&mut self) {
        for _ in 0..self.dice.roll(12) {
            self.transmit();
            self.act();
            self.carry_to_server();
            self.answer();
            self.carry_to_client();
        }
    }

    /// The driver catches up.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            self.answer();
            if !(self.transmit() | self.act() | self.carry_to_server() | self.carry_to_client()) && self.dice.one_in(8)
            {
                return;
            }
        }
        panic!("seed {}: no rest in {:?}", self.seed, self.client.phase());
    }

    /// Everything works again, for long enough.
    fn heal(&mut self) {
        self.broker.rules_mut().refuse = None;
        self.client.pause_input(false);
        for _ in 0..1_000 {
            self.settle();
            let unread = !self.tokens.is_empty() || self.wire.as_ref().is_some_and(|wire| wire.ended);
            if self.client.phase() == Phase::Ready && self.outcomes.len() == self.asked.len() && !unread {
                return;
            }
            self.client.start(self.now);
            while let Some(token) = self.tokens.pop_front() {
                self.client.ack(self.now, token);
            }
            self.now = self.now + Duration::from_secs(1);
            self.broker.wake(self.now);
            self.wake();
        }
    }
}

/// What must hold whatever happened.
impl Disorder {
    fn judge(&self) {
        let seed = self.seed;
        assert_eq!(self.client.phase(), Phase::Ready, "seed {seed}");
        assert_eq!(
            (self.client.queued(), self.client.queued_bytes(), self.client.in_flight()),
            (0, 0, 0),
            "seed {seed}"
        );
        judge_pairs(seed, &self.link_notices);
        assert_eq!(self.link_notices.last(), Some(&Notice::Ready), "seed {seed}");
        let (asked, ended): (Vec<_>, Vec<_>) = (self.asked.keys().collect(), self.outcomes.keys().collect());
        assert_eq!(asked, ended, "seed {seed}: every ticket ends");
        self.judge_arrivals();
        self.judge_subscriptions();
    }

    /// First arrivals are in order for each topic; what was acknowledged has arrived, what was never sent has not.
    fn judge_arrivals(&self) {
        let seed = self.seed;
        let mut first: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for message in &self.arrived {
            let number = std::str::from_utf8(&message.payload).unwrap().parse().unwrap();
            let topic = first.entry(message.topic.as_str()).or_default();
            if !topic.contains(&number) {
                topic.push(number);
            }
        }
        assert!(first.values().all(|numbers| numbers.is_sorted()), "seed {seed}: {first:?}");
        for (ticket, asked) in &self.asked {
            let Asked::Publish { topic, payload } = asked else { continue };
            let number = payload.parse().unwrap();
            let arrived = first.get(topic.as_str()).is_some_and(|numbers| numbers.contains(&number));
            let expected = match &self.outcomes[ticket] {
                Outcome::Acked => true,
                Outcome::Sent | Outcome::ConnectionClosed { .. } => arrived,
                Outcome::Expired | Outcome::Evicted | Outcome::Discarded => false,
                other => panic!("seed {seed}: a publish ended as {other:?}"),
            };
            assert_eq!(arrived, expected, "seed {seed}: {ticket}");
        }
    }

    /// The server has the subscriptions that the outcomes speak of.
    fn judge_subscriptions(&self) {
        let mut wanted: BTreeMap<&Filter, bool> = BTreeMap::new();
        for (ticket, asked) in &self.asked {
            let outcome = &self.outcomes[ticket];
            let (Asked::Subscribe(filters) | Asked::Unsubscribe(filters)) = asked else { continue };
            for (index, filter) in filters.iter().enumerate() {
                let unanswered = matches!(outcome, Outcome::TimedOut | Outcome::ConnectionClosed { .. });
                match outcome {
                    // The server may or may not have it.
                    _ if self.given_up.get(filter) >= Some(ticket) || unanswered => drop(wanted.remove(filter)),
                    Outcome::Subscribed(grants) => drop(wanted.insert(filter, grants[index].is_some())),
                    Outcome::Unsubscribed => drop(wanted.insert(filter, false)),
                    _ if matches!(asked, Asked::Unsubscribe(_)) => drop(wanted.remove(filter)),
                    _ => {}
                }
            }
        }
        let kept: BTreeSet<&str> = self.broker.subscriptions(ID).collect();
        for (filter, wanted) in wanted {
            assert_eq!(kept.contains(filter.as_str()), wanted, "seed {}: {filter}", self.seed);
        }
    }
}

/// Notices about links are strictly paired.
fn judge_pairs(seed: u64, notices: &[Notice]) {
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
