//! The device shadow service behind the broker: what clients publish to it, and what it publishes.

use core::time::Duration;

use thingwire_core::{Instant, Qos as CoreQos};

use super::wire::{Message, Qos};
use super::{Broker, ConnectionId};
use crate::shadow::{Moment, Publication, Rejection, Service, ShadowName};

impl Broker {
    /// The shadow service, which answers while [`Rules::shadows`](super::Rules::shadows) holds.
    pub fn shadows(&self) -> &Service {
        &self.shadows
    }

    /// The shadow service, to change its rules and moods.
    pub fn shadows_mut(&mut self) -> &mut Service {
        &mut self.shadows
    }

    /// Updates a shadow from behind, as an application in the cloud does over HTTPS: what has changed is published, a rejection is
    /// only returned. The new version.
    pub fn update_shadow(&mut self, now: Instant, name: &ShadowName, payload: &[u8]) -> Result<u64, Rejection> {
        self.wake(now);
        let version = self.shadows.update(self.moment(), name, payload)?;
        self.publish_shadows();
        Ok(version)
    }

    /// What the clock on the wall says at [`Instant::EPOCH`], since 1970; zero without this.
    pub fn set_unix_epoch(&mut self, since_1970: Duration) {
        self.unix_epoch = since_1970;
    }

    /// How long after 1970 it is.
    pub(super) fn since_1970(&self) -> Duration {
        self.unix_epoch + self.now.since(Instant::EPOCH)
    }

    /// A client's publish may be a request to the service. Wills are not (B-60).
    pub(super) fn ask_shadows(&mut self, connection: ConnectionId, message: &Message) {
        if self.shadows.request(self.moment(), connection.number(), &message.topic, &message.payload) {
            self.publish_shadows();
        }
    }

    /// Publishes what the service has to say by now, to whoever has subscribed to it.
    pub(super) fn publish_shadows(&mut self) {
        while let Some(Publication { topic, payload, qos }) = self.shadows.poll(self.now) {
            let qos = if qos == CoreQos::AtMostOnce { Qos::AtMostOnce } else { Qos::AtLeastOnce };
            self.route(&Message { topic: topic.into(), payload, qos, retain: false });
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, unix_seconds: self.since_1970().as_secs() }
    }
}
