//! The MQTT cases of AWS IoT Core Device Advisor under virtual time, each named by its id, with the preset that is made
//! for them.
//!
//! The advisor is the strict model broker with a hand over its mouth: it can withhold packets, and hang up. No case may
//! take longer than Device Advisor gives it, and none may break a rule of the service. Its TLS cases are about the
//! transport, its shadow and jobs cases about what is built on top, its security case about the account.
//!
//! | case | shown by |
//! |---|---|
//! | MQTT_Connect | `mqtt_connect` |
//! | MQTT_Client_Puback_Qos1 | `mqtt_client_puback_qos1` |
//! | MQTT_Connect_Jitter_Backoff_Retries | `mqtt_connect_jitter_backoff_retries` |
//! | MQTT_Connect_Exponential_Backoff_Retries | `mqtt_connect_exponential_backoff_retries` |
//! | MQTT_Reconnect_Backoff_Retries_On_Server_Disconnect | `mqtt_reconnect_backoff_retries_on_server_disconnect` |
//! | MQTT_Reconnect_Backoff_Retries_On_Unstable_Connection | `mqtt_reconnect_backoff_retries_on_unstable_connection` |
//! | MQTT_Publish | `mqtt_publish` |
//! | MQTT_Publish_Retry_No_Puback | `mqtt_publish_retry_no_puback` |
//! | MQTT_Subscribe | `mqtt_subscribe` |
//! | MQTT_Subscribe_Retry_No_Suback | `mqtt_subscribe_retry_no_suback` |
//! | MQTT_No_Ack_PingResp | `mqtt_no_ack_pingresp` |
//! | MQTT_Persistent_Session_Happy_Case | `mqtt_persistent_session_happy_case` |
//! | MQTT_Expired_Persistent_Session | `mqtt_expired_persistent_session` |
//! | MQTT_Long_Duration, basic | `mqtt_long_duration` |
//! | MQTT_Long_Duration, PUBACK_QOS_1 and RECEIVE_LARGE_PAYLOAD | `mqtt_client_puback_qos1` |
//! | MQTT_Long_Duration, PERSISTENT_SESSION | `mqtt_persistent_session_happy_case` |
//! | MQTT_Long_Duration, RECONNECT_BACK_OFF | `mqtt_reconnect_backoff_retries_on_server_disconnect` |
//! | MQTT_Long_Duration, KEEP_ALIVE | `mqtt_long_duration_keep_alive` |
//! | MQTT_Long_Duration, INTERMITTENT_CONNECTIVITY | `mqtt_long_duration_intermittent_connectivity` |
//! | MQTT_Long_Duration, LONG_SERVER_DISCONNECT | `mqtt_long_duration_long_server_disconnect` |

use core::time::Duration;

use bytes::BytesMut;
use thingwire_core::{
    Action, Client, Config, Event, Filter, Instant, Link, LinkError, Notice, Outcome, Publish, Qos, Topic,
};
use thingwire_sim::broker::{Broker, ConnectionId, Output, Rules};

use crate::packets::{Connect, publish1};

const ID: &str = "device";
/// What a case may take unless it says otherwise.
const LIMIT: Duration = Duration::from_secs(300);
/// How long the server withholds its answers in the long-duration case.
const WITHHELD: Duration = Duration::from_secs(15);
/// The same code has to pass whatever the dice say.
const SEEDS: u64 = 50;

const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const SUBSCRIBE: u8 = 8;
const SUBACK: u8 = 9;
const PINGREQ: u8 = 12;
const PINGRESP: u8 = 13;

/// The device and the server that tests it.
struct Advisor {
    client: Client,
    broker: Broker,
    now: Instant,
    limit: Duration,
    link: Option<(Link, ConnectionId)>,
    /// Types of packets that the server keeps to itself.
    withheld: Vec<u8>,
    sent: Vec<Sent>,
    notices: Vec<Notice>,
    inbound: BytesMut,
}

/// A packet from the device.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    at: Instant,
    link: Link,
    packet: Vec<u8>,
}

impl Sent {
    fn kind(&self) -> u8 {
        self.packet[0] >> 4
    }
}

fn persistent() -> Config {
    let mut config = preset();
    config.clean_session = false;
    config
}

fn preset() -> Config {
    Config::device_advisor(ID)
}

fn topic() -> Topic {
    Topic::new("t").unwrap()
}

impl Advisor {
    fn new(config: Config, seed: u64) -> Self {
        let mut client = Client::new(config, seed, Instant::EPOCH).unwrap();
        client.start(Instant::EPOCH);
        Self {
            client,
            broker: Broker::new(Rules::aws()),
            now: Instant::EPOCH,
            limit: LIMIT,
            link: None,
            withheld: Vec::new(),
            sent: Vec::new(),
            notices: Vec::new(),
            inbound: BytesMut::new(),
        }
    }

    /// With a device that is online.
    fn online(config: Config) -> Self {
        let mut advisor = Self::new(config, 1);
        advisor.run_until("online", |advisor| advisor.client.phase().is_online());
        advisor
    }

    fn subscribe(&mut self) {
        self.client.subscribe(self.now, vec![(Filter::new("t").unwrap(), Qos::AtLeastOnce)]).unwrap();
    }

    /// A client of the server's publishes to `t` with QoS 1.
    fn trigger(&mut self, payload: &[u8]) {
        let connection = self.broker.open(self.now);
        self.broker.receive(self.now, connection, &Connect::clean("trigger").bytes());
        self.settle();
        self.broker.receive(self.now, connection, &publish1(1, "t", payload));
        self.settle();
        self.broker.lost(self.now, connection);
    }

    /// The server answers no CONNECT before the sixth.
    fn withhold_connack_five_times(&mut self) {
        let connects = self.connects();
        self.withheld = vec![CONNACK];
        self.run_until("the fifth unanswered", |advisor| advisor.connects() == connects + 5);
        self.run_until("given up", |advisor| advisor.link.is_none());
        self.withheld.clear();
        self.run_until("accepted", |advisor| advisor.client.phase().is_online());
        assert_eq!(self.connects(), connects + 6);
    }

    fn hang_up(&mut self) {
        assert!(self.broker.kick(self.now, ID));
        self.settle();
    }

    /// Lets time pass until `done`, within the case's limit.
    fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        self.settle();
        while !done(self) {
            let client = self.client.next_deadline().map(|(at, _)| at);
            let next = [client, self.broker.next_deadline()].into_iter().flatten().min();
            self.now = next.unwrap_or_else(|| panic!("never {what}"));
            assert!(self.now.since(Instant::EPOCH) < self.limit, "not {what} in time: {:?}", self.notices);
            self.broker.wake(self.now);
            self.client.handle(self.now, Event::Wake);
            self.settle();
        }
    }

    fn run_for(&mut self, span: Duration) {
        self.settle();
        let end = self.now + span;
        while let Some((at, _)) = self.client.next_deadline().filter(|&(at, _)| at <= end) {
            self.run_until("awake", |advisor| advisor.now >= at);
        }
        self.now = end;
        self.broker.wake(self.now);
        self.settle();
    }

    fn settle(&mut self) {
        while self.hear_device() | self.hear_server() {}
    }

    fn hear_device(&mut self) -> bool {
        let mut out = BytesMut::new();
        let written = self.client.poll_transmit(self.now, &mut out, 16 * 1024);
        let action = self.client.poll_action();
        if let Some((link, connection)) = self.link {
            let packets = split(&out).into_iter().map(|packet| Sent { at: self.now, link, packet });
            self.sent.extend(packets);
            self.broker.receive(self.now, connection, &out);
        }
        let moved = written > 0 || action.is_some();
        match action {
            Some(Action::Open(link)) => {
                self.link = Some((link, self.broker.open(self.now)));
                self.inbound.clear();
                self.client.handle(self.now, Event::LinkUp(link));
            }
            Some(Action::Close(link)) => {
                if let Some((_, connection)) = self.link.take_if(|(open, _)| *open == link) {
                    self.broker.lost(self.now, connection);
                }
            }
            Some(Action::Notify(notice)) => self.notices.push(notice),
            None => {}
        }
        moved
    }

    fn hear_server(&mut self) -> bool {
        let Some(output) = self.broker.poll() else { return false };
        let Some((link, connection)) = self.link else { return true };
        match output {
            Output::Send(to, bytes) if to == connection && !self.withheld.contains(&(bytes[0] >> 4)) => {
                self.inbound.extend_from_slice(&bytes);
                self.client.handle(self.now, Event::Received(link, &mut self.inbound));
            }
            Output::Close(of, _) if of == connection => {
                self.link = None;
                self.client.handle(self.now, Event::LinkDown(link, LinkError::Closed));
            }
            _ => {}
        }
        true
    }

    fn sent(&self, kind: u8) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| sent.kind() == kind).collect()
    }

    fn connects(&self) -> usize {
        self.sent(CONNECT).len()
    }

    fn has(&self, outcome: &Outcome) -> bool {
        self.notices.iter().any(|notice| matches!(notice, Notice::Done { outcome: ended, .. } if ended == outcome))
    }

    /// The end of a case: the device broke no rule.
    fn judge(&self) {
        assert_eq!(self.broker.violations(), []);
    }
}

fn split(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while !stream.is_empty() {
        let (mut len, mut header, mut shift) = (0, 1, 0);
        loop {
            let byte = stream[header];
            header += 1;
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (packet, rest) = stream.split_at(header + len);
        packets.push(packet.to_vec());
        stream = rest;
    }
    packets
}

/// The packet id of a QoS 1 PUBLISH or of a SUBSCRIBE, as short as they are here.
fn packet_id(packet: &[u8]) -> Option<u16> {
    let at = match packet[0] {
        0x32 | 0x3a => 4 + usize::from(packet[3]),
        0x82 => 2,
        _ => return None,
    };
    packet[at..].first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// The times between CONNECTs.
fn gaps(advisor: &Advisor) -> Vec<Duration> {
    let times: Vec<_> = advisor.sent(CONNECT).iter().map(|sent| sent.at).collect();
    times.windows(2).map(|pair| pair[1].since(pair[0])).collect()
}

/// The verdict of the reconnect cases over all seeds: neither constant nor linear, and no two devices alike.
fn judge_backoff(runs: &[Vec<Duration>], uptime: Duration) {
    let seconds = |gap: &Duration| gap.saturating_sub(uptime).as_secs_f64();
    for run in runs {
        let waits: Vec<f64> = run.iter().map(seconds).collect();
        let (mut longest, floor) = (1.0, 1.0);
        for &wait in &waits {
            assert!((floor..=floor + longest).contains(&wait), "{waits:?}");
            longest *= 2.0;
        }
        let doubling = waits.windows(2).all(|pair| (pair[1] / pair[0] - 2.0).abs() < 0.1);
        assert!(!doubling, "strictly exponential: {waits:?}");
    }
    let count = f64::from(u32::try_from(runs.len()).unwrap());
    let mean = |n: usize| runs.iter().map(|run| seconds(&run[n])).sum::<f64>() / count;
    let means: Vec<f64> = (0..runs[0].len()).map(mean).collect();
    assert!(means.windows(2).all(|pair| pair[0] < pair[1]), "{means:?}");
    let growth: Vec<f64> = means.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(growth.windows(2).all(|pair| pair[0] < pair[1]), "linear: {means:?}");
    let mut first: Vec<_> = runs.iter().map(|run| run[0]).collect();
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), runs.len(), "two devices come back together");
}

#[test]
fn mqtt_connect() {
    let advisor = Advisor::online(preset());
    assert_eq!(advisor.connects(), 1);
    advisor.judge();
}

#[test]
fn mqtt_client_puback_qos1() {
    for len in [0, 1, 128 * 1024] {
        let mut advisor = Advisor::online(preset());
        advisor.subscribe();
        advisor.settle();
        advisor.trigger(&vec![b'x'; len]);
        assert_eq!(advisor.sent(PUBACK).len(), 1, "{len} bytes");
        advisor.judge();
    }
}

#[test]
fn mqtt_connect_jitter_backoff_retries() {
    let budget = Duration::from_secs(240);
    let mut runs = Vec::new();
    for seed in 0..SEEDS {
        let mut advisor = Advisor::new(preset(), seed);
        for _ in 0..2 {
            advisor.withhold_connack_five_times();
            advisor.hang_up();
        }
        assert_eq!(advisor.connects(), 12);
        assert!(advisor.now.since(Instant::EPOCH) < budget, "seed {seed}: {:?}", advisor.now);
        advisor.judge();
        runs.push(gaps(&advisor)[..5].to_vec());
    }
    judge_backoff(&runs, preset().connect_timeout);
}

#[test]
fn mqtt_connect_exponential_backoff_retries() {
    let mut runs = Vec::new();
    for seed in 0..SEEDS {
        let mut advisor = Advisor::new(preset(), seed);
        advisor.withhold_connack_five_times();
        advisor.judge();
        runs.push(gaps(&advisor));
    }
    let floor = preset().connect_timeout + preset().backoff.floor;
    let mean = |n: usize| runs.iter().map(|run| run[n].saturating_sub(floor)).sum::<Duration>().as_secs_f64();
    let growth: Vec<f64> = (1..5).map(|n| mean(n) / mean(n - 1)).collect();
    assert!(growth.iter().all(|factor| (1.5..2.5).contains(factor)), "it does not double: {growth:?}");
}

#[test]
fn mqtt_reconnect_backoff_retries_on_server_disconnect() {
    hang_up_five_times(Duration::from_secs(5));
}

#[test]
fn mqtt_reconnect_backoff_retries_on_unstable_connection() {
    hang_up_five_times(Duration::ZERO);
}

fn hang_up_five_times(uptime: Duration) {
    let mut runs = Vec::new();
    for seed in 0..SEEDS {
        let mut advisor = Advisor::new(preset(), seed);
        for _ in 0..5 {
            advisor.run_until("accepted", |advisor| advisor.client.phase().is_online());
            advisor.run_for(uptime);
            advisor.hang_up();
        }
        advisor.run_until("accepted again", |advisor| advisor.client.phase().is_online());
        assert_eq!(advisor.connects(), 6);
        advisor.judge();
        runs.push(gaps(&advisor));
    }
    judge_backoff(&runs, uptime);
}

#[test]
fn mqtt_publish() {
    let mut advisor = Advisor::online(preset());
    advisor.client.publish(advisor.now, Publish::new(topic(), "hello").qos(Qos::AtMostOnce)).unwrap();
    advisor.settle();
    assert_eq!(advisor.sent(PUBLISH)[0].packet, b"\x30\x08\0\x01thello");
    advisor.judge();
}

#[test]
fn mqtt_publish_retry_no_puback() {
    let mut advisor = Advisor::online(preset());
    advisor.withheld = vec![PUBACK];
    advisor.client.publish(advisor.now, Publish::new(topic(), "hello")).unwrap();
    advisor.run_until("sent again", |advisor| advisor.sent(PUBLISH).len() == 2);
    let [first, again] = advisor.sent(PUBLISH)[..] else { unreachable!() };
    assert!(again.at.since(first.at) < Duration::from_secs(15));
    assert_eq!(again.link, first.link);
    let mut expected = first.packet.clone();
    expected[0] |= 0x08;
    assert_eq!(again.packet, expected, "the same packet id, with DUP");
    advisor.withheld.clear();
    advisor.run_until("acknowledged", |advisor| advisor.has(&Outcome::Acked));
    assert_eq!(advisor.connects(), 1);
    advisor.judge();
}

#[test]
fn mqtt_subscribe() {
    let mut advisor = Advisor::online(preset());
    advisor.subscribe();
    let granted = Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)]);
    advisor.run_until("subscribed", |advisor| advisor.has(&granted));
    assert_eq!(advisor.sent(SUBSCRIBE).len(), 1);
    advisor.judge();
}

#[test]
fn mqtt_subscribe_retry_no_suback() {
    let mut advisor = Advisor::online(preset());
    advisor.withheld = vec![SUBACK];
    advisor.subscribe();
    advisor.run_until("sent again", |advisor| advisor.sent(SUBSCRIBE).len() == 2);
    let [first, again] = advisor.sent(SUBSCRIBE)[..] else { unreachable!() };
    assert!(again.at.since(first.at) < Duration::from_secs(15));
    assert_eq!((&again.packet, again.link), (&first.packet, first.link));
    advisor.withheld.clear();
    let granted = Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)]);
    advisor.run_until("subscribed", |advisor| advisor.has(&granted));
    advisor.judge();
}

#[test]
fn mqtt_no_ack_pingresp() {
    let mut advisor = Advisor::online(preset());
    let silent_since = advisor.now;
    advisor.withheld = vec![PUBACK, SUBACK, PINGRESP];
    advisor.subscribe();
    // Not to the topic subscribed to: its echo would be a sign of life.
    advisor.client.publish(advisor.now, Publish::new(Topic::new("other").unwrap(), "hello")).unwrap();
    advisor.run_until("disconnected", |advisor| advisor.link.is_none());
    assert_eq!(advisor.sent(PINGREQ).len(), 1);
    assert!(advisor.now.since(silent_since) < preset().keep_alive * 3 / 2);
    let why = Some(LinkError::KeepAlive);
    assert!(matches!(advisor.notices.last(), Some(Notice::Offline { why: reason, .. }) if *reason == why));
    advisor.judge();
}

#[test]
fn mqtt_persistent_session_happy_case() {
    let mut advisor = Advisor::online(persistent());
    advisor.subscribe();
    advisor.settle();
    advisor.hang_up();
    advisor.trigger(b"stored");
    advisor.run_until("back", |advisor| advisor.client.phase().is_online());
    advisor.settle();
    assert!(advisor.notices.contains(&Notice::Online { resumed: true }));
    let stored = |notice: &Notice| matches!(notice, Notice::Message(message) if message.payload[..] == b"stored"[..]);
    assert!(advisor.notices.iter().any(stored));
    assert_eq!(advisor.sent(PUBACK).len(), 1);
    assert_eq!(advisor.sent(SUBSCRIBE).len(), 1, "none on the second connection");
    advisor.judge();
}

#[test]
fn mqtt_expired_persistent_session() {
    let mut advisor = Advisor::online(persistent());
    advisor.subscribe();
    advisor.settle();
    advisor.broker.rules_mut().session_expiry = Some(Duration::from_millis(1));
    advisor.hang_up();
    advisor.run_until("back", |advisor| advisor.client.phase().is_online());
    advisor.settle();
    let subscribes = advisor.sent(SUBSCRIBE);
    assert_eq!(subscribes.len(), 2);
    assert!(subscribes[0].link < subscribes[1].link);
    advisor.trigger(b"new");
    assert_eq!(advisor.sent(PUBACK).len(), 1, "the subscription is there again");
    advisor.judge();
}

#[test]
fn mqtt_long_duration() {
    let mut advisor = Advisor::online(preset());
    advisor.client.publish(advisor.now, Publish::new(topic(), "hello").qos(Qos::AtMostOnce)).unwrap();
    advisor.settle();

    advisor.withheld = vec![PUBACK, SUBACK];
    advisor.client.publish(advisor.now, Publish::new(topic(), "hello")).unwrap();
    for (filter, qos) in [("a", Qos::AtMostOnce), ("b", Qos::AtLeastOnce)] {
        advisor.client.subscribe(advisor.now, vec![(Filter::new(filter).unwrap(), qos)]).unwrap();
    }
    advisor.run_for(WITHHELD);
    for kind in [PUBLISH, SUBSCRIBE] {
        let ids: Vec<_> = advisor.sent(kind).iter().filter_map(|sent| packet_id(&sent.packet)).collect();
        assert!(!ids.is_empty());
        let (first, again) = ids.split_at(ids.len() / 2);
        assert_eq!(first, again, "each again, under its packet id");
    }
    advisor.withheld.clear();
    advisor.run_until("acknowledged", |advisor| advisor.has(&Outcome::Acked));
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
        advisor.run_until("subscribed", |advisor| advisor.has(&Outcome::Subscribed(vec![Some(qos)])));
    }
    assert_eq!(advisor.connects(), 1);

    advisor.hang_up();
    advisor.run_until("back", |advisor| advisor.client.phase().is_online());
    advisor.judge();
}

#[test]
fn mqtt_long_duration_keep_alive() {
    let mut advisor = Advisor::online(preset());
    advisor.limit = Duration::from_secs(3_600);
    let online_at = advisor.now;
    advisor.run_for(Duration::from_secs(3_000));
    let pings: Vec<_> = advisor.sent(PINGREQ).iter().map(|sent| sent.at).collect();
    let heard = [&[online_at], &pings[..], &[advisor.now]].concat();
    let longest = heard.windows(2).map(|pair| pair[1].since(pair[0])).max();
    assert!(longest <= Some(preset().keep_alive), "{longest:?} of silence");
    assert_eq!(advisor.connects(), 1);
    advisor.judge();
}

#[test]
fn mqtt_long_duration_intermittent_connectivity() {
    const CUTS: u32 = 20;
    for seed in 0..SEEDS {
        let mut advisor = Advisor::new(preset(), seed);
        advisor.limit = Duration::from_secs(3_600);
        for cut in 0..CUTS {
            advisor.run_until("accepted", |advisor| advisor.client.phase().is_online());
            // Now and then long enough to count as stable.
            advisor.run_for(Duration::from_millis(u64::from(cut * 7 % 5) * 6_100));
            let number = cut.to_string();
            advisor.client.publish(advisor.now, Publish::new(topic(), number)).unwrap();
            advisor.withheld = vec![PUBACK];
            advisor.settle();
            advisor.withheld.clear();
            advisor.hang_up();
        }
        let done = |advisor: &Advisor| advisor.client.status().totals.acked == u64::from(CUTS);
        advisor.run_until("everything acknowledged", done);
        advisor.judge();
    }
}

#[test]
fn mqtt_long_duration_long_server_disconnect() {
    let mut advisor = Advisor::online(preset());
    advisor.limit = Duration::from_secs(3 * 3_600);
    advisor.subscribe();
    advisor.settle();
    advisor.withheld = vec![CONNACK];
    advisor.hang_up();
    advisor.run_for(Duration::from_secs(120 * 60));
    advisor.withheld.clear();
    let healed = advisor.now;
    advisor.run_until("back", |advisor| advisor.client.phase().is_online());
    let backoff = preset().backoff;
    let longest = preset().connect_timeout + backoff.floor + backoff.max;
    assert!(advisor.now.since(healed) <= longest, "{:?}", advisor.now.since(healed));
    advisor.settle();
    assert_eq!(advisor.sent(SUBSCRIBE).len(), 2, "the clean session is subscribed again");
    advisor.judge();
}
