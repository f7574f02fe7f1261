//! How bytes go to and from a device.

use core::time::Duration;

use thingwire_core::{Event, LinkError, Phase};

use super::Device;
use crate::trace::{Record, What};
use crate::world::agenda::Due;
use crate::world::pipe::Way;
use crate::world::stage::Stage;
use crate::world::wire::error;

/// When a socket that takes little at a time is asked again.
const NEXT_WRITE: Duration = Duration::from_millis(1);

impl Device {
    /// The socket takes what it has room for.
    pub(in crate::world) fn write(&mut self, stage: &mut Stage) {
        let network = self.conditions.network;
        let Some(wire) = self.wire.as_mut().filter(|wire| !wire.outbound.is_empty()) else { return };
        let room = (network.send_buffer as usize).saturating_sub(wire.to_broker.len());
        let most = self.conditions.small_writes.unwrap_or(usize::MAX);
        let len = wire.outbound.len().min(room).min(most);
        if !wire.vanished {
            let bytes = wire.outbound.get(..len).unwrap_or_default();
            wire.to_broker.send(stage.now, bytes, &network, self.number, &mut *stage.choices);
        }
        bytes::Buf::advance(&mut wire.outbound, len);
        if !wire.outbound.is_empty() && !wire.waits_for_room {
            wire.waits_for_room = true;
            stage.put(stage.now + NEXT_WRITE, Due::Writable(self.number));
        }
        if wire.closes_on_data {
            self.peer_closed(stage);
        }
        self.schedule(stage, Way::ToBroker);
    }

    /// A socket that was full is asked again.
    pub(in crate::world) fn writable(&mut self, stage: &mut Stage) {
        if let Some(wire) = &mut self.wire {
            wire.waits_for_room = false;
            self.drain(stage);
        }
    }

    /// Sees to it that the agenda has the next arrival of this direction.
    pub(in crate::world) fn schedule(&mut self, stage: &mut Stage, way: Way) {
        let idle = match way {
            Way::ToBroker => false,
            Way::ToClient => self.asleep || !self.client.wants_input(),
        };
        if idle || self.conditions.holds(way) {
            return;
        }
        let Some(pipe) = self.wire.as_mut().map(|wire| wire.pipe(way)) else { return };
        let Some(at) = pipe.next().map(|at| at.max(stage.now)) else { return };
        if pipe.scheduled.is_none_or(|scheduled| at < scheduled) {
            pipe.scheduled = Some(at);
            stage.put(at, Due::Arrive(self.number, way));
        }
    }

    /// What has arrived is handed over, segment by segment.
    pub(in crate::world) fn arrive(&mut self, stage: &mut Stage, way: Way) {
        let Some(pipe) = self.wire.as_mut().map(|wire| wire.pipe(way)) else { return };
        if pipe.scheduled != Some(stage.now) {
            return;
        }
        pipe.scheduled = None;
        match way {
            Way::ToBroker => self.arrive_at_broker(stage),
            Way::ToClient => self.arrive_at_client(stage),
        }
        self.schedule(stage, way);
    }

    fn arrive_at_broker(&mut self, stage: &mut Stage) {
        while let Some(wire) = self.wire.as_mut().filter(|_| !self.conditions.holds(Way::ToBroker)) {
            let Some(len) = wire.to_broker.arrived(stage.now) else { return };
            let (arrives, breaks) = wire.arrive(Way::ToBroker, len);
            let bytes = wire.to_broker.take();
            if let Some(connection) = wire.connection {
                stage.broker.receive(stage.now, connection, bytes.get(..arrives).unwrap_or_default());
            }
            wire.to_broker.tidy();
            if let Some(how) = breaks {
                return self.cut(stage, how);
            }
        }
    }

    fn arrive_at_client(&mut self, stage: &mut Stage) {
        loop {
            if self.asleep || self.conditions.holds(Way::ToClient) {
                return;
            }
            self.take_in(stage);
            let wants_input = self.client.wants_input();
            let Some(wire) = self.wire.as_mut().filter(|_| wants_input) else { return };
            let Some(len) = wire.to_client.arrived(stage.now) else {
                if wire.to_client.has_ended(stage.now) {
                    self.down(stage, LinkError::Closed);
                }
                return;
            };
            let (arrives, breaks) = wire.arrive(Way::ToClient, len);
            let bytes = wire.to_client.take().get(..arrives).unwrap_or_default();
            wire.inbound.extend_from_slice(bytes);
            wire.unseen.extend_from_slice(bytes);
            wire.to_client.tidy();
            self.take_in(stage);
            if let Some(how) = breaks {
                return self.down(stage, error(how));
            }
        }
    }

    /// The client takes what it wants of what the socket has given.
    fn take_in(&mut self, stage: &mut Stage) {
        while self.client.wants_input() {
            let now = self.now(stage);
            let Some(wire) = self.wire.as_mut().filter(|wire| !wire.inbound.is_empty()) else { return };
            let before = wire.inbound.len();
            self.client.handle(now, Event::Received(wire.link, &mut wire.inbound));
            let waits = matches!(self.client.phase(), Phase::AwaitingConnack) || self.client.phase().is_online();
            // Of bytes that have ended the link the client takes all or none; they were given to it.
            let taken = if waits { before - wire.inbound.len() } else { before };
            let (link, device) = (wire.link.number(), self.number);
            wire.received.push_read(wire.unseen.get(..taken).unwrap_or_default(), |text, packet| {
                stage.records.extend(text.map(|text| Record { at: now, device, what: What::Shadow(text) }));
                stage.records.push(Record { at: now, device, what: What::Received(link, packet) });
            });
            wire.unseen.drain(..taken.min(wire.unseen.len()));
            if !waits {
                wire.inbound.clear();
            }
            self.drain(stage);
            if taken == 0 {
                return;
            }
        }
    }

    /// The network is another one: what it has held up comes sooner.
    pub(in crate::world) fn hurry(&mut self, stage: &mut Stage) {
        let network = self.conditions.network;
        for way in [Way::ToBroker, Way::ToClient] {
            if let Some(wire) = &mut self.wire {
                wire.pipe(way).hurry(stage.now, &network);
            }
            self.schedule(stage, way);
        }
    }

    /// A packet of the broker's is put on its way.
    pub(in crate::world) fn send(&mut self, stage: &mut Stage, bytes: &[u8]) {
        let network = self.conditions.network;
        if let Some(wire) = self.wire.as_mut().filter(|wire| !wire.vanished) {
            wire.to_client.send(stage.now, bytes, &network, self.number, &mut *stage.choices);
            self.schedule(stage, Way::ToClient);
        }
    }

    /// From here on the client is sent what the broker has not.
    pub(in crate::world) fn tamper(&mut self) {
        if let Some(wire) = &mut self.wire {
            wire.tampered = true;
        }
    }

    /// Bytes that nobody asked for are put on their way, now or with the next connection.
    pub(in crate::world) fn inject(&mut self, stage: &mut Stage, bytes: &[u8]) {
        if self.wire.as_ref().is_some_and(|wire| wire.up) {
            self.tamper();
            self.send(stage, bytes);
        } else {
            self.injections.extend_from_slice(bytes);
        }
    }
}
