//! One number for everything that happened, to tell whether two runs were the same.

use core::fmt::{self, Write};

use thingwire_core::Instant;

use crate::trace::{Operation, Packet, Published, Record, What};

/// A running hash over records. Not for secrets: it only has to differ where runs do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Digest {
    /// The hash of everything so far.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// One more record.
    pub fn add(&mut self, record: &Record) {
        self.number(record.at.as_micros());
        self.number(u64::from(record.device));
        match &record.what {
            What::Accepted { ticket, operation } => self.tagged(1, *ticket).operation(operation),
            What::Finished { ticket, outcome } => self.tagged(2, *ticket).debug(outcome),
            What::Delivered(message) => self.tagged(3, 0).published(message),
            What::Took(message) => self.tagged(4, 0).published(message),
            What::Sent(link, packet) => self.tagged(5, *link).packet(packet),
            What::Received(link, packet) => self.tagged(6, *link).packet(packet),
            What::Phase(phase) => drop(self.tagged(7, *phase as u64)),
            What::Holds(holds) => {
                let counts = u64::from(holds.queued) << 32 | u64::from(holds.in_flight);
                self.tagged(8, counts).number(holds.queued_bytes);
            }
            What::Deadline(at) => drop(self.tagged(9, at.map_or(u64::MAX, Instant::as_micros))),
            What::Wake { due } => drop(self.tagged(10, u64::from(*due))),
            // Rare ones may cost more.
            rare => self.tagged(11, 0).debug(rare),
        }
    }

    fn number(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0xd6e8_feb8_6659_fd93);
        self.0 ^= self.0 >> 32;
    }

    fn tagged(&mut self, tag: u64, number: u64) -> &mut Self {
        self.number(tag);
        self.number(number);
        self
    }

    fn operation(&mut self, operation: &Operation) {
        match operation {
            Operation::Publish(message, expires_at) => {
                self.published(message);
                self.number(expires_at.map_or(u64::MAX, Instant::as_micros));
            }
            rare => self.debug(rare),
        }
    }

    fn packet(&mut self, packet: &Packet) {
        match packet {
            Packet::Publish(message) => self.published(message),
            Packet::Puback(id) => drop(self.tagged(1, u64::from(*id))),
            rare => self.debug(rare),
        }
    }

    fn published(&mut self, message: &Published) {
        let Published { id, dup, qos, retain, topic, tag, len } = *message;
        self.number(u64::from(id) << 32 | u64::from(len));
        self.number(u64::from(dup) | (qos as u64) << 1 | u64::from(retain) << 2);
        self.number(topic.0);
        self.number(tag);
    }

    fn debug(&mut self, value: &impl fmt::Debug) {
        // Writing into a hash cannot fail.
        let _ = write!(self, "{value:?}");
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.number(u64::from(byte)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use thingwire_core::LinkError;

    use super::*;

    fn digest(records: &[What]) -> u64 {
        let mut digest = Digest::default();
        for what in records {
            digest.add(&Record { at: Instant::EPOCH, device: 0, what: what.clone() });
        }
        digest.value()
    }

    #[test]
    fn different_records_and_different_orders_have_different_digests() {
        let (up, down) = (What::Up(1), What::Down(1, LinkError::Closed));
        let other = What::Down(1, LinkError::KeepAlive);
        let all = [
            vec![up.clone(), down.clone()],
            vec![down.clone(), up.clone()],
            vec![up.clone(), other],
            vec![up, down.clone(), down],
        ];
        let digests: std::collections::BTreeSet<u64> = all.iter().map(|records| digest(records)).collect();
        assert_eq!(digests.len(), all.len());
    }
}
