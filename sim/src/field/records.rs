//! A field trace told in the words of [`crate::trace`], so that oracles judge it and pictures show it.

use core::time::Duration;
use std::collections::BTreeMap;

use thingwire_core::replay::{Replay, ReplayError};
use thingwire_core::trace::{Answer, Call, Step, Trace as FieldTrace};
use thingwire_core::{
    AckToken, Action, Client, Instant, Message, Notice, Phase, Publish, Qos, Refusal, ShadowName, Ticket,
};

use crate::tap::{Side, Tap, tag_on};
use crate::trace::shadow::{ShadowAsk, ShadowText, ShadowTopics, WatchAsk};
use crate::trace::{Holds, Name, Operation, Packet, Published, Record, Trace, What};

/// A field trace as a run of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What happened, up to the end or to the first difference. Nothing in it comes from the broker's side.
    pub trace: Trace,
    /// Why it ends early.
    pub error: Option<ReplayError>,
}

/// Replays a field trace, and tells what happened.
///
/// A trace that does not begin with the client's first moment is told from there on: it may finish what it never saw
/// accepted.
pub fn records(field: &FieldTrace<'_>) -> Told {
    let mut teller = Teller::default();
    let error = teller.tell(field).err();
    teller.record(What::End);
    Told { trace: teller.trace, error }
}

struct Teller {
    trace: Trace,
    at: Instant,
    /// The link that was asked for last.
    link: u64,
    sent: Tap,
    received: Tap,
    phase: Phase,
    holds: Holds,
    /// The driver has no room for more of the client's bytes.
    blocked: bool,
    /// The deadline that was told last, and the one there is.
    deadline: Option<Instant>,
    next_deadline: Option<Instant>,
    /// Messages that the application has to acknowledge, with their tags.
    unacknowledged: Vec<(AckToken, u64)>,
    packets: Vec<(Option<Box<ShadowText>>, Packet)>,
    /// How long the client's requests last by themselves.
    request_timeout: Duration,
    /// The shadows that are watched, by the numbers of their watches' tickets.
    watched: BTreeMap<u64, Name>,
}

impl Default for Teller {
    fn default() -> Self {
        Self {
            trace: Trace::default(),
            at: Instant::EPOCH,
            link: 0,
            sent: Tap::new(Side::Sent),
            received: Tap::new(Side::Received),
            phase: Phase::Idle,
            holds: Holds::default(),
            blocked: false,
            deadline: None,
            next_deadline: None,
            unacknowledged: Vec::new(),
            packets: Vec::new(),
            request_timeout: Duration::ZERO,
            watched: BTreeMap::new(),
        }
    }
}

impl Teller {
    fn tell(&mut self, field: &FieldTrace<'_>) -> Result<(), ReplayError> {
        let mut replay = Replay::new(field)?;
        self.phase = replay.client().phase();
        self.request_timeout = replay.client().config().requests.timeout;
        while let Some(step) = replay.next_step() {
            let step = step?;
            if step.at > self.at {
                // Whatever came before has been drained: a driver does not sleep otherwise.
                if self.next_deadline != self.deadline {
                    self.deadline = self.next_deadline;
                    self.record(What::Deadline(self.deadline));
                }
                self.at = step.at;
            }
            self.step(&step, replay.written(), replay.action());
            self.look(replay.client());
        }
        Ok(())
    }

    fn record(&mut self, what: What) {
        self.trace.records.push(Record { at: self.at, device: 0, what });
    }

    fn name(&mut self, text: &str) -> Name {
        let name = Name::of(text.as_bytes());
        self.trace.names.entry(name).or_insert_with(|| text.to_owned());
        name
    }

    fn step(&mut self, step: &Step, written: &[u8], action: Option<&Action>) {
        match (&step.call, &step.answer) {
            (Call::Start, _) => self.record(What::Start),
            (Call::Stop, _) => self.record(What::Stop),
            (Call::PauseInput(paused), _) => self.record(What::Pause(*paused)),
            (Call::Publish(publish), answer) => {
                let expires_at = publish.expires_in.map(|span| self.at + span);
                let operation = Operation::Publish(self.published(publish), expires_at);
                self.asked(operation, answer);
            }
            (Call::Subscribe(filters), answer) => {
                let names = filters.iter().map(|(filter, qos)| (self.name(filter.as_str()), *qos)).collect();
                self.asked(Operation::Subscribe(names), answer);
            }
            (Call::Unsubscribe(filters), answer) => {
                let names = filters.iter().map(|filter| self.name(filter.as_str())).collect();
                self.asked(Operation::Unsubscribe(names), answer);
            }
            (Call::Shadow(request), answer) => {
                self.learn(&request.shadow);
                let ask = ShadowAsk::of(request, self.at, self.request_timeout);
                self.asked(Operation::Shadow(Box::new(ask)), answer);
            }
            (Call::WatchShadow(watch), answer) => {
                self.learn(&watch.shadow);
                self.asked(Operation::Watch(Box::new(WatchAsk::of(watch))), answer);
            }
            (Call::UnwatchShadow(watch), _) => {
                if let Some(shadow) = self.watched.remove(&watch.number()) {
                    self.record(What::Unwatched(shadow, true));
                }
            }
            (Call::Discard(ticket), answer) => {
                self.record(What::Discarded(ticket.number(), *answer == Answer::Discarded(true)));
            }
            (Call::Ack(token), _) => self.acknowledged(*token),
            (Call::LinkUp(link), _) => self.record(What::Up(link.number())),
            (Call::LinkDown(link, why), _) => self.record(What::Down(link.number(), why.clone())),
            (Call::Wake, _) => self.record(What::Wake { due: true }),
            // What comes from an old link is thrown away unseen.
            (Call::Received(link, bytes), _) if link.number() == self.link => {
                let packets = &mut self.packets;
                self.received.push_read(bytes, |text, packet| packets.push((text, packet)));
                self.passed(What::Received);
            }
            (Call::PollTransmit(room), _) => {
                let packets = &mut self.packets;
                self.sent.push_read(written, |text, packet| packets.push((text, packet)));
                self.passed(What::Sent);
                self.room(written.len() < *room);
            }
            (Call::PollAction, _) => self.action(action),
            _ => {}
        }
    }

    /// Remembers the texts of a shadow's topics.
    fn learn(&mut self, shadow: &ShadowName) {
        for text in ShadowTopics::texts(shadow) {
            self.name(&text);
        }
    }

    fn asked(&mut self, operation: Operation, answer: &Answer) {
        if let (Operation::Watch(watch), Answer::Accepted(ticket)) = (&operation, answer) {
            self.watched.insert(ticket.number(), watch.topics.shadow);
        }
        match answer {
            Answer::Accepted(ticket) => self.record(What::Accepted { ticket: Ticket::number(*ticket), operation }),
            Answer::Refused(why) => self.record(What::Refused { operation, why: Refusal::clone(why) }),
            _ => {}
        }
    }

    fn acknowledged(&mut self, token: AckToken) {
        if let Some(index) = self.unacknowledged.iter().position(|(known, _)| *known == token) {
            let (_, tag) = self.unacknowledged.remove(index);
            self.record(What::Acknowledged(tag));
        }
    }

    /// Whether the driver takes more bytes: what it does not take, the client cannot send.
    fn room(&mut self, has_room: bool) {
        if self.blocked == has_room {
            self.blocked = !has_room;
            self.record(What::Blocked(self.blocked));
        }
    }

    fn passed(&mut self, what: fn(u64, Packet) -> What) {
        for (text, packet) in std::mem::take(&mut self.packets) {
            if let Some(text) = text {
                self.record(What::Shadow(text));
            }
            self.record(what(self.link, packet));
        }
    }

    fn action(&mut self, action: Option<&Action>) {
        match action {
            Some(Action::Open(link)) => {
                self.link = link.number();
                (self.sent, self.received) = (Tap::new(Side::Sent), Tap::new(Side::Received));
                // A token of an earlier link has no effect any more.
                self.unacknowledged.clear();
                self.room(true);
                self.record(What::Dial(self.link));
            }
            Some(Action::Close(link)) => self.record(What::Close(link.number())),
            Some(Action::Notify(Notice::Done { ticket, outcome })) => {
                self.record(What::Finished { ticket: ticket.number(), outcome: outcome.clone() });
            }
            Some(Action::Notify(Notice::Message(message))) => {
                let delivered = self.delivered(message);
                self.unacknowledged.extend(message.ack.map(|token| (token, delivered.tag)));
                self.record(What::Delivered(delivered));
            }
            Some(Action::Notify(notice)) => self.record(What::Told(notice.clone())),
            None => {}
        }
    }

    fn published(&mut self, publish: &Publish) -> Published {
        let Publish { topic, payload, qos, retain, .. } = publish;
        self.message(topic.as_str(), payload, *qos, *retain, false)
    }

    fn delivered(&mut self, message: &Message) -> Published {
        let Message { topic, payload, qos, retain, duplicate, .. } = message;
        self.message(topic.as_str(), payload, *qos, *retain, *duplicate)
    }

    fn message(&mut self, topic: &str, payload: &[u8], qos: Qos, retain: bool, dup: bool) -> Published {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        Published { id: 0, dup, qos, retain, topic: self.name(topic), tag: tag_on(topic.as_bytes(), payload), len }
    }

    /// What everybody may look at, where it has changed.
    fn look(&mut self, client: &Client) {
        if client.phase() != self.phase {
            self.phase = client.phase();
            self.record(What::Phase(self.phase));
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let holds = Holds {
            queued: count(client.queued()),
            queued_bytes: u64::try_from(client.queued_bytes()).unwrap_or(u64::MAX),
            in_flight: count(client.in_flight()),
        };
        if holds != self.holds {
            self.holds = holds;
            self.record(What::Holds(holds));
        }
        self.next_deadline = client.next_deadline().map(|(deadline, _)| deadline);
    }
}
