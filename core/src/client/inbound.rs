//! What the server sends.

use bytes::BytesMut;

use super::{Client, Ping};
use crate::codec::{self, Incoming, IncomingPublish, PacketId, SessionPresent};
use crate::link::{LinkError, ProtocolError};
use crate::session::InFlight;
use crate::suspects::Suspect;
use crate::timers::TimerKind;
use crate::{Filter, FrameError, Message, Notice, Outcome, Phase, Qos};

impl Client {
    /// Takes whole packets off the front of `bytes` while there is room for what they cause.
    pub(super) fn receive(&mut self, bytes: &mut BytesMut) {
        loop {
            if !self.wants_input() {
                self.input_held = true;
                return;
            }
            match codec::decode(bytes, self.config.limits.packet_len_max, &mut self.last_topic) {
                Ok(Some(packet)) => self.packet(packet),
                Ok(None) => return,
                Err(error) => self.abandon(self.broken(error, bytes)),
            }
            // After each, so that it makes no difference in which portions they came.
            self.serve_requests();
            // The packet may have ended the link: nothing after it is applied.
            if !(self.phase.is_online() || self.phase == Phase::AwaitingConnack) {
                bytes.clear();
                return;
            }
        }
    }

    fn broken(&self, error: FrameError, bytes: &BytesMut) -> LinkError {
        // The first byte alone: whether more of `HTTP/` has come is chance, and no packet of a server begins so.
        let http = self.phase == Phase::AwaitingConnack && bytes.first() == Some(&b'H');
        if http { ProtocolError::Http.into() } else { error.into() }
    }

    fn packet(&mut self, packet: Incoming) {
        // Only whole packets are a sign of life: a peer that dribbles bytes is not alive.
        self.last_received = self.now;
        self.arm_keep_alive();
        match (self.phase, packet) {
            (Phase::AwaitingConnack, _) if !self.connect.sent => self.abandon(ProtocolError::BeforeConnect.into()),
            (Phase::AwaitingConnack, Incoming::Connack(Ok(SessionPresent(resumed)))) => self.accepted(resumed),
            (Phase::AwaitingConnack, Incoming::Connack(Err(refusal))) => self.refused(refusal),
            (Phase::AwaitingConnack, _) => self.abandon(ProtocolError::NotConnack.into()),
            (_, Incoming::Connack(_)) => self.abandon(ProtocolError::SecondConnack.into()),
            (_, Incoming::Publish(publish)) => self.message(publish),
            (_, Incoming::Puback(id)) => self.puback(id),
            (_, Incoming::Suback(id, grants)) => self.suback(id, grants),
            (_, Incoming::Unsuback(id)) => self.unsuback(id),
            (_, Incoming::Pingresp) => self.pingresp(),
        }
    }

    fn message(&mut self, publish: IncomingPublish) {
        self.pacing.received(self.now);
        self.totals.received += 1;
        let IncomingPublish { topic, payload, packet_id, retain, duplicate } = publish;
        let ack = packet_id.and_then(PacketId::new).map(|id| self.session.inbound().received(self.link, id));
        let qos = if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        if let Some(message) = self.offer(Message { topic, payload, qos, retain, duplicate, ack }) {
            self.notify(Notice::Message(message));
        }
    }

    /// An answer to nothing has no effect: the server may repeat itself.
    fn puback(&mut self, id: u16) {
        if let Some(InFlight::Publish(ticket, _)) =
            self.session.answered(id, |packet| matches!(packet, InFlight::Publish(..)))
        {
            self.drainer.acked();
            self.arm_resend();
            self.done(ticket, Outcome::Acked);
        } else {
            self.totals.unknown_answers += 1;
        }
    }

    fn suback(&mut self, id: u16, grants: Vec<Option<Qos>>) {
        // [MQTT-3.8.4-5] Checked before the packet is taken out of flight: a wrong answer leaves the request intact.
        match self.session.filters_in_flight(id) {
            Some(expected) if expected != grants.len() => {
                return self.abandon(ProtocolError::SubackCount { expected, got: grants.len() }.into());
            }
            _ => {}
        }
        let fits =
            |packet: &InFlight| matches!(packet, InFlight::Subscribe(..) | InFlight::Restore(_) | InFlight::GivenUp);
        match self.session.answered(id, fits) {
            Some(InFlight::Subscribe(ticket, filters)) => {
                for ((filter, _), grant) in filters.iter().zip(&grants) {
                    self.subscriptions.answered(ticket, filter, *grant);
                    if grant.is_none() {
                        self.subscription_lost(filter);
                    }
                }
                self.done(ticket, Outcome::Subscribed(grants));
            }
            Some(InFlight::Restore(filters)) => {
                for ((filter, _), grant) in filters.into_iter().zip(grants) {
                    self.restored(filter, grant);
                }
            }
            Some(InFlight::Publish(..) | InFlight::Unsubscribe(..) | InFlight::GivenUp) | None => {
                self.totals.unknown_answers += 1;
            }
        }
        self.arm_operation();
        self.arm_resend();
        self.settle();
    }

    /// The server answered a renewal, or never will.
    pub(super) fn restored(&mut self, filter: Filter, grant: Option<Qos>) {
        self.suspects.cleared(&Suspect::Subscription(filter.clone()));
        let of_application = self.subscriptions.is_of_application(&filter);
        let still_wanted = self.subscriptions.restored(&filter, grant);
        if grant.is_none() {
            self.subscription_lost(&filter);
            if still_wanted && of_application {
                self.notify(Notice::SubscriptionLost { filter });
            }
        }
    }

    fn unsuback(&mut self, id: u16) {
        let fits = |packet: &InFlight| matches!(packet, InFlight::Unsubscribe(..) | InFlight::GivenUp);
        if let Some(InFlight::Unsubscribe(ticket, _)) = self.session.answered(id, fits) {
            self.done(ticket, Outcome::Unsubscribed);
        } else {
            self.totals.unknown_answers += 1;
        }
        self.arm_operation();
        self.arm_resend();
    }

    fn pingresp(&mut self) {
        // One that nobody asked for is only a sign of life.
        if self.ping == Ping::Outstanding {
            self.ping = Ping::Idle;
            self.timers.stop(TimerKind::Pingresp);
            self.arm_keep_alive();
        }
    }

    /// Stops taking input, or goes on: for a driver whose application does not keep up.
    ///
    /// While it is paused, [`wants_input`](Self::wants_input) is false on a link that the server has accepted, and the
    /// server is not blamed for an answer that nobody could read. Pings and acknowledgements still go out, and a lost
    /// link is made again.
    pub fn pause_input(&mut self, paused: bool) {
        if paused == self.input_paused {
            return;
        }
        self.tape.pause_input(paused);
        self.input_paused = paused;
        self.input_held |= paused;
    }

    /// No PINGRESP was seen in time.
    pub(super) fn pingresp_overdue(&mut self) {
        let unread = !self.wants_input() || core::mem::take(&mut self.input_held);
        let patience_until = self.ping_due_at + self.config.keep_alive;
        if unread {
            // It may be among the bytes that were not taken. Asked again, so that the server hears from us.
            self.ping = Ping::Due;
            self.arm_pingresp();
        } else if self.last_received > self.ping_due_at && self.now < patience_until {
            // Packets do arrive: on a slow link it may come behind many others.
            let next = self.now + self.config.ping_timeout();
            self.timers.set(TimerKind::Pingresp, next.min(patience_until));
        } else {
            self.abandon(LinkError::KeepAlive);
        }
    }

    pub(super) fn arm_pingresp(&mut self) {
        self.timers.set(TimerKind::Pingresp, self.now + self.config.ping_timeout());
    }
}
