//! The built-in application of a device: does what the plan says, and remembers just enough to do it.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use thingwire_core::{
    AckToken, Client, Filter, Instant, Link, Message, Notice, Publish, Qos, ShadowName, Ticket, Topic,
};

use super::agenda::Due;
use super::shadows::{Shadowing, cloud_turn};
use super::stage::Stage;
use crate::broker;
use crate::choices::Site;
use crate::plan::{OpKind, Span, Workload};
use crate::tap::tag_on;
use crate::trace::{Name, Operation, Published, What};

/// Tickets that can still be asked to be withdrawn.
const TICKETS_KEPT: usize = 64;
/// How long an application takes to acknowledge a message, at most.
const ACK_DELAY_MAX: Duration = Duration::from_secs(3);
/// Messages that the broker publishes itself have tags from here on.
const INBOUND_TAGS: u64 = 1 << 63;
/// The filters of one SUBSCRIBE.
const FILTERS_AT_ONCE: usize = 8;

/// The built-in application of a device.
#[derive(Debug)]
pub(super) struct App {
    pub(super) device: u32,
    next_tag: u64,
    works: Vec<Work>,
    /// The filters that `Churn` has subscribed to and not ended.
    churned: BTreeSet<Filter>,
    tickets: VecDeque<Ticket>,
    tokens: VecDeque<Received>,
    pub(super) shadowing: Shadowing,
    /// Counts links as they come and go.
    links: u64,
    pub(super) old_link: Option<Link>,
}

/// A message to be acknowledged.
#[derive(Debug, Clone, Copy)]
struct Received {
    token: AckToken,
    tag: u64,
    link: u64,
}

/// A workload with its topics made ready.
#[derive(Debug)]
struct Work {
    load: Workload,
    topics: Vec<Topic>,
    shadows: Vec<ShadowName>,
    /// How many are still to be done; `None` is no end.
    left: Option<u64>,
}

impl App {
    /// # Errors
    ///
    /// A topic or filter of the plan that cannot be one.
    pub(super) fn new(device: u32, client_id: &str, works: &[Workload]) -> Result<Self, String> {
        let works = works.iter().map(|load| Work::new(load, client_id)).collect::<Result<_, _>>()?;
        Ok(Self {
            device,
            next_tag: 1,
            works,
            churned: BTreeSet::new(),
            tickets: VecDeque::new(),
            tokens: VecDeque::new(),
            shadowing: Shadowing::default(),
            links: 0,
            old_link: None,
        })
    }

    /// The application was told something.
    pub(super) fn told(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, notice: &Notice) {
        self.links += u64::from(matches!(notice, Notice::Online { .. } | Notice::Offline { .. }));
        if let Notice::Done { ticket, outcome } = notice {
            self.shadow_done(stage, client, now, *ticket, outcome);
        }
        let Notice::Message(message) = notice else { return };
        if let Some(token) = message.ack {
            self.tokens.push_back(Received {
                token,
                tag: tag_on(message.topic.as_str().as_bytes(), &message.payload),
                link: self.links,
            });
            if !stage.healed && stage.choices.chance(self.device, Site::AppWork, 500) {
                let after = stage.choices.span(self.device, Site::AppTime, Duration::ZERO, ACK_DELAY_MAX);
                stage.put(stage.now + after, Due::Ack(self.device));
            } else {
                self.ack(stage, client, now);
            }
        }
    }

    /// Whether something may be sent because of this: an acknowledgement, or what the application does in reaction.
    pub(super) fn answers(&self, notice: &Notice) -> bool {
        match notice {
            Notice::Message(_) | Notice::Shadow(_) => true,
            Notice::Done { .. } => self.shadowing.is_used(),
            _ => false,
        }
    }

    /// Acknowledges the oldest message, or any.
    pub(super) fn ack(&mut self, stage: &mut Stage, client: &mut Client, now: Instant) {
        let any = stage.choices.chance(self.device, Site::AppWork, 200);
        let index = if any { stage.choices.below(self.device, Site::AppWork, self.tokens.len() as u64) } else { 0 };
        let chosen = self.tokens.get(usize::try_from(index).unwrap_or(0)).copied();
        // Of one message that came several times the record cannot tell which is meant: the oldest.
        let oldest = self.tokens.iter().position(|waits| chosen.is_some_and(|chosen| waits.tag == chosen.tag));
        if let Some(received) = oldest.and_then(|index| self.tokens.remove(index)) {
            self.acknowledge(stage, client, now, received);
        }
    }

    /// Acknowledges everything that waits for it.
    pub(super) fn ack_all(&mut self, stage: &mut Stage, client: &mut Client, now: Instant) {
        while let Some(received) = self.tokens.pop_front() {
            self.acknowledge(stage, client, now, received);
        }
    }

    /// A token of an earlier link has no effect, and is no acknowledgement of the message that the server sends again.
    fn acknowledge(&self, stage: &mut Stage, client: &mut Client, now: Instant, received: Received) {
        if received.link == self.links {
            stage.record(now, self.device, What::Acknowledged(received.tag));
        }
        client.ack(now, received.token);
    }

    /// What is done once, before everything else.
    pub(super) fn begin(&mut self, stage: &mut Stage, client: &mut Client, now: Instant) {
        for index in 0..self.works.len() {
            let Some(work) = self.works.get(index) else { continue };
            if let Workload::Inbound { qos, .. } = &work.load {
                let qos = qos_of(*qos);
                let filters: Vec<_> = work.topics.iter().filter_map(|topic| Filter::new(topic.as_str()).ok()).collect();
                for filters in filters.chunks(FILTERS_AT_ONCE) {
                    self.subscribe(stage, client, now, filters.to_vec(), qos);
                }
            }
            self.next_turn(stage, index);
        }
    }

    /// A workload has its turn.
    pub(super) fn work(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, index: u32) {
        let index = index as usize;
        let Some(work) = self.works.get(index) else { return };
        match work.load {
            Workload::Publish { qos, burst, size, expires_in, .. } => {
                for _ in 0..burst {
                    let Some(topic) = self.turn(stage, index) else { return };
                    self.publish(stage, client, now, topic, qos_of(qos), size, expires_in, false);
                }
            }
            Workload::Inbound { qos, burst, size, .. } => {
                for _ in 0..burst {
                    let Some(topic) = self.turn(stage, index) else { return };
                    inbound(stage, topic.as_str(), qos, size);
                }
            }
            Workload::Churn { .. } => self.churn(stage, client, now, index),
            Workload::Meddle { .. } => self.meddle(stage, client, now),
            Workload::Shadow { burst, .. } => {
                for _ in 0..burst {
                    let Some(shadow) = self.pick_shadow(stage, index) else { return };
                    self.shadow_turn(stage, client, now, shadow);
                }
            }
            Workload::Cloud { .. } => {
                let Some(shadow) = self.pick_shadow(stage, index) else { return };
                cloud_turn(stage, self.device, &shadow);
            }
        }
        self.next_turn(stage, index);
    }

    /// The topic of the next message, unless there have been enough.
    fn turn(&mut self, stage: &mut Stage, index: usize) -> Option<Topic> {
        let work = self.works.get_mut(index)?;
        if let Some(left) = &mut work.left {
            *left = left.checked_sub(1)?;
        }
        let pick = stage.choices.below(self.device, Site::AppWork, work.topics.len() as u64);
        work.topics.get(usize::try_from(pick).unwrap_or(0)).cloned()
    }

    fn pick_shadow(&mut self, stage: &mut Stage, index: usize) -> Option<ShadowName> {
        let work = self.works.get_mut(index)?;
        if let Some(left) = &mut work.left {
            *left = left.checked_sub(1)?;
        }
        let pick = stage.choices.below(self.device, Site::Shadow, work.shadows.len() as u64);
        work.shadows.get(usize::try_from(pick).unwrap_or(0)).cloned()
    }

    /// The shadows that the device asks for.
    pub(super) fn shadows(&self) -> impl Iterator<Item = &ShadowName> {
        self.works.iter().filter(|work| matches!(work.load, Workload::Shadow { .. })).flat_map(|work| &work.shadows)
    }

    fn next_turn(&mut self, stage: &mut Stage, index: usize) {
        let Some(work) = self.works.get(index).filter(|work| work.left != Some(0)) else { return };
        let (every, random) = work.pace();
        let after =
            if random { stage.choices.span(self.device, Site::AppTime, Duration::ZERO, every.0 * 2) } else { every.0 };
        let after = after.max(Duration::from_micros(1));
        stage.put(stage.now + after, Due::Work(self.device, u32::try_from(index).unwrap_or(u32::MAX)));
    }

    fn churn(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, index: usize) {
        let Some(topic) = self.turn(stage, index) else { return };
        let Ok(filter) = Filter::new(topic.as_str()) else { return };
        if self.churned.remove(&filter) {
            self.unsubscribe(stage, client, now, vec![filter]);
        } else {
            self.churned.insert(filter.clone());
            let qos = qos_of(u8::from(stage.choices.chance(self.device, Site::AppWork, 500)));
            self.subscribe(stage, client, now, vec![filter], qos);
        }
    }

    /// Something that an application may do although nobody should.
    fn meddle(&mut self, stage: &mut Stage, client: &mut Client, now: Instant) {
        match stage.choices.below(self.device, Site::AppWork, 6) {
            0 => self.start(stage, client, now),
            1 => {
                // At once: the goodbye has not even been said.
                self.stop(stage, client, now);
                self.start(stage, client, now);
            }
            2 => {
                self.stop(stage, client, now);
                let after = stage.choices.span(self.device, Site::AppTime, Duration::ZERO, Duration::from_secs(20));
                stage.put(stage.now + after, Due::Start(self.device));
            }
            3 => {
                self.pause(stage, client, now, true);
                let after = stage.choices.span(self.device, Site::AppTime, Duration::ZERO, Duration::from_secs(20));
                stage.put(stage.now + after, Due::Unpause(self.device));
            }
            _ => {
                let back = stage.choices.below(self.device, Site::AppWork, 8);
                self.discard(stage, client, now, usize::try_from(back).unwrap_or(0));
            }
        }
    }
}

/// What an application can do, each with its record.
impl App {
    pub(super) fn op(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, kind: &OpKind) {
        let filters = |texts: &[String]| texts.iter().filter_map(|text| Filter::new(text.as_str()).ok()).collect();
        match kind {
            OpKind::Start => self.start(stage, client, now),
            OpKind::Stop => self.stop(stage, client, now),
            OpKind::Publish { topic, qos, size, expires_in, retain } => {
                if let Ok(topic) = Topic::new(topic.as_str()) {
                    self.publish(stage, client, now, topic, qos_of(*qos), *size, *expires_in, *retain);
                }
            }
            OpKind::Subscribe { filters: texts, qos } => {
                self.subscribe(stage, client, now, filters(texts), qos_of(*qos));
            }
            OpKind::Unsubscribe { filters: texts } => self.unsubscribe(stage, client, now, filters(texts)),
            OpKind::Discard { back } => self.discard(stage, client, now, *back as usize),
            OpKind::Pause { paused } => self.pause(stage, client, now, *paused),
            OpKind::Inbound { topic, qos, size } => inbound(stage, topic, *qos, *size),
        }
    }

    pub(super) fn start(&mut self, stage: &mut Stage, client: &mut Client, now: Instant) {
        stage.record(now, self.device, What::Start);
        client.start(now);
    }

    pub(super) fn stop(&mut self, stage: &mut Stage, client: &mut Client, now: Instant) {
        stage.record(now, self.device, What::Stop);
        client.stop(now);
    }

    pub(super) fn pause(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, paused: bool) {
        stage.record(now, self.device, What::Pause(paused));
        client.pause_input(paused);
    }

    /// Publishes `count` messages at once on the first topic there is.
    pub(super) fn burst(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, count: u32) {
        let topic = self.works.iter().find_map(|work| work.topics.first().cloned());
        let Some(topic) = topic.or_else(|| Topic::new("burst").ok()) else { return };
        for _ in 0..count {
            self.publish(stage, client, now, topic.clone(), Qos::AtLeastOnce, 64, None, false);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what makes a message, and where it happens")]
    fn publish(
        &mut self,
        stage: &mut Stage,
        client: &mut Client,
        now: Instant,
        topic: Topic,
        qos: Qos,
        size: u32,
        expires_in: Option<Span>,
        retain: bool,
    ) {
        let tag = u64::from(self.device) << 40 | self.next_tag;
        self.next_tag += 1;
        let name = Name::of(topic.as_str().as_bytes());
        let payload = stage.payload(tag, size);
        let tag = tag_on(topic.as_str().as_bytes(), &payload);
        let message = Published { id: 0, dup: false, qos, retain, topic: name, tag, len: size.max(8) };
        let operation = Operation::Publish(message, expires_in.map(|span| now + span.0));
        let mut publish = Publish::new(topic, payload).qos(qos).retain(retain);
        publish.expires_in = expires_in.map(|span| span.0);
        match client.publish(now, publish) {
            Ok(ticket) => self.accepted(stage, now, ticket, operation),
            Err(refused) => stage.record(now, self.device, What::Refused { operation, why: refused.why }),
        }
    }

    fn subscribe(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, filters: Vec<Filter>, qos: Qos) {
        let operation = Operation::Subscribe(filters.iter().map(|filter| (name_of(filter), qos)).collect());
        match client.subscribe(now, filters.into_iter().map(|filter| (filter, qos)).collect()) {
            Ok(ticket) => self.accepted(stage, now, ticket, operation),
            Err(refused) => stage.record(now, self.device, What::Refused { operation, why: refused.why }),
        }
    }

    fn unsubscribe(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, filters: Vec<Filter>) {
        let operation = Operation::Unsubscribe(filters.iter().map(name_of).collect());
        match client.unsubscribe(now, filters) {
            Ok(ticket) => self.accepted(stage, now, ticket, operation),
            Err(refused) => stage.record(now, self.device, What::Refused { operation, why: refused.why }),
        }
    }

    /// Ends all subscriptions of the workloads, or asks for them again.
    pub(super) fn subscribe_all(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, wanted: bool) {
        let inbound = self.works.iter().filter(|work| matches!(work.load, Workload::Inbound { .. }));
        let topics = inbound.flat_map(|work| &work.topics);
        let filters: Vec<_> = topics.filter_map(|topic| Filter::new(topic.as_str()).ok()).collect();
        for filters in filters.chunks(FILTERS_AT_ONCE) {
            if wanted {
                self.subscribe(stage, client, now, filters.to_vec(), Qos::AtLeastOnce);
            } else {
                self.unsubscribe(stage, client, now, filters.to_vec());
            }
        }
    }

    pub(super) fn accepted(&mut self, stage: &mut Stage, now: Instant, ticket: Ticket, operation: Operation) {
        stage.record(now, self.device, What::Accepted { ticket: ticket.number(), operation });
        self.tickets.push_back(ticket);
        if self.tickets.len() > TICKETS_KEPT {
            self.tickets.pop_front();
        }
    }

    fn discard(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, back: usize) {
        if let Some(&ticket) = self.tickets.iter().nth_back(back) {
            let in_time = client.discard(now, ticket);
            stage.record(now, self.device, What::Discarded(ticket.number(), in_time));
        }
    }

    pub(super) fn discard_all(&mut self, stage: &mut Stage, client: &mut Client, now: Instant) {
        for back in 0..self.tickets.len() {
            self.discard(stage, client, now, back);
        }
    }
}

impl Work {
    fn new(load: &Workload, client_id: &str) -> Result<Self, String> {
        let left = match load {
            Workload::Publish { count, .. }
            | Workload::Inbound { count, .. }
            | Workload::Shadow { count, .. }
            | Workload::Cloud { count, .. } => *count,
            Workload::Churn { .. } | Workload::Meddle { .. } => None,
        };
        let shadows = load.shadows(client_id).map_err(|error| error.to_string())?;
        let topics = load.topics(client_id).into_iter().map(Topic::new).collect::<Result<_, _>>();
        let topics = topics.map_err(|error| error.to_string())?;
        Ok(Self { load: load.clone(), topics, shadows, left })
    }

    /// The time between two turns, and whether it is drawn.
    fn pace(&self) -> (Span, bool) {
        match &self.load {
            Workload::Publish { every, random, .. } | Workload::Inbound { every, random, .. } => (*every, *random),
            Workload::Churn { every, .. }
            | Workload::Meddle { every }
            | Workload::Shadow { every, .. }
            | Workload::Cloud { every, .. } => (*every, true),
        }
    }
}

/// The broker publishes a message of its own.
fn inbound(stage: &mut Stage, topic: &str, qos: u8, size: u32) {
    let tag = INBOUND_TAGS | stage.next_inbound;
    stage.next_inbound += 1;
    let qos = if qos == 0 { broker::Qos::AtMostOnce } else { broker::Qos::AtLeastOnce };
    let payload = stage.payload(tag, size);
    stage.broker.publish(broker::Message { topic: topic.into(), payload, qos, retain: false });
}

/// A message as the record has it.
pub(super) fn published(message: &Message) -> Published {
    Published {
        id: 0,
        dup: message.duplicate,
        qos: message.qos,
        retain: message.retain,
        topic: Name::of(message.topic.as_str().as_bytes()),
        tag: tag_on(message.topic.as_str().as_bytes(), &message.payload),
        len: u32::try_from(message.payload.len()).unwrap_or(u32::MAX),
    }
}

pub(super) fn name_of(filter: &Filter) -> Name {
    Name::of(filter.as_str().as_bytes())
}

fn qos_of(number: u8) -> Qos {
    if number == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce }
}
