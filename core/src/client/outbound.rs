//! What goes to the server, encoded as late as possible.

use bytes::BytesMut;

use super::{Client, Ping};
use crate::codec::{Encoder, OutgoingPublish, PacketId};
use crate::queue::Request;
use crate::session::InFlight;
use crate::{Instant, Outcome, Phase, Publish, Qos};

impl Client {
    /// Appends what is to be sent now to `out`, and tells how many bytes that was.
    ///
    /// Packets are appended while fewer than `budget` bytes were; the last one may go over. What stays behind is
    /// still a request, not bytes, so it can still expire or wait behind an acknowledgement. A budget of 0 gives
    /// nothing: use it while the socket takes no more.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut BytesMut, budget: usize) -> usize {
        self.advance(now);
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
        written
    }

    /// Writes the most urgent packet; false when there is none.
    fn write_next(&mut self, out: &mut BytesMut) -> bool {
        match self.phase {
            Phase::Idle | Phase::Opening | Phase::BackingOff => false,
            Phase::AwaitingConnack => self.write_connect(out),
            Phase::Resubscribing => self.write_control(out) || self.write_restore(out),
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
        let count = self.restoring.len().min(self.config.limits.filters_per_request_max);
        if count == 0 {
            return false;
        }
        let Some(id) = self.session.free_id() else { return false };
        let filters: Vec<_> = self.restoring.drain(..count).collect();
        Encoder::subscribe(id, &filters, out);
        self.sent_with_answer_due(id, InFlight::Restore(filters));
        true
    }

    fn write_resend(&mut self, out: &mut BytesMut) -> bool {
        if !self.session.has_resends() {
            return false;
        }
        let Some((id, publish)) = self.session.pop_resend() else {
            // What was left has been acknowledged unasked: there is no more to send again.
            self.settle();
            return false;
        };
        self.encoder.publish(outgoing(publish, Some(id), true), out);
        self.settle();
        true
    }

    fn write_queued(&mut self, out: &mut BytesMut) -> bool {
        let Some((_, request)) = self.queue.front() else { return false };
        let id = match request {
            Request::Publish(publish) if publish.qos == Qos::AtMostOnce => None,
            Request::Publish(_) if self.session.publishes() >= usize::from(self.config.in_flight_max) => return false,
            Request::Publish(_) | Request::Subscribe(_) | Request::Unsubscribe(_) => match self.session.free_id() {
                Some(id) => Some(id),
                None => return false,
            },
        };
        let Some((ticket, request)) = self.queue.pop() else { return false };
        match (request, id) {
            (Request::Publish(publish), None) => {
                self.encoder.publish(outgoing(&publish, None, false), out);
                self.done(ticket, Outcome::Sent);
            }
            (Request::Publish(publish), Some(id)) => {
                self.encoder.publish(outgoing(&publish, Some(id), false), out);
                self.session.sent(id, InFlight::Publish(ticket, publish), None);
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

    fn sent_with_answer_due(&mut self, id: PacketId, packet: InFlight) {
        self.session.sent(id, packet, Some(self.now + self.config.operation_timeout));
        self.arm_operation();
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
