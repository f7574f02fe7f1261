//! What no link has carried yet, in the order of acceptance.

use std::collections::{BTreeSet, VecDeque};

use super::Entry;
use crate::{Instant, Ticket};

/// Slots of a block.
pub(super) const BLOCK_LEN: usize = 32;

/// Entries in blocks of one size: growing moves nothing, and a block that is done with is freed.
///
/// The first slot of all holds an entry. A removed entry leaves its slot behind, until that is the first or such slots
/// prevail.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// None is empty, but for a last one that is kept for what comes.
    blocks: VecDeque<Block>,
    /// The blocks in which something expires, by when the first of it does.
    expiries: BTreeSet<(Instant, Ticket)>,
    len: usize,
    bytes: usize,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Backlog { blocks, expiries, len, bytes });

#[derive(Debug)]
struct Block {
    /// The first ticket it ever held: none here is older, all in earlier blocks are.
    name: Ticket,
    slots: VecDeque<Slot>,
    /// When the first of its entries expires.
    expires_at: Option<Instant>,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Block { name, slots, expires_at });

#[derive(Debug)]
struct Slot {
    ticket: Ticket,
    /// `None` once removed.
    entry: Option<Entry>,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Slot { ticket, entry });

impl Block {
    fn new(name: Ticket) -> Self {
        Self { name, slots: VecDeque::with_capacity(BLOCK_LEN), expires_at: None }
    }

    /// Notes when the first entry expires.
    fn expires(&mut self, first: Option<Instant>, expiries: &mut BTreeSet<(Instant, Ticket)>) {
        if self.expires_at == first {
            return;
        }
        if let Some(before) = core::mem::replace(&mut self.expires_at, first) {
            expiries.remove(&(before, self.name));
        }
        expiries.extend(first.map(|first| (first, self.name)));
    }
}

impl Slot {
    fn expires_at(&self) -> Option<Instant> {
        self.entry.as_ref()?.expires_at()
    }
}

impl Backlog {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn front(&self) -> Option<(Ticket, &Entry)> {
        let slot = self.blocks.front()?.slots.front()?;
        Some((slot.ticket, slot.entry.as_ref()?))
    }

    /// Appends an entry; its ticket is the greatest so far.
    pub(super) fn push(&mut self, ticket: Ticket, entry: Entry) {
        if self.blocks.back().is_none_or(|last| last.slots.len() == BLOCK_LEN) {
            self.blocks.push_back(Block::new(ticket));
        }
        let last = self.blocks.len() - 1;
        let last = &mut self.blocks[last];
        self.len += 1;
        self.bytes += entry.request.cost();
        if let Some(expires_at) = entry.expires_at() {
            let first = last.expires_at.map_or(expires_at, |first| first.min(expires_at));
            last.expires(Some(first), &mut self.expiries);
        }
        last.slots.push_back(Slot { ticket, entry: Some(entry) });
    }

    pub(super) fn pop(&mut self) -> Option<(Ticket, Entry)> {
        // Before it is moved: what was just stored elsewhere is slow to read.
        let (_, entry) = self.front()?;
        let (cost, expires_at) = (entry.request.cost(), entry.expires_at());
        let Slot { ticket, entry } = self.blocks.front_mut()?.slots.pop_front()?;
        self.left(0, cost, expires_at);
        entry.map(|entry| (ticket, entry))
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Entry> {
        let block = self.block(ticket)?;
        let slot = self.blocks[block].slots.binary_search_by_key(&ticket, |slot| slot.ticket).ok()?;
        self.take(block, slot)
    }

    /// When the next entry's time runs out.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|&(expires_at, _)| expires_at)
    }

    /// Takes one entry whose time has run out.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<(Ticket, Entry)> {
        let &(expires_at, name) = self.expiries.first().filter(|&&(expires_at, _)| expires_at <= now)?;
        let block = self.block(name)?;
        let slots = &self.blocks[block].slots;
        let slot = slots.iter().position(|slot| slot.expires_at() == Some(expires_at))?;
        let ticket = slots[slot].ticket;
        self.take(block, slot).map(|entry| (ticket, entry))
    }

    /// The block that holds `ticket`, if any does.
    fn block(&self, ticket: Ticket) -> Option<usize> {
        self.blocks.partition_point(|block| block.name <= ticket).checked_sub(1)
    }

    fn take(&mut self, block: usize, slot: usize) -> Option<Entry> {
        let entry = self.blocks[block].slots[slot].entry.take()?;
        self.left(block, entry.request.cost(), entry.expires_at());
        Some(entry)
    }

    /// Settles the books after an entry has left a block.
    fn left(&mut self, block: usize, cost: usize, expires_at: Option<Instant>) {
        self.len -= 1;
        self.bytes -= cost;
        if expires_at.is_some() {
            let block = &mut self.blocks[block];
            if expires_at == block.expires_at {
                let first = block.slots.iter().filter_map(Slot::expires_at).min();
                block.expires(first, &mut self.expiries);
            }
        }
        self.tidy();
    }

    /// Gives up what removed entries have left behind, once that costs no more than their removal did.
    fn tidy(&mut self) {
        while let Some(first) = self.blocks.front_mut() {
            match first.slots.front().map(|slot| slot.entry.is_some()) {
                Some(true) => break,
                Some(false) => drop(first.slots.pop_front()),
                None if self.blocks.len() > 1 => self.drop_first_block(),
                None => break,
            }
        }
        // The first and the last block may have room without anything having been removed.
        if self.slots() > 2 * (self.len + BLOCK_LEN) {
            self.close_ranks();
        }
    }

    fn drop_first_block(&mut self) {
        self.blocks.pop_front();
        if self.blocks.len() < self.blocks.capacity() / 4 {
            self.blocks.shrink_to(self.blocks.capacity() / 2);
        }
    }

    fn close_ranks(&mut self) {
        let sparse = core::mem::take(self);
        for Slot { ticket, entry } in sparse.blocks.into_iter().flat_map(|block| block.slots) {
            if let Some(entry) = entry {
                self.push(ticket, entry);
            }
        }
    }

    /// How many entries there is memory for.
    pub(super) fn slots(&self) -> usize {
        self.blocks.len() * BLOCK_LEN
    }
}
