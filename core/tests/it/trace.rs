//! Lives recorded and replayed.

use core::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use thingwire_core::replay::{Replay, replay};
use thingwire_core::trace::{RecordOptions, Trace, TraceError};
use thingwire_core::{
    AckToken, Action, Client, Config, ConnectStage, Drain, Event, Filter, Instant, Jitter, Limits, Link, LinkError,
    Notice, Password, Publish, Qos, ShadowName, ShadowRequest, ShadowUpdate, ShadowWatch, TcpError, Ticket, TlsError,
    Topic, WhenFull, WhenOffline, Will,
};

use crate::requests::{filters, token};
use crate::rig::{CONNACK, CONNACK_RESUMED, PINGRESP, message, packet_id, packets, puback, suback, topic, unsuback};

/// What must not be in a trace.
const SECRETS: [&str; 4] = ["payload-secret", "user-secret", "password-secret", "will-secret"];

/// A driver, an application and a server that do anything at all, but what a driver may not do.
struct Chaos {
    client: Client,
    state: u64,
    now: Instant,
    link: Option<Link>,
    inbound: BytesMut,
    outbound: BytesMut,
    tickets: Vec<Ticket>,
    watches: Vec<Ticket>,
    tokens: Vec<AckToken>,
    /// Answers that the server owes.
    owed: Vec<Vec<u8>>,
}

impl Chaos {
    fn new(seed: u64, options: &RecordOptions) -> Self {
        let mut config = Config::new("chaos");
        config.clean_session = seed % 2 == 0;
        config.manual_acks = seed % 3 == 0;
        config.resend_after = (seed % 5 == 0).then_some(Duration::from_secs(3));
        config.queue.when_full = if seed % 7 < 3 { WhenFull::DropOldest } else { WhenFull::DropNewest };
        config.drain = [Drain::Adaptive, Drain::Unlimited, config.drain][usize::try_from(seed % 3).unwrap()];
        config.backoff.jitter = [Jitter::Full, Jitter::Decorrelated][usize::try_from(seed % 2).unwrap()];
        config.limits = if seed % 4 == 0 { Limits::none() } else { Limits::aws() };
        config.actions_max = 8;
        config.unacked_max = 5;
        config.in_flight_max = 6;
        let [_, user, password, will] = SECRETS;
        config.user_name = Some(format!("{user}?x=ü"));
        config.password = Some(Password::from(password));
        config.sdk_metrics = seed % 2 == 1;
        let topic = Topic::new("gone").unwrap();
        config.will = Some(Will::new(topic, will).retain(true));
        let mut client = Client::new(config, seed, Instant::from_micros(9)).unwrap();
        client.record(options);
        Self {
            client,
            state: seed,
            now: Instant::from_micros(9),
            link: None,
            inbound: BytesMut::new(),
            outbound: BytesMut::new(),
            tickets: Vec::new(),
            watches: Vec::new(),
            tokens: Vec::new(),
            owed: Vec::new(),
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % n
    }

    fn live(mut self, turns: u32) -> Client {
        for _ in 0..turns {
            match self.below(23) {
                0 => self.client.start(self.now),
                1 if self.below(9) == 0 => self.client.stop(self.now),
                2..=6 => self.publish(),
                7 => self.subscribe(),
                8 => self.withdraw(),
                9 => self.client.pause_input(self.state & 0x100_0000 == 0),
                10 if self.below(5) == 0 => self.break_link(),
                11..=13 => self.pass_time(),
                14..=15 => self.ask_shadow(),
                16 => self.watch_shadow(),
                _ => self.receive(),
            }
            if self.below(3) > 0 {
                self.drain();
            }
        }
        self.client
    }

    fn publish(&mut self) {
        let payload = format!("{} {}", SECRETS[0], self.below(9));
        let mut publish = Publish::new(Topic::new(["a", "b/c", "$aws/d"][self.pick(3)]).unwrap(), payload);
        publish.qos = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::AtLeastOnce][self.pick(3)];
        publish.retain = self.below(4) == 0;
        publish.expires_in = (self.below(4) == 0).then_some(Duration::from_millis(700));
        self.tickets.extend(self.client.publish(self.now, publish));
    }

    fn shadow(&mut self) -> ShadowName {
        ShadowName::named("thing", ["a", "b"][self.pick(2)]).unwrap()
    }

    fn ask_shadow(&mut self) {
        let secret = SECRETS[0];
        let json = format!(r#"{{"state":{{"reported":{{"{secret}":["{secret}",{}]}}}}}}"#, self.below(1_000));
        let update = ShadowUpdate::from_json(json).unwrap().version(self.below(9));
        let shadow = self.shadow();
        let mut request = match self.below(3) {
            0 => ShadowRequest::get(shadow),
            1 => ShadowRequest::delete(shadow),
            _ => ShadowRequest::update(shadow, update),
        };
        request.timeout = (self.below(2) == 0).then_some(Duration::from_millis(300));
        request.token = (self.below(4) == 0).then(|| "chosen".to_owned());
        request.when_offline = [WhenOffline::Refuse, WhenOffline::Wait][self.pick(2)];
        self.tickets.extend(self.client.ask_shadow(self.now, request));
    }

    fn watch_shadow(&mut self) {
        let shadow = self.shadow();
        if self.below(3) == 0 || self.watches.len() > 2 {
            if let Some(watch) = self.watches.pop() {
                self.client.unwatch_shadow(self.now, watch);
            }
        } else {
            let watch = ShadowWatch::deltas(shadow).documents(self.below(2) == 0).deletions(self.below(2) == 0);
            self.watches.extend(self.client.watch_shadow(self.now, watch));
        }
    }

    /// What the service may say to a request, and what it would never say.
    fn shadow_message(&mut self, request: &str, token: &str) -> Vec<u8> {
        let (shadow, version) = (request.rsplit_once('/').unwrap().0, self.below(9));
        let secret = SECRETS[0];
        let end =
            ["get/accepted", "get/rejected", "update/accepted", "update/delta", "update/documents", "delete/accepted"];
        let topic = match self.below(3) {
            0 => format!("{shadow}/{}", end[self.pick(6)]),
            1 => format!("{request}/rejected"),
            _ => format!("{request}/accepted"),
        };
        let state = format!(r#"{{"desired":{{"{secret}":"{secret}"}},"delta":{{"{secret}":{version}}}}}"#);
        let payload = match self.below(7) {
            0 => format!(r#"{{"code":4{version},"message":"no","clientToken":"{token}"}}"#),
            1 => format!(r#"{{"current":{{"state":{state},"version":{version}}}}}"#),
            2 => format!(r#"{{"state":{state}"#),
            3 => format!(r#"[{{"state":"{secret}"}}]"#),
            _ => format!(r#"{{"state":{state},"version":{version},"clientToken":"{token}"}}"#),
        };
        let id = u16::try_from(20 + version).ok().filter(|_| version % 2 == 0);
        message(&topic, &payload, id)
    }

    fn pick(&mut self, n: u64) -> usize {
        usize::try_from(self.below(n)).unwrap()
    }

    fn subscribe(&mut self) {
        let filters: Vec<_> =
            (0..self.below(4)).map(|_| Filter::new(["a", "b/#", "+/c"][self.pick(3)]).unwrap()).collect();
        let asked = filters.iter().cloned().map(|filter| (filter, Qos::AtLeastOnce)).collect();
        if self.below(3) == 0 {
            self.tickets.extend(self.client.unsubscribe(self.now, filters));
        } else {
            self.tickets.extend(self.client.subscribe(self.now, asked));
        }
    }

    fn withdraw(&mut self) {
        if let Some(ticket) = self.tickets.pop() {
            self.client.discard(self.now, ticket);
        }
        if let Some(token) = self.tokens.pop() {
            self.client.ack(self.now, token);
        }
    }

    fn break_link(&mut self) {
        let errors = [
            LinkError::Closed,
            LinkError::Tcp { address: Some("192.0.2.1:8883".parse().unwrap()), why: TcpError::Os { code: Some(-3) } },
            LinkError::Tcp { address: None, why: TcpError::Reset },
            LinkError::Tls(TlsError::Alert { name: "CertificateRequired".to_owned() }),
            LinkError::Resolve { host: "nowhere".to_owned(), why: "no address".to_owned() },
            LinkError::ConnectTimeout { waiting_for: ConnectStage::Transport },
        ];
        let why = errors[self.pick(6)].clone();
        if let Some(link) = self.link {
            self.client.handle(self.now, Event::LinkDown(link, why));
            self.inbound.clear();
        }
    }

    fn pass_time(&mut self) {
        let deadline = self.client.next_deadline().map(|(deadline, _)| deadline);
        let (soon, late) = (Duration::from_micros(self.below(900)), Duration::from_secs(self.below(40)));
        self.now = match (self.below(4), deadline) {
            (0, _) => self.now + soon,
            (1, _) => self.now + late,
            (_, Some(deadline)) => deadline.max(self.now),
            (_, None) => self.now,
        };
        self.client.handle(self.now, Event::Wake);
    }

    fn receive(&mut self) {
        let Some(link) = self.link else { return };
        let id = u16::try_from(1 + self.below(12)).unwrap();
        let bytes = match self.below(100) {
            0 => b"HTTP/1.1 400 payload-secret".to_vec(),
            1 => [0x31, 9, 0, 4].to_vec(),
            2 => [&[0x33, 20, 0, 200][..], SECRETS[0].as_bytes()].concat(),
            3 => vec![0x20, 2, 0, 5],
            4 => vec![0xe0, 0],
            5 => CONNACK.to_vec(),
            6..=7 => puback(id),
            8 => suback(id, &[1; 3][..=self.pick(3)]),
            9 => unsuback(id),
            10 => PINGRESP.to_vec(),
            11..=15 => message("in", SECRETS[0], None),
            16..=25 => message("in", "payload-secret, again", Some(id)),
            26..=40 => Vec::new(),
            _ => core::mem::take(&mut self.owed).concat(),
        };
        let len = if self.below(3) == 0 { self.pick(u64::try_from(bytes.len() + 1).unwrap()) } else { bytes.len() };
        for part in [&bytes[..len], &bytes[len..]] {
            self.inbound.extend_from_slice(part);
            self.client.handle(self.now, Event::Received(link, &mut self.inbound));
        }
    }

    /// The server has read what was sent.
    fn answer(&mut self) {
        for packet in packets(&self.outbound) {
            match packet[0] >> 4 {
                1 => self.owed = vec![if self.below(2) == 0 { CONNACK } else { CONNACK_RESUMED }.to_vec()],
                3 => {
                    if packet[0] & 2 != 0 {
                        self.owed.push(puback(packet_id(&packet)));
                    }
                    if topic(&packet).starts_with("$aws/things") {
                        let reply = self.shadow_message(topic(&packet), &token(&packet));
                        self.owed.push(reply);
                    }
                }
                8 => {
                    let code = if self.below(9) == 0 { 0x80 } else { 1 };
                    self.owed.push(suback(packet_id(&packet), &vec![code; filters(&packet)]));
                }
                10 => self.owed.push(unsuback(packet_id(&packet))),
                12 => self.owed.push(PINGRESP.to_vec()),
                _ => {}
            }
        }
        self.outbound.clear();
    }

    fn drain(&mut self) {
        loop {
            let budget = [0, 1, 100, 16_384][self.pick(4)];
            let written = self.client.poll_transmit(self.now, &mut self.outbound, budget);
            let action = self.client.poll_action();
            match &action {
                Some(Action::Open(link)) => {
                    self.link = Some(*link);
                    self.inbound.clear();
                    if self.below(5) > 0 {
                        self.client.handle(self.now, Event::LinkUp(*link));
                    }
                }
                Some(Action::Notify(Notice::Message(message))) => self.tokens.extend(message.ack),
                Some(Action::Close(_) | Action::Notify(_)) | None => {}
            }
            if written == 0 && action.is_none() {
                self.answer();
                return;
            }
        }
    }
}

fn options(with_payloads: bool) -> RecordOptions {
    let mut options = RecordOptions::new([3, 4]);
    options.with_payloads = with_payloads;
    options
}

fn contains(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn any_life_replays_bit_for_bit() {
    let mut acked = 0;
    for seed in 0..40 {
        let mut client = Chaos::new(seed, &options(seed % 2 == 0)).live(800);
        acked += client.status().totals.acked;
        let file = client.recording().unwrap();
        let trace = Trace::parse(&file).unwrap();
        assert!(trace.is_whole() && trace.is_of_this_version() && !trace.is_cut_short(), "seed {seed}");
        let mut replay = Replay::new(&trace).unwrap();
        while let Some(step) = replay.next_step() {
            step.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
        assert_eq!(replay.steps_done(), trace.steps());
        assert_eq!(replay.client().status().totals, client.status().totals, "seed {seed}");
    }
    assert!(acked > 200, "the lives were rich: {acked} messages acknowledged");
}

#[test]
fn a_bounded_recording_ends_with_the_present_and_replays_from_the_state_that_it_begins_with() {
    for seed in 0..6 {
        let mut options = options(seed % 2 == 0);
        options.bytes_max = 24 * 1024;
        let mut client = Chaos::new(seed, &options).live(6_000);
        let file = client.recording().unwrap();
        assert!(file.len() < options.bytes_max + 1024, "seed {seed}: {} bytes", file.len());
        let trace = Trace::parse(&file).unwrap();
        assert!(!trace.is_whole() && !trace.is_cut_short(), "seed {seed}");
        let mut replay = Replay::new(&trace).unwrap();
        while let Some(step) = replay.next_step() {
            step.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
        assert_eq!(replay.client().status().totals, client.status().totals, "seed {seed}");
    }
}

#[test]
fn recording_may_begin_in_the_middle_and_end() {
    let mut client = Chaos::new(4, &options(false)).live(300);
    assert!(client.end_recording().is_some());
    assert_eq!(client.recording(), None);
    client.record(&options(false));
    let late = Instant::from_micros(u64::MAX / 2);
    client.handle(late, Event::Wake);
    let file = client.end_recording().unwrap();
    assert!(!Trace::parse(&file).unwrap().is_whole());
    assert!(replay(&file).unwrap() > 0);
}

#[test]
fn a_state_that_outgrows_the_memory_ends_the_recording_and_the_trace_says_so() {
    let mut config = Config::new("hoarder");
    config.queue.count_max = None;
    let mut client = Client::new(config, 1, Instant::EPOCH).unwrap();
    let mut options = options(false);
    options.bytes_max = 16 * 1024;
    client.record(&options);
    for _ in 0..100 {
        client.publish(Instant::EPOCH, Publish::new(Topic::new("t").unwrap(), vec![0; 1000])).unwrap();
    }
    let file = client.recording().unwrap();
    let trace = Trace::parse(&file).unwrap();
    assert!(trace.is_whole() && trace.is_cut_short());
    assert_eq!(replay(&file).unwrap(), trace.steps());
    assert!(trace.steps() < 20, "{} steps", trace.steps());
}

#[test]
fn logins_are_never_recorded_and_payloads_only_when_asked_for() {
    for seed in 0..10 {
        let mut small = options(false);
        small.bytes_max = 32 * 1024;
        let file = Chaos::new(seed, &small).live(3_000).recording().unwrap();
        for secret in SECRETS {
            assert!(!contains(&file, secret), "seed {seed}: {secret}");
        }
        assert!(contains(&file, "b/c"), "topics are recorded");
        let file = Chaos::new(seed, &options(true)).live(500).recording().unwrap();
        assert_eq!(SECRETS.map(|secret| contains(&file, secret)), [true, false, false, true], "seed {seed}");
    }
}

#[test]
fn every_changed_byte_is_found_and_every_missing_end() {
    let file = Chaos::new(2, &options(false)).live(60).recording().unwrap();
    assert!(Trace::parse(&file).is_ok());
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        let error = Trace::parse(&changed).expect_err("a changed byte");
        match error {
            TraceError::Damaged { from, to } => assert!((from..to).contains(&at), "{at}: {error}"),
            TraceError::Truncated { at: end, from } => assert!(from <= end && end <= file.len(), "{at}: {error}"),
            TraceError::Malformed { at: place, .. } => assert!(place < file.len(), "{at}: {error}"),
            _ => {}
        }
        Trace::parse(&file[..at]).expect_err("a part");
    }
    let longer = [&file[..], &[0]].concat();
    assert_eq!(Trace::parse(&longer).unwrap_err(), TraceError::Trailing { at: file.len() });
}

#[test]
fn what_is_no_trace_says_so() {
    for bytes in [&b""[..], b"hello, world", b"TWTRACK\n", &[0; 100]] {
        assert_eq!(Trace::parse(bytes).unwrap_err(), TraceError::NotATrace);
    }
    let file = Chaos::new(2, &options(false)).live(0).recording().unwrap();
    let newer = [&file[..8], &[9, 0], &file[10..]].concat();
    let error = Trace::parse(&newer).unwrap_err();
    assert_eq!(error, TraceError::Format { found: 9, known: 2 });
    insta::assert_snapshot!(error, @"a trace of format 9; this build reads format 2: use the version that wrote it");
}

/// The bytes of the format. A change here needs a new `FORMAT`, or a new `LAYOUT` where it is in the state.
#[test]
fn the_format_stays_as_it_is() {
    let mut life = Chaos::new(5, &options(false));
    life.client.start(life.now);
    life.drain();
    life.publish();
    let mut files = life.client.recording().unwrap();
    files.truncate(files.len() - 8); // the hash over the version and all the rest
    life.client.handle(Instant::from_micros(1_000_000), Event::Wake);
    life.client.record(&options(false));
    files.extend(life.client.recording().unwrap());
    files.truncate(files.len() - 8);
    let hex = |part: &[u8]| part.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let mut text = String::new();
    for file in files.split_inclusive(|&byte| byte == b'\n') {
        text.extend(file.chunks(32).map(|line| hex(line) + "\n"));
    }
    let version = hex(env!("CARGO_PKG_VERSION").as_bytes());
    insta::assert_snapshot!(text.replace(&version, "(version)"));
}

proptest! {
    #[test]
    fn any_bytes_are_a_trace_or_an_error(
        head in prop::option::of(0_usize..400),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let file = Chaos::new(2, &options(false)).live(20).recording().unwrap();
        let head = &file[..head.unwrap_or(0).min(file.len())];
        let _ = replay(&[head, &bytes[..]].concat());
    }
}
