//! What all devices share.

use std::collections::BTreeMap;

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use thingwire_core::Instant;

use super::agenda::{Agenda, Due};
use crate::broker::{Broker, ConnectionId};
use crate::choices::Choices;
use crate::trace::{Name, Record, What};

/// Time, the broker, chance, and the record of it all.
pub(super) struct Stage {
    pub(super) now: Instant,
    pub(super) agenda: Agenda,
    pub(super) broker: Broker,
    /// Which device each connection of the broker's belongs to.
    pub(super) routes: BTreeMap<ConnectionId, u32>,
    pub(super) choices: Box<dyn Choices + Send>,
    /// What has happened and was not looked at yet.
    pub(super) records: Vec<Record>,
    /// The texts of what users' applications name, where somebody wants to know them.
    pub(super) names: Option<BTreeMap<Name, String>>,
    /// The number of the next message that the broker publishes itself.
    pub(super) next_inbound: u64,
    /// Whether everything works again and nothing new is asked for.
    pub(super) healed: bool,
    /// Memory that payloads are made in.
    pub(super) piece: BytesMut,
}

/// Payloads are written into pieces of memory of this size, which are used again once all payloads in them are gone.
const PIECE: usize = 4096;

impl Stage {
    pub(super) fn put(&mut self, at: Instant, due: Due) {
        self.agenda.put(at.max(self.now), due);
    }

    pub(super) fn record(&mut self, at: Instant, device: u32, what: What) {
        self.records.push(Record { at, device, what });
    }

    /// A payload of `size` bytes, at least eight, that begins with `tag`.
    pub(super) fn payload(&mut self, tag: u64, size: u32) -> Bytes {
        let len = size.max(8) as usize;
        if self.piece.capacity() < len {
            self.piece.reserve(len.max(PIECE));
        }
        self.piece.put_u64(tag);
        self.piece.resize(len, b'.');
        self.piece.split().freeze()
    }

    /// The fingerprint of a topic or filter, whose text is remembered where somebody wants to know it.
    pub(super) fn name(&mut self, text: &str) -> Name {
        let name = Name::of(text.as_bytes());
        if let Some(names) = &mut self.names {
            names.entry(name).or_insert_with(|| text.to_owned());
        }
        name
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("now", &self.now).field("broker", &self.broker).finish_non_exhaustive()
    }
}
