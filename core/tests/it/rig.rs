//! A client on a bench: time moves when the test says so, the server is a list of bytes.

use core::time::Duration;

use bytes::BytesMut;
use thingwire_core::{
    Action, Client, Config, Drain, Event, Filter, Instant, Jitter, Limits, Link, LinkError, Notice, Outcome, Publish,
    Qos, Ticket, Topic,
};

pub const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
pub const CONNACK_RESUMED: [u8; 4] = [0x20, 2, 1, 0];
pub const PINGREQ: [u8; 2] = [0xc0, 0];
pub const PINGRESP: [u8; 2] = [0xd0, 0];
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

pub struct Rig {
    pub client: Client,
    pub now: Instant,
    pub link: Option<Link>,
    /// What the driver was told since it was last asked.
    pub notices: Vec<Notice>,
    pub opened: usize,
    pub closed: usize,
}

/// Waits without jitter: 1, 2, 4 … seconds; nothing is held back.
pub fn config() -> Config {
    let mut config = Config::new("rig");
    config.backoff.jitter = Jitter::None;
    config.drain = Drain::Unlimited;
    config.limits.publishes_per_second_max = None;
    config.limits.bytes_per_second_max = None;
    config
}

pub fn persistent() -> Config {
    let mut config = config();
    config.clean_session = false;
    config
}

/// Every life on the rig can be replayed.
#[cfg(feature = "trace")]
impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let recording = self.client.recording().expect("it was recorded");
            thingwire_core::replay::replay(&recording).unwrap();
        }
    }
}

impl Rig {
    pub fn new(config: Config) -> Self {
        #[cfg_attr(not(feature = "trace"), expect(unused_mut, reason = "only a recorded client changes here"))]
        let mut client = Client::new(config, 7, Instant::EPOCH).unwrap();
        #[cfg(feature = "trace")]
        client.record(&thingwire_core::trace::RecordOptions::new([1, 2]));
        Self { client, now: Instant::EPOCH, link: None, notices: Vec::new(), opened: 0, closed: 0 }
    }

    /// Started, connected, CONNECT sent and answered with `connack`; the notices up to then are dropped.
    pub fn online(config: Config) -> Self {
        let mut rig = Self::new(config);
        rig.client.start(rig.now);
        rig.reach_online(&CONNACK);
        rig.notices.clear();
        rig
    }

    /// From a wanted link to an accepted one; returns what was sent after CONNACK.
    pub fn reach_online(&mut self, connack: &[u8]) -> Vec<Vec<u8>> {
        self.reach_connect();
        self.receive(connack)
    }

    /// From a wanted link to an accepted one, with nothing sent after CONNACK.
    pub fn reach_accepted(&mut self, connack: &[u8]) {
        self.reach_connect();
        let link = self.link.expect("a link");
        self.client.handle(self.now, Event::Received(link, &mut BytesMut::from(connack)));
    }

    /// From a wanted link to one that waits for CONNACK.
    pub fn reach_connect(&mut self) {
        assert_eq!(self.drain(), [[0_u8; 0]; 0], "nothing goes out before the link is up");
        let link = self.link.expect("a link is wanted");
        self.client.handle(self.now, Event::LinkUp(link));
        let sent = self.drain();
        assert_eq!(sent.len(), 1, "CONNECT alone");
        assert_eq!(sent[0][0], 0x10);
    }

    /// Takes what the client gives until there is no more; returns the packets.
    pub fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut out = BytesMut::new();
        loop {
            let written = self.client.poll_transmit(self.now, &mut out, 4096);
            let action = self.client.poll_action();
            if written == 0 && action.is_none() {
                return packets(&out);
            }
            match action {
                Some(Action::Open(link)) => {
                    assert!(self.link.is_none_or(|last| last < link), "links are numbered upwards");
                    self.link = Some(link);
                    self.opened += 1;
                }
                Some(Action::Close(link)) => {
                    assert_eq!(self.link, Some(link));
                    self.closed += 1;
                }
                Some(Action::Notify(notice)) => self.notices.push(notice),
                None => {}
            }
        }
    }

    /// Bytes from the server; returns the packets that answer them.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut inbound = BytesMut::from(bytes);
        let link = self.link.expect("a link");
        self.client.handle(self.now, Event::Received(link, &mut inbound));
        let sent = self.drain();
        assert!(inbound.is_empty(), "{inbound:02x?} was not taken");
        sent
    }

    pub fn lose_link(&mut self, why: LinkError) -> Vec<Vec<u8>> {
        let link = self.link.expect("a link");
        self.client.handle(self.now, Event::LinkDown(link, why));
        self.drain()
    }

    /// Lets time pass up to the next deadline, which must be `after` from now.
    pub fn wake_after(&mut self, after: Duration) -> Vec<Vec<u8>> {
        let (deadline, kind) = self.client.next_deadline().expect("a deadline");
        assert_eq!(deadline.since(self.now), after, "{kind:?}");
        self.wake()
    }

    /// Lets time pass up to the next deadline, whenever that is.
    pub fn wake(&mut self) -> Vec<Vec<u8>> {
        let (deadline, kind) = self.client.next_deadline().expect("a deadline");
        self.now = deadline;
        self.client.handle(self.now, Event::Wake);
        let next = self.client.next_deadline();
        assert!(next.is_none_or(|(next, _)| next > self.now), "{kind:?} did not go away: {next:?}");
        self.drain()
    }

    /// Lets time pass without anything being due.
    pub fn pass(&mut self, span: Duration) {
        let then = self.now + span;
        assert!(self.client.next_deadline().is_none_or(|(deadline, _)| deadline > then));
        self.now = then;
    }

    pub fn take_notices(&mut self) -> Vec<Notice> {
        core::mem::take(&mut self.notices)
    }

    pub fn publish(&mut self, topic: &str, payload: &str, qos: Qos) -> Ticket {
        let publish = Publish::new(Topic::new(topic).unwrap(), payload.to_owned()).qos(qos);
        self.client.publish(self.now, publish).unwrap()
    }

    pub fn subscribe(&mut self, filter: &str, qos: Qos) -> Ticket {
        self.client.subscribe(self.now, vec![(Filter::new(filter).unwrap(), qos)]).unwrap()
    }

    /// Subscribed and granted.
    pub fn subscribed(&mut self, filter: &str) {
        self.subscribe(filter, Qos::AtLeastOnce);
        let sent = self.drain();
        let id = packet_id(&sent[0]);
        self.receive(&suback(id, &[1]));
    }

    pub fn outcomes(&mut self) -> Vec<(Ticket, Outcome)> {
        let done = |notice| match notice {
            Notice::Done { ticket, outcome } => Some((ticket, outcome)),
            _ => None,
        };
        self.take_notices().into_iter().filter_map(done).collect()
    }
}

/// Splits a stream into packets. The rig reads its own way, so that a wrong length shows.
pub fn packets(mut stream: &[u8]) -> Vec<Vec<u8>> {
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

/// What follows the fixed header.
pub fn body(packet: &[u8]) -> &[u8] {
    let header = 2 + packet[1..].iter().take_while(|byte| **byte & 0x80 != 0).count();
    &packet[header..]
}

/// The packet id of a PUBLISH, SUBSCRIBE, UNSUBSCRIBE or PUBACK.
pub fn packet_id(packet: &[u8]) -> u16 {
    let body = body(packet);
    let at = if packet[0] >> 4 == 3 { 2 + usize::from(u16::from_be_bytes([body[0], body[1]])) } else { 0 };
    u16::from_be_bytes([body[at], body[at + 1]])
}

/// The topic of a PUBLISH, or the first filter of a SUBSCRIBE or UNSUBSCRIBE.
pub fn topic(packet: &[u8]) -> &str {
    let text = &body(packet)[if packet[0] >> 4 == 3 { 0 } else { 2 }..];
    core::str::from_utf8(&text[2..2 + usize::from(u16::from_be_bytes([text[0], text[1]]))]).unwrap()
}

/// The payload of a PUBLISH as text.
pub fn payload(packet: &[u8]) -> &str {
    assert_eq!(packet[0] >> 4, 3);
    let id_len = if packet[0] & 0x06 == 0 { 0 } else { 2 };
    core::str::from_utf8(&body(packet)[2 + topic(packet).len() + id_len..]).unwrap()
}

pub fn puback(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![0x40, 2, high, low]
}

pub fn suback(id: u16, codes: &[u8]) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let mut packet = vec![0x90, u8::try_from(2 + codes.len()).unwrap(), high, low];
    packet.extend_from_slice(codes);
    packet
}

pub fn unsuback(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![0xb0, 2, high, low]
}

/// A PUBLISH from the server; the packet id makes it QoS 1.
pub fn message(topic: &str, payload: &str, id: Option<u16>) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    body.extend(id.iter().flat_map(|id| id.to_be_bytes()));
    body.extend_from_slice(payload.as_bytes());
    let mut packet = vec![if id.is_some() { 0x32 } else { 0x30 }];
    let mut rest = body.len();
    while rest >= 0x80 {
        packet.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    packet.push(u8::try_from(rest).unwrap());
    packet.extend(body);
    packet
}

pub fn unlimited() -> Config {
    let mut config = config();
    config.limits = Limits::none();
    config.queue.count_max = None;
    config.queue.bytes_max = usize::MAX;
    config
}
