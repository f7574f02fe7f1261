//! What goes to the server, encoded as late as possible.

use bytes::BytesMut;

use super::{Client, Ping};
use crate::codec::{Encoder, OutgoingPublish, PacketId};
use crate::drain::Gate;
use crate::queue::Request;
use crate::session::{InFlight, ResendPublishes};
use crate::timers::TimerKind;
use crate::{Instant, Outcome, Phase, Publish, Qos};

impl Client {
    /// Appends what is to be sent now to `out`, and tells how many bytes that was.
    ///
    /// Packets are appended while fewer than `budget` bytes were; the last one may go over. What stays behind is
    /// still a request, not bytes, so it can still expire or wait behind an acknowledgement. A budget of 0 gives
    /// nothing: use it while the socket takes no more.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut BytesMut, budget: usize) -> usize {
        self.advance(now);
        self.timers.stop(TimerKind::Pace);
        if self.queue.next_expiry().is_some_and(|expires_at| expires_at <= self.now) {
            // The wake may come later than other events, as after a sleep of the whole device.
            self.expire_queued();
        }
        let start = out.len();
        while out.len() - start < budget && self.write_next(out) {}
        let written = out.len() - start;
        if written > 0 {
            self.last_sent = self.now;
            self.arm_keep_alive();
        }
        self.tape.transmitted(self.now, budget, &out[start..]);
        written
    }

    /// Writes the most urgent packet; false when there is none.
    fn write_next(&mut self, out: &mut BytesMut) -> bool {
        match self.phase {
            Phase::Idle | Phase::Opening | Phase::BackingOff => false,
            Phase::AwaitingConnack => self.write_connect(out),
            Phase::Resubscribing => self.write_control(out) || self.write_resend(out) || self.write_restore(out),
            Phase::Draining | Phase::Ready => {
                self.write_control(out) || self.write_resend(out) || self.write_queued(out)
            }
            Phase::Closing => self.write_control(out) || self.write_disconnect(out),
        }
    }

    fn write_connect(&mut self, out: &mut BytesMut) -> bool {
        if self.connect.sent {
            return false;
        }
        self.connect.sent = true;
        self.connect.attempted_at = Some(self.now);
        Encoder::connect(&self.config, out);
        true
    }

    /// Acknowledgements and pings: never behind anything else.
    fn write_control(&mut self, out: &mut BytesMut) -> bool {
        if let Some(id) = self.session.inbound().pop_ack() {
            Encoder::puback(id, out);
            return true;
        }
        if self.ping == Ping::Due {
            self.ping = Ping::Outstanding;
            Encoder::pingreq(out);
            return true;
        }
        false
    }

    fn write_restore(&mut self, out: &mut BytesMut) -> bool {
        let one_at_a_time = self.suspects.one_at_a_time();
        let count_max = if one_at_a_time { 1 } else { self.config.limits.filters_per_request_max };
        let count = self.restoring.len().min(count_max);
        if count == 0 || !self.may_send_more() {
            return false;
        }
        let Some(id) = self.session.free_id() else { return false };
        let filters: Vec<_> = self.restoring.drain(..count).collect();
        Encoder::subscribe(id, &filters, out);
        self.sent_with_answer_due(id, InFlight::Restore(filters));
        true
    }

    /// Whether something may be sent that the server has to answer, or may close the connection for.
    fn may_send_more(&self) -> bool {
        !self.suspects.one_at_a_time() || self.session.unanswered().next().is_none()
    }

    fn write_resend(&mut self, out: &mut BytesMut) -> bool {
        if !self.session.has_resends() {
            return false;
        }
        let publishes = if self.phase == Phase::Resubscribing {
            // Answers to publishes may come to subscriptions that have to be restored first.
            ResendPublishes::None
        } else if self.may_send_more() {
            ResendPublishes::All
        } else {
            // What this link has carried is what the others wait for.
            ResendPublishes::OnLink
        };
        let Some((id, packet)) = self.session.next_resend(publishes) else {
            // What was left has been acknowledged unasked, or waits: there is no more to send again for now.
            self.settle();
            return false;
        };
        match packet {
            InFlight::Publish(_, publish) => {
                let ready_at = self.pacing.ready_at(self.now, publish);
                if ready_at > self.now {
                    return self.hold_back(Some(ready_at));
                }
                self.pacing.sent(self.now, publish);
                Encoder::publish(outgoing(publish, Some(id), true), out);
            }
            InFlight::Subscribe(_, filters) | InFlight::Restore(filters) => Encoder::subscribe(id, filters, out),
            InFlight::Unsubscribe(_, filters) => Encoder::unsubscribe(id, filters, out),
            InFlight::GivenUp => {}
        }
        self.totals.resent += 1;
        self.session.resent(id);
        self.resend_later(id);
        self.settle();
        true
    }

    fn write_queued(&mut self, out: &mut BytesMut) -> bool {
        if !self.may_send_more() {
            return false;
        }
        let Some(front) = self.queue.front() else { return false };
        if self.session.has_resends() && matches!(front.request, Request::Publish(_)) {
            // Nothing new overtakes what is sent again [MQTT-4.6.0-1].
            return false;
        }
        // What an earlier link has carried is only sent again, and requests have no time to wait.
        let drained = self.phase == Phase::Draining && !front.at_once;
        if drained {
            match self.drainer.gate(self.now, self.session.publishes(), self.queue.is_full()) {
                Gate::Open => {}
                Gate::Until(ready_at) => return self.hold_back(Some(ready_at)),
                Gate::UntilAcked => return self.hold_back(None),
            }
        }
        if let Request::Publish(publish) = front.request {
            let ready_at = self.pacing.ready_at(self.now, publish);
            if ready_at > self.now {
                return self.hold_back(Some(ready_at));
            }
        }
        let id = match front.request {
            Request::Publish(publish) if publish.qos == Qos::AtMostOnce => None,
            Request::Publish(_) if self.session.publishes() >= usize::from(self.config.in_flight_max) => return false,
            Request::Publish(_) | Request::Subscribe(_) | Request::Unsubscribe(_) => match self.session.free_id() {
                Some(id) => Some(id),
                None => return false,
            },
        };
        if drained {
            self.drainer.sent(self.now);
        }
        if let Request::Publish(publish) = front.request {
            self.pacing.sent(self.now, publish);
        }
        let Some((ticket, request)) = self.queue.pop() else { return false };
        match (request, id) {
            (Request::Publish(publish), None) => {
                Encoder::publish(outgoing(&publish, None, false), out);
                self.done(ticket, Outcome::Sent);
            }
            (Request::Publish(publish), Some(id)) => {
                Encoder::publish(outgoing(&publish, Some(id), false), out);
                self.session.sent(id, InFlight::Publish(ticket, publish), None);
                self.resend_later(id);
            }
            (Request::Subscribe(filters), Some(id)) => {
                Encoder::subscribe(id, &filters, out);
                self.sent_with_answer_due(id, InFlight::Subscribe(ticket, filters));
            }
            (Request::Unsubscribe(filters), Some(id)) => {
                Encoder::unsubscribe(id, &filters, out);
                self.sent_with_answer_due(id, InFlight::Unsubscribe(ticket, filters));
            }
            (Request::Subscribe(_) | Request::Unsubscribe(_), None) => unreachable!("an id was found above"),
        }
        self.arm_expiry();
        self.settle();
        true
    }

    /// Nothing of this kind is sent before `ready_at`, or before something else happens.
    fn hold_back(&mut self, ready_at: Option<Instant>) -> bool {
        // Something else may be held back too, and for less long.
        let earliest = self.timers.deadline(TimerKind::Pace).into_iter().chain(ready_at).min();
        self.timers.set(TimerKind::Pace, earliest);
        false
    }

    fn sent_with_answer_due(&mut self, id: PacketId, packet: InFlight) {
        self.session.sent(id, packet, Some(self.now + self.config.operation_timeout));
        self.resend_later(id);
        self.arm_operation();
    }

    fn resend_later(&mut self, id: PacketId) {
        if let Some(span) = self.config.resend_after {
            self.session.resend_at(self.now + span, id);
            self.arm_resend();
        }
    }

    fn write_disconnect(&mut self, out: &mut BytesMut) -> bool {
        Encoder::disconnect(out);
        self.close();
        true
    }
}

fn outgoing(publish: &Publish, packet_id: Option<PacketId>, duplicate: bool) -> OutgoingPublish<'_> {
    OutgoingPublish { topic: &publish.topic, payload: &publish.payload, packet_id, retain: publish.retain, duplicate }
}
