//! How a device's links are made, and how they end.

use core::time::Duration;

use bytes::BytesMut;
use thingwire_core::{CertificateInfo, Event, Link, LinkError, TcpError, TlsError};

use super::Device;
use crate::choices::Site;
use crate::plan::{ConnectFault, How};
use crate::trace::What;
use crate::world::agenda::Due;
use crate::world::pipe::{Pipe, Way};
use crate::world::stage::Stage;
use crate::world::wire::{Wire, error};

/// When an attempt to connect through a network that holds everything up is tried again.
const NEXT_SYN: Duration = Duration::from_secs(1);
/// How often, in a thousand, an old link is heard of once more.
const LATE_PER_MILLE: u64 = 50;
/// How much later that is, at most.
const LATE_MAX: Duration = Duration::from_secs(60);

impl Device {
    pub(in crate::world) fn open(&mut self, stage: &mut Stage, link: Link) {
        self.record(stage, What::Dial(link.number()));
        let trip = self.conditions.network.latency.0;
        let after = match self.conditions.connect {
            Some(ConnectFault::Silence) => None,
            Some(ConnectFault::Unreachable | ConnectFault::NoSockets) => Some(Duration::ZERO),
            Some(ConnectFault::NoName | ConnectFault::Refused) => Some(trip * 2),
            // TCP takes one round trip, TLS 1.3 another.
            _ => Some(trip * 4),
        };
        self.wire = Some(Wire::new(link, self.client.config().limits.packet_len_max));
        if let Some(after) = after {
            stage.put(stage.now + after, Due::Connected(self.number, link.number()));
        }
    }

    /// An attempt to connect has come to its end.
    pub(in crate::world) fn connected(&mut self, stage: &mut Stage, number: u64) {
        let Some(wire) = self.wire.as_mut().filter(|wire| wire.link.number() == number && !wire.up) else { return };
        if self.asleep || self.conditions.holds(Way::ToBroker) || self.conditions.holds(Way::ToClient) {
            return stage.put(stage.now + NEXT_SYN, Due::Connected(self.number, number));
        }
        let tcp = |why| LinkError::Tcp { address: None, why };
        let failure = match self.conditions.connect {
            Some(ConnectFault::Silence) => return,
            Some(ConnectFault::NoName) => LinkError::Resolve { host: "iot.example".into(), why: "no such host".into() },
            Some(ConnectFault::Refused) => tcp(TcpError::Refused),
            Some(ConnectFault::Unreachable) => tcp(TcpError::Unreachable),
            Some(ConnectFault::NoSockets) => tcp(TcpError::Os { code: Some(24) }),
            Some(ConnectFault::TlsAlert) => {
                let certificate = Some(Box::new(CertificateInfo::new("device")));
                TlsError::DeviceRefused { certificate, alert: "UnknownCA".into() }.into()
            }
            Some(ConnectFault::TlsNotYetValid) => {
                TlsError::NotYetValid { certificate: Box::new(CertificateInfo::new("iot.example")), now: 0 }.into()
            }
            Some(ConnectFault::ClosedAtOnce | ConnectFault::ClosedAfterConnect | ConnectFault::NoAnswer) | None => {
                wire.up = true;
                return self.link_up(stage);
            }
        };
        self.down(stage, failure);
    }

    fn link_up(&mut self, stage: &mut Stage) {
        let now = self.now(stage);
        let Some(wire) = &mut self.wire else { return };
        let link = wire.link;
        match self.conditions.connect {
            Some(ConnectFault::ClosedAtOnce) => wire.to_client.end_after(stage.now + self.conditions.network.latency.0),
            Some(ConnectFault::ClosedAfterConnect) => wire.closes_on_data = true,
            Some(ConnectFault::NoAnswer) => wire.vanished = true,
            _ => {
                let connection = stage.broker.open(stage.now);
                stage.routes.insert(connection, self.number);
                wire.connection = Some(connection);
            }
        }
        stage.record(now, self.number, What::Up(link.number()));
        self.client.handle(now, Event::LinkUp(link));
        let injected = core::mem::take(&mut self.injections);
        if !injected.is_empty() {
            self.inject(stage, &injected);
        }
        self.drain(stage);
    }

    /// The link is over, and the client is told; one that sleeps, when it wakes.
    pub(in crate::world) fn down(&mut self, stage: &mut Stage, why: LinkError) {
        let Some(wire) = &mut self.wire else { return };
        if let Some(connection) = wire.connection.take() {
            stage.routes.remove(&connection);
            stage.broker.lost(stage.now, connection);
        }
        if self.asleep {
            wire.unheard.get_or_insert(why);
            return;
        }
        let Some(wire) = self.wire.take() else { return };
        let now = self.now(stage);
        stage.record(now, self.number, What::Down(wire.link.number(), why.clone()));
        self.client.handle(now, Event::LinkDown(wire.link, why));
        self.drain(stage);
    }

    /// The client gives the link up: its last words arrive, what is on its way to it is not read any more.
    pub(in crate::world) fn close(&mut self, stage: &mut Stage, link: Link) {
        self.record(stage, What::Close(link.number()));
        let Some(wire) = self.wire.take_if(|wire| wire.link == link) else { return };
        if let Some(connection) = wire.connection {
            stage.routes.remove(&connection);
            // Through a network that holds everything up not even the end is heard.
            if !self.conditions.holds(Way::ToBroker) {
                stage.broker.receive(stage.now, connection, wire.to_broker.rest());
                stage.broker.receive(stage.now, connection, &wire.outbound);
                stage.broker.lost(stage.now, connection);
            }
        }
        if stage.choices.chance(self.number, Site::Driver, LATE_PER_MILLE) {
            // At any time, so that it may meet the next link.
            let after = stage.choices.span(self.number, Site::Driver, self.conditions.network.latency.0, LATE_MAX);
            self.app.old_link = Some(link);
            stage.put(stage.now + after, Due::Late(self.number, link.number()));
        }
    }

    /// Bytes of a link that is over still reach the client.
    pub(in crate::world) fn late(&mut self, stage: &mut Stage, number: u64) {
        let current = self.wire.as_ref().map(|wire| wire.link);
        let Some(old) = self.app.old_link.take_if(|link| link.number() == number && Some(*link) != current) else {
            return;
        };
        if self.asleep {
            return;
        }
        let now = self.now(stage);
        // Whoever listened to it would take a second CONNACK for a broken link.
        let mut bytes = BytesMut::from(&[0x20, 2, 0, 0, 0x40, 2, 0, 1][..]);
        self.client.handle(now, Event::LinkUp(old));
        self.client.handle(now, Event::Received(old, &mut bytes));
        self.client.handle(now, Event::LinkDown(old, LinkError::Closed));
        self.drain(stage);
    }

    /// The peer is gone without a word.
    pub(in crate::world) fn vanish(&mut self, stage: &mut Stage) {
        if let Some(wire) = &mut self.wire {
            wire.vanished = true;
            wire.to_client = Pipe::default();
            if let Some(connection) = wire.connection.take() {
                stage.routes.remove(&connection);
            }
        }
    }

    /// Breaks the connection, now or where the plan says.
    pub(in crate::world) fn cut(&mut self, stage: &mut Stage, how: How) {
        match how {
            How::Reset => self.down(stage, error(how)),
            How::Fin => {
                if let Some(connection) = self.wire.as_mut().and_then(|wire| wire.connection.take()) {
                    stage.routes.remove(&connection);
                    stage.broker.lost(stage.now, connection);
                }
                self.peer_closed(stage);
            }
        }
    }

    /// The peer closes: what it has sent before still arrives.
    pub(in crate::world) fn peer_closed(&mut self, stage: &mut Stage) {
        let travels = self.conditions.network.latency.0;
        if let Some(wire) = self.wire.as_mut().filter(|wire| !wire.vanished) {
            wire.connection = None;
            wire.to_client.end_after(stage.now + travels);
            self.schedule(stage, Way::ToClient);
        }
    }
}
