//! What is in flight, by packet id.

use crate::codec::PacketId;

/// Slots that a table begins with.
const SLOTS_MIN: usize = 8;
/// One for every number of 16 bits.
const SLOTS_MAX: usize = 1 << 16;

/// Values by packet id, each in the slot that the last bits of its id name: nothing is ever searched.
///
/// Ids are handed out one after another, so what is in flight mostly lies side by side. An id whose slot is taken, by
/// something that has waited for long, is passed over; only when all slots are taken there are twice as many.
#[derive(Debug)]
pub(super) struct Packets<T> {
    /// None, or a power of two.
    slots: Vec<Option<(PacketId, T)>>,
    len: usize,
    last_id: u16,
}

impl<T> Packets<T> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), len: 0, last_id: 0 }
    }

    /// The next id that nothing has; `None` when all are in use. `insert` is to follow.
    pub(super) fn free_id(&mut self) -> Option<PacketId> {
        if self.len == self.slots.len() {
            self.grow();
        }
        for _ in 0..SLOTS_MAX {
            self.last_id = self.last_id.wrapping_add(1);
            match PacketId::new(self.last_id) {
                Some(id) if self.slots[self.slot(id)].is_none() => return Some(id),
                _ => {}
            }
        }
        None
    }

    /// Adds a value under an id that `free_id` gave, now or before it was taken out.
    pub(super) fn insert(&mut self, id: PacketId, value: T) {
        let slot = self.slot(id);
        debug_assert!(self.slots[slot].is_none(), "{id} is not free");
        self.len += 1;
        self.slots[slot] = Some((id, value));
    }

    pub(super) fn get(&self, id: PacketId) -> Option<&T> {
        let (found, value) = self.slots.get(self.slot(id))?.as_ref()?;
        (*found == id).then_some(value)
    }

    pub(super) fn get_mut(&mut self, id: PacketId) -> Option<&mut T> {
        let slot = self.slot(id);
        let (found, value) = self.slots.get_mut(slot)?.as_mut()?;
        (*found == id).then_some(value)
    }

    pub(super) fn take(&mut self, id: PacketId) -> Option<T> {
        let slot = self.slot(id);
        let (_, value) = self.slots.get_mut(slot)?.take_if(|(found, _)| *found == id)?;
        self.len -= 1;
        Some(value)
    }

    /// Takes out all there is, in no order that means anything. The slots stay.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (PacketId, T)> {
        self.len = 0;
        self.slots.iter_mut().filter_map(Option::take)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PacketId, &T)> {
        self.slots.iter().flatten().map(|(id, value)| (*id, value))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten().map(|(_, value)| value)
    }

    fn slot(&self, id: PacketId) -> usize {
        usize::from(id.get()) & self.slots.len().wrapping_sub(1)
    }

    fn grow(&mut self) {
        let count = (2 * self.slots.len()).clamp(SLOTS_MIN, SLOTS_MAX);
        let before = core::mem::take(&mut self.slots);
        self.slots.resize_with(count, || None);
        // Two ids whose last bits differ are no less different with one bit more.
        for (id, value) in before.into_iter().flatten() {
            let slot = self.slot(id);
            self.slots[slot] = Some((id, value));
        }
    }
}

#[cfg(feature = "trace")]
mod wire {
    use super::{Packets, SLOTS_MAX, SLOTS_MIN};
    use crate::wire::{Bad, Input, Output, Wire};

    /// With its slots, on which the next ids depend.
    impl<T: Wire> Wire for Packets<T> {
        fn put(&self, output: &mut Output) {
            self.slots.put(output);
            self.last_id.put(output);
        }

        fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
            let (slots, last_id) = (Vec::get(input)?, u16::get(input)?);
            let len = slots.iter().flatten().count();
            let packets = Self { slots, len, last_id };
            let count = packets.slots.len();
            let fits = count == 0 || count.is_power_of_two() && (SLOTS_MIN..=SLOTS_MAX).contains(&count);
            let in_place = packets
                .slots
                .iter()
                .enumerate()
                .all(|(index, slot)| slot.as_ref().is_none_or(|(id, _): &(_, T)| packets.slot(*id) == index));
            if fits && in_place { Ok(packets) } else { Err(Bad::Value("packets in flight")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Send,
        /// The oldest in flight, or another.
        Answer(Option<prop::sample::Index>),
        Unknown(PacketId),
        All,
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            60 => Just(Step::Send),
            50 => Just(Step::Answer(None)),
            5 => any::<prop::sample::Index>().prop_map(|index| Step::Answer(Some(index))),
            5 => any::<PacketId>().prop_map(Step::Unknown),
            1 => Just(Step::All),
        ]
    }

    proptest! {
        #[test]
        fn it_holds_what_a_map_holds(first in any::<u16>(), steps in vec(steps(), 0..400)) {
            let mut packets = Packets { last_id: first, ..Packets::new() };
            let mut naive = BTreeMap::new();
            let mut order: Vec<PacketId> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Send => {
                        let id = packets.free_id().expect("few are in flight");
                        prop_assert!(naive.insert(id, number).is_none(), "{} was in use", id);
                        packets.insert(id, number);
                        order.push(id);
                    }
                    Step::Answer(index) if !order.is_empty() => {
                        let id = order.remove(index.map_or(0, |index| index.index(order.len())));
                        prop_assert_eq!(packets.get_mut(id).copied(), naive.get(&id).copied());
                        prop_assert_eq!(packets.take(id), naive.remove(&id));
                        prop_assert_eq!(packets.take(id), None);
                    }
                    Step::Answer(_) => {}
                    Step::Unknown(id) => prop_assert_eq!(packets.get(id), naive.get(&id)),
                    Step::All => {
                        let all: BTreeMap<_, _> = packets.take_all().collect();
                        prop_assert_eq!(&all, &naive);
                        prop_assert_eq!(packets.iter().count(), 0);
                        // As after a link whose session the server has kept.
                        for (id, value) in all {
                            packets.insert(id, value);
                        }
                    }
                }
                let held: BTreeMap<_, _> = packets.iter().map(|(id, value)| (id, *value)).collect();
                prop_assert_eq!(&held, &naive);
            }
        }
    }

    #[test]
    fn all_ids_can_be_in_use_and_none_is_given_twice() {
        let mut packets = Packets::new();
        for _ in 0..u16::MAX {
            let id = packets.free_id().expect("one is left");
            packets.insert(id, ());
        }
        assert_eq!(packets.free_id(), None);
        let id = PacketId::new(40_000).expect("not 0");
        assert_eq!(packets.take(id), Some(()));
        assert_eq!(packets.free_id(), Some(id));
    }

    #[test]
    fn one_that_is_never_answered_costs_no_memory() {
        let mut packets = Packets::new();
        let oldest = packets.free_id().expect("all are free");
        packets.insert(oldest, 0);
        for number in 1..200_000 {
            let id = packets.free_id().expect("nearly all are free");
            packets.insert(id, number);
            assert_eq!(packets.take(id), Some(number));
        }
        assert_eq!(packets.get(oldest), Some(&0));
        assert_eq!(packets.slots.len(), SLOTS_MIN);
    }
}
