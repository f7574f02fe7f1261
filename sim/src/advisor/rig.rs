//! The device and the server that tests it.

use core::time::Duration;

use bytes::BytesMut;
use thingwire_core::{
    Action, Client, Config, Event, Filter, Instant, Link, LinkError, Notice, Outcome, Publish, Qos, Topic,
};

use super::packets::{CONNACK, CONNECT, TRIGGER, kind, publish, split};
use super::{Checked, Log, demand};
use crate::broker::{Broker, ConnectionId, Output, Rules};

/// The device's client id.
pub(super) const ID: &str = "device";

pub(super) struct Rig<'a> {
    pub(super) client: Client,
    pub(super) broker: Broker,
    pub(super) now: Instant,
    pub(super) log: &'a mut Log,
    pub(super) link: Option<(Link, ConnectionId)>,
    /// Types of packets that the server keeps to itself.
    pub(super) withheld: Vec<u8>,
    pub(super) notices: Vec<Notice>,
    sent: Vec<Sent>,
    inbound: BytesMut,
}

/// A packet from the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) link: Link,
    pub(super) packet: Vec<u8>,
}

impl<'a> Rig<'a> {
    pub(super) fn new(log: &'a mut Log, config: &Config, seed: u64) -> Checked<Self> {
        let mut client = Client::new(config.clone(), seed, Instant::EPOCH).map_err(|error| error.to_string())?;
        client.start(Instant::EPOCH);
        Ok(Self {
            client,
            broker: Broker::new(Rules::aws()),
            now: Instant::EPOCH,
            log,
            link: None,
            withheld: Vec::new(),
            notices: Vec::new(),
            sent: Vec::new(),
            inbound: BytesMut::new(),
        })
    }

    /// With a device that is online.
    pub(super) fn online(log: &'a mut Log, config: &Config) -> Checked<Self> {
        let mut rig = Self::new(log, config, 1)?;
        rig.until_online()?;
        Ok(rig)
    }

    /// Subscribes to `t`, with QoS 1.
    pub(super) fn subscribe(&mut self) -> Checked {
        self.subscribe_to("t", Qos::AtLeastOnce)
    }

    pub(super) fn subscribe_to(&mut self, filter: &str, qos: Qos) -> Checked {
        let filter = Filter::new(filter).map_err(|error| error.to_string())?;
        let asked = self.client.subscribe(self.now, vec![(filter, qos)]);
        asked.map(|_| ()).map_err(|error| error.to_string())
    }

    pub(super) fn publish(&mut self, topic: &str, payload: &str, qos: Qos) -> Checked {
        let topic = Topic::new(topic).map_err(|error| error.to_string())?;
        let asked = self.client.publish(self.now, Publish::new(topic, payload.to_owned()).qos(qos));
        asked.map(|_| ()).map_err(|error| error.to_string())
    }

    /// A client of the server's publishes to `t` with QoS 1.
    pub(super) fn trigger(&mut self, payload: &[u8]) {
        let connection = self.broker.open(self.now);
        self.broker.receive(self.now, connection, TRIGGER);
        self.settle();
        self.broker.receive(self.now, connection, &publish(payload));
        self.settle();
        self.broker.lost(self.now, connection);
    }

    /// The server answers no CONNECT before the sixth.
    pub(super) fn withhold_connack_five_times(&mut self) -> Checked {
        let connects = self.connects();
        self.withheld = vec![CONNACK];
        self.run_until("the fifth CONNECT without an answer", |rig| rig.connects() == connects + 5)?;
        self.run_until("the fifth attempt given up", |rig| rig.link.is_none())?;
        self.withheld.clear();
        self.until_online()?;
        let connects = self.connects() - connects;
        demand(connects == 6, || format!("{connects} CONNECTs instead of 6"))
    }

    pub(super) fn hang_up(&mut self) {
        self.broker.kick(self.now, ID);
        self.settle();
    }

    pub(super) fn until_online(&mut self) -> Checked {
        self.run_until("connected", |rig| rig.client.phase().is_online())
    }

    /// Lets time pass until `done`, within the case's limit.
    pub(super) fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Checked {
        self.settle();
        while !done(self) {
            let client = self.client.next_deadline().map(|(at, _)| at);
            let next = [client, self.broker.next_deadline()].into_iter().flatten().min();
            let next = next.filter(|next| next.since(Instant::EPOCH) < self.log.limit);
            let Some(next) = next else {
                let limit = self.log.limit;
                self.log.took = limit;
                return Err(format!("not {what} within {} s", limit.as_secs()));
            };
            self.pass(next);
            self.client.handle(self.now, Event::Wake);
            self.settle();
        }
        Ok(())
    }

    pub(super) fn run_for(&mut self, span: Duration) -> Checked {
        self.settle();
        let end = self.now + span;
        while let Some((at, _)) = self.client.next_deadline().filter(|&(at, _)| at <= end) {
            self.run_until("awake", |rig| rig.now >= at)?;
        }
        self.pass(end);
        self.settle();
        Ok(())
    }

    fn pass(&mut self, to: Instant) {
        self.now = to;
        self.log.took = self.log.took.max(to.since(Instant::EPOCH));
        self.broker.wake(to);
    }

    pub(super) fn settle(&mut self) {
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
            Output::Send(to, bytes) if to == connection && !self.withheld.contains(&kind(&bytes)) => {
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

    /// The packets of this type that the device has sent.
    pub(super) fn sent(&self, of: u8) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| kind(&sent.packet) == of).collect()
    }

    pub(super) fn connects(&self) -> usize {
        self.sent(CONNECT).len()
    }

    /// The times between CONNECTs.
    pub(super) fn gaps(&self) -> Vec<Duration> {
        let times: Vec<_> = self.sent(CONNECT).iter().map(|sent| sent.at).collect();
        times.windows(2).map(|pair| pair[1].since(pair[0])).collect()
    }

    pub(super) fn has(&self, outcome: &Outcome) -> bool {
        self.notices.iter().any(|notice| matches!(notice, Notice::Done { outcome: ended, .. } if ended == outcome))
    }

    /// As many packets of this type were sent.
    pub(super) fn sent_times(&self, of: u8, name: &str, times: usize) -> Checked {
        let sent = self.sent(of).len();
        demand(sent == times, || format!("{name} was sent {sent} times, not {times}"))
    }

    /// The end of a case: the device broke no rule.
    pub(super) fn judge(&self) -> Checked {
        self.broker.violations().first().map_or(Ok(()), |violation| Err(format!("a rule was broken: {violation}")))
    }
}
