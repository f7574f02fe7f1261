//! Events and commands in any order.

mod step;

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::BytesMut;
use rumqttc::mqttbytes::v4::{self, Packet, SubscribeReasonCode};
use thingwire_core::replay::replay;
use thingwire_core::trace::RecordOptions;
use thingwire_core::{AckToken, Action, Client, Config, Event, Instant, Link, Notice, ShadowEvent, Ticket};

use self::step::Step;
use crate::input::{Input, pieces};

/// The most calls of one drain: more is a loop.
const CALLS_MAX: usize = 10_000;

/// Laws of the contract, whatever happens in whatever order:
///
/// 1. A drain ends. After a wake and a drain, the deadline is `None` or later.
/// 2. A ticket has one outcome, and only what was accepted has one. A watch is told of only while it lasts.
/// 3. Notices are paired; links are numbered upwards, and closed at most once.
/// 4. No more is unacknowledged than was configured.
/// 5. What is received means the same however it is cut, as long as nothing is asked of shadows.
/// 6. A recording of the life is replayed to the last bit.
///
/// # Panics
///
/// When a law is broken.
pub fn life(data: &[u8]) {
    let mut input = Input::new(data);
    let config = step::config(&mut input);
    let (seed, lens) = (u64::from(input.byte()), input.bytes(4));
    let with_payloads = input.flag();
    let steps = step::steps(&mut input);
    let lived = |lens: &[u8]| {
        let client = Client::new(config.clone(), seed, Instant::EPOCH).ok()?;
        let mut driver = Driver::new(client, with_payloads);
        for step in &steps {
            driver.take(step, lens);
        }
        Some(driver)
    };
    let Some(mut whole) = lived(&[]) else { return };
    let Some(cut) = lived(lens) else { return };
    assert_eq!(whole.actions, cut.actions, "cut by {lens:?}");
    assert_eq!(whole.sent, cut.sent, "cut by {lens:?}");
    assert_eq!(whole.client.next_deadline(), cut.client.next_deadline(), "cut by {lens:?}");
    let file = whole.client.recording().expect("it is recorded");
    if let Err(error) = replay(&file) {
        panic!("{error}");
    }
}

/// A client with all of a driver but the socket, and with the laws.
struct Driver {
    client: Client,
    config: Config,
    now: Instant,
    link: Option<Link>,
    earlier: Option<Link>,
    opened: u64,
    up: bool,
    inbound: BytesMut,
    sent: BytesMut,
    /// How much of it the server has answered, or never will.
    served: usize,
    actions: Vec<Action>,
    tickets: Vec<Ticket>,
    /// Without an outcome.
    open: BTreeMap<Ticket, &'static str>,
    watches: Vec<Ticket>,
    acks: Vec<AckToken>,
    standing: Standing,
}

/// What the application was told last of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Down,
    Attempting,
    Online,
    Ready,
}

impl Driver {
    fn new(mut client: Client, with_payloads: bool) -> Self {
        let mut options = RecordOptions::new([1, 2]);
        options.with_payloads = with_payloads;
        client.record(&options);
        Self {
            config: client.config().clone(),
            client,
            now: Instant::EPOCH,
            link: None,
            earlier: None,
            opened: 0,
            up: false,
            inbound: BytesMut::new(),
            sent: BytesMut::new(),
            served: 0,
            actions: Vec::new(),
            tickets: Vec::new(),
            open: BTreeMap::new(),
            watches: Vec::new(),
            acks: Vec::new(),
            standing: Standing::Down,
        }
    }

    fn take(&mut self, step: &Step, lens: &[u8]) {
        let (now, client) = (self.now, &mut self.client);
        match step.clone() {
            Step::Start => client.start(now),
            Step::Stop => client.stop(now),
            Step::Publish(publish) => {
                let ticket = client.publish(now, publish).ok();
                self.accepted("publish", ticket);
            }
            Step::Subscribe(filters) => {
                let ticket = client.subscribe(now, filters).ok();
                self.accepted("subscribe", ticket);
            }
            Step::Unsubscribe(filters) => {
                let ticket = client.unsubscribe(now, filters).ok();
                self.accepted("unsubscribe", ticket);
            }
            Step::Shadow(request) => {
                let ticket = client.ask_shadow(now, request).ok();
                self.accepted("shadow", ticket);
            }
            Step::Watch(watch) => {
                let ticket = client.watch_shadow(now, watch).ok();
                self.accepted("watch", ticket);
                self.watches.extend(ticket);
            }
            Step::Unwatch(number) => self.unwatch(number),
            Step::Discard(number) => {
                if let Some(&ticket) = self.tickets.get(number) {
                    let in_time = client.discard(now, ticket);
                    assert!(!in_time || self.open.contains_key(&ticket), "{ticket} was over");
                }
            }
            Step::Ack(number) => {
                if let Some(&token) = self.acks.get(number) {
                    client.ack(now, token);
                }
            }
            Step::Pause(paused) => client.pause_input(paused),
            Step::LinkUp => {
                if let Some(link) = self.link.filter(|_| !self.up) {
                    self.up = true;
                    client.handle(now, Event::LinkUp(link));
                }
            }
            Step::LinkDown(why) => {
                if let Some(link) = self.link.take() {
                    client.handle(now, Event::LinkDown(link, why));
                    self.down(link);
                }
            }
            Step::Late(why) => {
                if let Some(link) = self.earlier {
                    client.handle(now, Event::Received(link, &mut BytesMut::from(&[0xd0, 0][..])));
                    client.handle(now, Event::LinkUp(link));
                    client.handle(now, Event::LinkDown(link, why));
                }
            }
            Step::Received(bytes) => self.received(&bytes, lens),
            Step::Connect => self.connect(lens),
            Step::Serve => {
                let replies = self.replies();
                self.received(&replies, lens);
            }
            Step::Sleep => {
                let deadline = self.client.next_deadline().map(|(deadline, _)| deadline);
                self.wake(deadline.map_or(now, |deadline| deadline.max(now)));
            }
            Step::Pass(span) => self.wake(now + span),
        }
        self.drain();
    }

    fn accepted(&mut self, what: &'static str, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            assert!(self.tickets.last().is_none_or(|last| *last < ticket), "{ticket} is not new");
            self.tickets.push(ticket);
            self.open.insert(ticket, what);
        }
    }

    fn unwatch(&mut self, number: usize) {
        if let Some(&watch) = self.watches.get(number) {
            // What was told before the call may still wait to be picked up.
            self.drain();
            let Some(position) = self.watches.iter().position(|known| *known == watch) else { return };
            assert!(self.client.unwatch_shadow(self.now, watch), "{watch} lasts");
            assert!(!self.client.unwatch_shadow(self.now, watch), "{watch} was over");
            self.watches.remove(position);
        }
    }

    /// The bytes come in pieces; nothing is drained in between, so that nothing else differs.
    fn received(&mut self, bytes: &[u8], lens: &[u8]) {
        let Some(link) = self.link.filter(|_| self.up) else { return };
        let pieces = if lens.is_empty() { vec![bytes] } else { pieces(bytes, lens) };
        for piece in pieces {
            self.inbound.extend_from_slice(piece);
            self.client.handle(self.now, Event::Received(link, &mut self.inbound));
        }
    }

    fn connect(&mut self, lens: &[u8]) {
        self.client.start(self.now);
        self.drain();
        if let Some(link) = self.link.filter(|_| !self.up) {
            self.up = true;
            self.client.handle(self.now, Event::LinkUp(link));
            self.drain();
            self.received(&[0x20, 2, 0, 0], lens);
        }
    }

    /// What a server that grants everything answers.
    fn replies(&mut self) -> BytesMut {
        let mut asked = BytesMut::from(&self.sent[self.served..]);
        self.served = self.sent.len();
        let mut replies = BytesMut::new();
        while !asked.is_empty() {
            let reply = match Packet::read(&mut asked, usize::MAX).expect("valid packets") {
                Packet::Publish(publish) if publish.pkid != 0 => Packet::PubAck(v4::PubAck::new(publish.pkid)),
                Packet::Subscribe(subscribe) => {
                    let codes = subscribe.filters.iter().map(|filter| SubscribeReasonCode::Success(filter.qos));
                    Packet::SubAck(v4::SubAck::new(subscribe.pkid, codes.collect()))
                }
                Packet::Unsubscribe(unsubscribe) => Packet::UnsubAck(v4::UnsubAck { pkid: unsubscribe.pkid }),
                Packet::PingReq => Packet::PingResp,
                _ => continue,
            };
            reply.write(&mut replies, usize::MAX).expect("memory");
        }
        replies
    }

    fn wake(&mut self, at: Instant) {
        // A day more would only be more of the same.
        self.now = at.min(self.now + Duration::from_secs(86_400));
        self.client.handle(self.now, Event::Wake);
        self.drain();
        let deadline = self.client.next_deadline();
        assert!(deadline.is_none_or(|(deadline, _)| deadline > self.now), "{deadline:?} at {:?}", self.now);
    }

    fn drain(&mut self) {
        for _ in 0..CALLS_MAX {
            let before = self.sent.len();
            let written = self.client.poll_transmit(self.now, &mut self.sent, 1_024);
            assert_eq!(self.sent.len() - before, written);
            assert!(written == 0 || self.up, "bytes without a link");
            let action = self.client.poll_action();
            if let Some(action) = &action {
                self.act(action);
            }
            let idle = written == 0 && action.is_none();
            self.actions.extend(action);
            if idle && !self.resumed() {
                return self.check();
            }
        }
        panic!("a drain has no end");
    }

    /// Offers what the client had no room for; whether it took any of it.
    fn resumed(&mut self) -> bool {
        let len = self.inbound.len();
        if let Some(link) = self.link.filter(|_| self.up && len > 0) {
            self.client.handle(self.now, Event::Received(link, &mut self.inbound));
        }
        self.inbound.len() < len
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Open(link) => {
                assert!(link.number() > self.opened, "{link} is not new");
                assert_eq!(self.link, None, "one link at a time");
                self.opened = link.number();
                self.link = Some(*link);
            }
            Action::Close(link) => {
                // The link may be gone already.
                if self.link.take_if(|open| open == link).is_some() {
                    self.down(*link);
                }
            }
            Action::Notify(notice) => self.told(notice),
        }
    }

    fn down(&mut self, link: Link) {
        self.earlier = Some(link);
        self.up = false;
        self.served = self.sent.len();
        self.inbound.clear();
    }

    fn told(&mut self, notice: &Notice) {
        let from = self.standing;
        let expect = |allowed: &[Standing]| assert!(allowed.contains(&from), "{notice:?} while {from:?}");
        match notice {
            Notice::Attempting { .. } => {
                expect(&[Standing::Down]);
                self.standing = Standing::Attempting;
            }
            Notice::Failed { .. } => {
                expect(&[Standing::Attempting]);
                self.standing = Standing::Down;
            }
            Notice::Online { .. } => {
                expect(&[Standing::Attempting]);
                self.standing = Standing::Online;
            }
            Notice::Ready => {
                expect(&[Standing::Online]);
                self.standing = Standing::Ready;
            }
            Notice::Offline { .. } => {
                expect(&[Standing::Online, Standing::Ready]);
                self.standing = Standing::Down;
            }
            Notice::Stopped => expect(&[Standing::Down]),
            Notice::Done { ticket, outcome } => {
                let ended = self.open.remove(ticket);
                assert!(ended.is_some(), "{ticket} ends as {outcome:?} without being open");
                if ended == Some("watch") && matches!(outcome, thingwire_core::Outcome::ConnectionClosed { .. }) {
                    // The notice of it follows.
                    assert!(self.watches.contains(ticket));
                }
            }
            Notice::Message(message) => self.acks.extend(message.ack),
            Notice::Shadow(notice) => {
                let position = self.watches.iter().position(|watch| *watch == notice.watch);
                let position = position.unwrap_or_else(|| panic!("{notice:?} of a watch that is over"));
                if matches!(notice.event, ShadowEvent::GivenUp { .. }) {
                    self.watches.remove(position);
                }
            }
            _ => {}
        }
    }

    /// What holds after every drain.
    fn check(&self) {
        assert!(self.client.in_flight() <= usize::from(self.config.in_flight_max), "in flight");
        assert!(self.client.queued_bytes() == 0 || self.client.queued() > 0);
        let online = matches!(self.standing, Standing::Online | Standing::Ready);
        assert_eq!(online, self.client.phase().is_online(), "{:?} while {:?}", self.standing, self.client.phase());
    }
}
