//! The real client and a server of a few lines, recorded.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use thingwire_core::{
    Action, Client, Config, Drain, Event, Filter, Instant, Jitter, Link, LinkError, Message, Notice, Publish, Qos,
    Ticket, Topic,
};
use thingwire_sim::trace::{Holds, Name, Operation, Packet, Published, Record, What};

pub(crate) const LATENCY: Duration = Duration::from_millis(10);

#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Rig {
    pub(crate) client: Client,
    pub(crate) now: Instant,
    pub(crate) link: Option<Link>,
    pub(crate) records: Vec<Record>,
    /// Whether links come up by themselves.
    pub(crate) reachable: bool,
    /// What the server answers with CONNACK.
    pub(crate) connack: (bool, u8),
    /// Whether the server answers anything.
    pub(crate) answers: bool,
    pub(crate) answers_pings: bool,
    pub(crate) answers_publishes: bool,
    /// Return codes of SUBACKs.
    pub(crate) grant: u8,
    /// Closes the link instead of acknowledging this message.
    pub(crate) denied: Option<u64>,
    tokens: VecDeque<(u64, thingwire_core::AckToken)>,
    on_the_way: VecDeque<(Instant, Option<Packet>)>,
    up_at: Option<Instant>,
    is_up: bool,
    next_tag: u64,
    last: (thingwire_core::Phase, Holds, Option<Instant>),
}

/// Waits without jitter; everything that is not the matter is switched off.
pub(crate) fn config() -> Config {
    let mut config = Config::new("rig");
    config.clean_session = false;
    config.backoff.jitter = Jitter::None;
    config.drain = Drain::Unlimited;
    config
}

impl Rig {
    pub(crate) fn new(config: Config) -> Self {
        let client = Client::new(config, 7, Instant::EPOCH).unwrap();
        Self {
            last: (client.phase(), Holds::default(), None),
            client,
            now: Instant::EPOCH,
            link: None,
            records: Vec::new(),
            reachable: true,
            connack: (false, 0),
            answers: true,
            answers_pings: true,
            answers_publishes: true,
            grant: 1,
            denied: None,
            tokens: VecDeque::new(),
            on_the_way: VecDeque::new(),
            up_at: None,
            is_up: false,
            next_tag: 1,
        }
    }

    /// Started, accepted and ready.
    pub(crate) fn ready(config: Config) -> Self {
        let mut rig = Self::new(config);
        rig.start();
        rig.wait(100);
        assert_eq!(rig.client.phase(), thingwire_core::Phase::Ready);
        rig
    }

    pub(crate) fn record(&mut self, what: What) {
        self.records.push(Record { at: self.now, device: 0, what });
    }

    pub(crate) fn start(&mut self) {
        self.record(What::Start);
        self.client.start(self.now);
        self.drain();
    }

    pub(crate) fn stop(&mut self) {
        self.record(What::Stop);
        self.client.stop(self.now);
        self.drain();
    }

    pub(crate) fn publish(&mut self, topic: &str, qos: Qos) -> Option<Ticket> {
        self.publish_for(topic, qos, None)
    }

    pub(crate) fn publish_for(&mut self, topic: &str, qos: Qos, expires_in: Option<Duration>) -> Option<Ticket> {
        let tag = self.next_tag;
        self.next_tag += 1;
        let mut publish = Publish::new(Topic::new(topic).unwrap(), Bytes::copy_from_slice(&tag.to_be_bytes())).qos(qos);
        publish.expires_in = expires_in;
        let message = published(0, false, qos, topic.as_bytes(), tag, 8);
        let operation = Operation::Publish(message, expires_in.map(|span| self.now + span));
        let answer = self.client.publish(self.now, publish).map_err(|refused| refused.why);
        self.asked(operation, answer)
    }

    pub(crate) fn subscribe(&mut self, filters: &[&str]) -> Option<Ticket> {
        let asked: Vec<_> = filters.iter().map(|text| (Filter::new(*text).unwrap(), Qos::AtLeastOnce)).collect();
        let names = filters.iter().map(|text| (Name::of(text.as_bytes()), Qos::AtLeastOnce)).collect();
        let answer = self.client.subscribe(self.now, asked).map_err(|refused| refused.why);
        self.asked(Operation::Subscribe(names), answer)
    }

    pub(crate) fn unsubscribe(&mut self, filter: &str) -> Option<Ticket> {
        let answer = self.client.unsubscribe(self.now, vec![Filter::new(filter).unwrap()]);
        let answer = answer.map_err(|refused| refused.why);
        self.asked(Operation::Unsubscribe([Name::of(filter.as_bytes())].into()), answer)
    }

    fn asked(&mut self, operation: Operation, answer: Result<Ticket, thingwire_core::Refusal>) -> Option<Ticket> {
        match answer {
            Ok(ticket) => {
                self.record(What::Accepted { ticket: ticket.number(), operation });
                self.drain();
                Some(ticket)
            }
            Err(why) => {
                self.record(What::Refused { operation, why });
                None
            }
        }
    }

    pub(crate) fn discard(&mut self, ticket: Ticket) {
        let in_time = self.client.discard(self.now, ticket);
        self.record(What::Discarded(ticket.number(), in_time));
        self.drain();
    }

    pub(crate) fn pause(&mut self, paused: bool) {
        self.client.pause_input(paused);
        self.record(What::Pause(paused));
        self.drain();
    }

    pub(crate) fn ack(&mut self) {
        let (tag, token) = self.tokens.pop_front().unwrap();
        self.record(What::Acknowledged(tag));
        self.client.ack(self.now, token);
        self.drain();
    }

    pub(crate) fn has_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// The server says something of its own, now; not where the link is not up, or the client does not listen.
    pub(crate) fn receive(&mut self, packet: Packet) {
        let Some(link) = self.link else { return };
        if self.up_at.is_some() || !self.is_up || !self.client.wants_input() {
            return;
        }
        let mut bytes = encode(&packet);
        self.record(What::Received(link.number(), packet));
        self.client.handle(self.now, Event::Received(link, &mut bytes));
        self.drain();
    }

    /// Several packets at once.
    pub(crate) fn receive_together(&mut self, packets: &[Packet]) {
        let Some(link) = self.link else { return };
        let mut bytes = BytesMut::new();
        for packet in packets {
            bytes.extend_from_slice(&encode(packet));
            self.record(What::Received(link.number(), packet.clone()));
        }
        self.client.handle(self.now, Event::Received(link, &mut bytes));
        self.drain();
    }

    pub(crate) fn message(&mut self, id: u16, tag: u64) {
        self.receive(inbound(id, tag));
    }

    pub(crate) fn lose(&mut self, why: LinkError) {
        let Some(link) = self.link.take() else { return };
        self.on_the_way.clear();
        self.up_at = None;
        self.record(What::Down(link.number(), why.clone()));
        self.client.handle(self.now, Event::LinkDown(link, why));
        self.drain();
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        loop {
            let wake = self.client.next_deadline().map(|(at, _)| at);
            let packet = self.on_the_way.front().map(|&(at, _)| at);
            let Some(at) = [wake, packet, self.up_at].into_iter().flatten().min().filter(|&at| at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            if self.up_at == Some(at) {
                self.up();
            } else if packet == Some(at) {
                match self.on_the_way.pop_front() {
                    Some((_, Some(packet))) => self.receive(packet),
                    _ => self.lose(LinkError::Closed),
                }
            } else {
                self.record(What::Wake { due: true });
                self.client.handle(self.now, Event::Wake);
                self.drain();
            }
        }
        self.now = end;
    }

    fn up(&mut self) {
        self.up_at = None;
        self.is_up = true;
        let Some(link) = self.link else { return };
        self.record(What::Up(link.number()));
        self.client.handle(self.now, Event::LinkUp(link));
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        let mut out = BytesMut::new();
        loop {
            let written = self.client.poll_transmit(self.now, &mut out, 4096);
            for packet in decode(&out.split()) {
                let link = self.link.map_or(0, Link::number);
                self.answer(&packet);
                self.record(What::Sent(link, packet));
            }
            let action = self.client.poll_action();
            if written == 0 && action.is_none() {
                break;
            }
            match action {
                Some(Action::Open(link)) => {
                    (self.link, self.is_up) = (Some(link), false);
                    self.on_the_way.clear();
                    self.up_at = self.reachable.then_some(self.now + LATENCY);
                    self.record(What::Dial(link.number()));
                }
                Some(Action::Close(link)) => {
                    (self.link, self.up_at) = (None, None);
                    self.on_the_way.clear();
                    self.record(What::Close(link.number()));
                }
                Some(Action::Notify(notice)) => self.told(notice),
                None => {}
            }
        }
        self.look();
    }

    fn told(&mut self, notice: Notice) {
        let what = match notice {
            Notice::Done { ticket, outcome } => What::Finished { ticket: ticket.number(), outcome },
            Notice::Message(message) => {
                let tag = tag(&message.payload);
                self.tokens.extend(message.ack.map(|token| (tag, token)));
                What::Delivered(delivered(&message))
            }
            notice => What::Told(notice),
        };
        self.record(what);
    }

    fn look(&mut self) {
        let holds = Holds {
            queued: u32::try_from(self.client.queued()).unwrap(),
            queued_bytes: self.client.queued_bytes() as u64,
            in_flight: u32::try_from(self.client.in_flight()).unwrap(),
        };
        let deadline = self.client.next_deadline().map(|(at, _)| at);
        let looks = (self.client.phase(), holds, deadline);
        let last = core::mem::replace(&mut self.last, looks);
        if last.0 != looks.0 {
            self.record(What::Phase(looks.0));
        }
        if last.1 != looks.1 {
            self.record(What::Holds(holds));
        }
        if last.2 != looks.2 {
            self.record(What::Deadline(deadline));
        }
    }

    fn answer(&mut self, packet: &Packet) {
        let answer = match packet {
            _ if !self.answers => return,
            Packet::Connect { .. } => Packet::Connack { present: self.connack.0, code: self.connack.1 },
            Packet::Publish(publish) if self.denied == Some(publish.tag) => {
                return self.on_the_way.push_back((self.now + LATENCY, None));
            }
            Packet::Publish(publish) if publish.id != 0 && self.answers_publishes => Packet::Puback(publish.id),
            Packet::Subscribe(id, filters) => Packet::Suback(*id, vec![self.grant; filters.len()].into()),
            Packet::Unsubscribe(id, _) => Packet::Unsuback(*id),
            Packet::Pingreq if self.answers_pings => Packet::Pingresp,
            _ => return,
        };
        self.on_the_way.push_back((self.now + LATENCY, Some(answer)));
    }
}

/// A message of the server's.
pub(crate) fn inbound(id: u16, tag: u64) -> Packet {
    let qos = if id == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce };
    Packet::Publish(published(id, false, qos, b"in", tag, 8))
}

pub(crate) fn published(id: u16, dup: bool, qos: Qos, topic: &[u8], tag: u64, len: u32) -> Published {
    Published { id, dup, qos, retain: false, topic: Name::of(topic), tag, len }
}

fn delivered(message: &Message) -> Published {
    let len = u32::try_from(message.payload.len()).unwrap();
    Published {
        retain: message.retain,
        dup: message.duplicate,
        ..published(0, false, message.qos, message.topic.as_str().as_bytes(), tag(&message.payload), len)
    }
}

fn tag(payload: &[u8]) -> u64 {
    payload.first_chunk().map_or(0, |tag| u64::from_be_bytes(*tag))
}

/// A packet of the server's as bytes.
pub(crate) fn encode(packet: &Packet) -> BytesMut {
    let mut bytes = BytesMut::new();
    let with_id = |bytes: &mut BytesMut, first: u8, id: u16, rest: &[u8]| {
        bytes.put_u8(first);
        bytes.put_u8(u8::try_from(2 + rest.len()).unwrap());
        bytes.put_u16(id);
        bytes.put_slice(rest);
    };
    match packet {
        Packet::Connack { present, code } => bytes.put_slice(&[0x20, 2, u8::from(*present), *code]),
        Packet::Puback(id) => with_id(&mut bytes, 0x40, *id, &[]),
        Packet::Suback(id, codes) => with_id(&mut bytes, 0x90, *id, codes),
        Packet::Unsuback(id) => with_id(&mut bytes, 0xb0, *id, &[]),
        Packet::Pingresp => bytes.put_slice(&[0xd0, 0]),
        Packet::Publish(publish) => {
            // Every message of these servers has the topic "in" and eight bytes.
            let has_id = publish.id != 0;
            bytes.put_slice(&[0x30 | u8::from(has_id) << 1 | u8::from(publish.dup) << 3, if has_id { 14 } else { 12 }]);
            bytes.put_slice(b"\0\x02in");
            if has_id {
                bytes.put_u16(publish.id);
            }
            bytes.put_u64(publish.tag);
        }
        _ => bytes.put_slice(&[0xff, 0xff]),
    }
    bytes
}

/// The client's packets; all are shorter than 128 bytes, or a length of two bytes is enough.
fn decode(mut bytes: &[u8]) -> Vec<Packet> {
    let mut packets = Vec::new();
    while let [first, rest @ ..] = bytes {
        let (len, rest) = match rest {
            [low, high, rest @ ..] if low & 0x80 != 0 => (usize::from(low & 0x7f) | usize::from(*high) << 7, rest),
            [len, rest @ ..] => (usize::from(*len), rest),
            [] => panic!("half a packet"),
        };
        let (body, rest) = rest.split_at(len);
        packets.push(decode_one(*first, body));
        bytes = rest;
    }
    packets
}

fn decode_one(first: u8, body: &[u8]) -> Packet {
    let number = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    match first >> 4 {
        1 => Packet::Connect { clean: body[7] & 2 != 0, keep_alive_secs: number(8) },
        3 => {
            let topic_end = 2 + usize::from(number(0));
            let qos = if first & 2 != 0 { Qos::AtLeastOnce } else { Qos::AtMostOnce };
            let (id, payload) = match qos {
                Qos::AtLeastOnce => (number(topic_end), &body[topic_end + 2..]),
                Qos::AtMostOnce => (0, &body[topic_end..]),
            };
            let len = u32::try_from(payload.len()).unwrap();
            Packet::Publish(published(id, first & 8 != 0, qos, &body[2..topic_end], tag(payload), len))
        }
        4 => Packet::Puback(number(0)),
        8 | 10 => {
            let (mut at, mut filters) = (2, Vec::new());
            while at < body.len() {
                let end = at + 2 + usize::from(number(at));
                filters.push((Name::of(&body[at + 2..end]), Qos::AtLeastOnce));
                at = end + usize::from(first >> 4 == 8);
            }
            if first >> 4 == 8 {
                Packet::Subscribe(number(0), filters.into())
            } else {
                Packet::Unsubscribe(number(0), filters.into_iter().map(|(name, _)| name).collect())
            }
        }
        12 => Packet::Pingreq,
        14 => Packet::Disconnect,
        _ => panic!("{first:02x}"),
    }
}
