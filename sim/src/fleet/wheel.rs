//! Who does something next: a timing wheel with one entry for each device.

/// A slot for each millisecond, used again after all have passed. What is further away than one turn stays in its slot
/// until its turn has come.
const SLOTS: u32 = 1 << 16;

/// The end of a list.
const NOBODY: u32 = u32::MAX;

/// One number of a device is not a device's.
pub(super) const DEVICES_MAX: u32 = NOBODY;

pub(super) struct Wheel {
    /// The first device of each slot's list.
    heads: Vec<u32>,
    links: Vec<Link>,
    /// Everything before this millisecond has been taken.
    cursor: u32,
    waiting: u32,
}

/// Eight bytes for each device, whether it waits or not.
#[derive(Clone)]
struct Link {
    due: u32,
    /// The next device of the same slot.
    next: u32,
}

impl Wheel {
    pub(super) fn new(devices: u32) -> Self {
        Self {
            heads: vec![NOBODY; SLOTS as usize],
            links: vec![Link { due: 0, next: NOBODY }; devices as usize],
            cursor: 0,
            waiting: 0,
        }
    }

    /// Lets a device that does not wait yet wait for a millisecond that has not been taken.
    pub(super) fn set(&mut self, device: u32, due: u32) {
        debug_assert!(due >= self.cursor, "{due} is over");
        let head = &mut self.heads[slot(due)];
        self.links[device as usize] = Link { due, next: *head };
        *head = device;
        self.waiting += 1;
    }

    /// Takes the devices of the next millisecond up to `until` that has any, in the order of their numbers.
    pub(super) fn take(&mut self, until: u32, devices: &mut Vec<u32>) -> Option<u32> {
        devices.clear();
        while self.waiting > 0 && self.cursor <= until {
            let now = self.cursor;
            self.cursor += 1;
            if self.heads[slot(now)] != NOBODY {
                self.take_slot(now, devices);
            }
            if !devices.is_empty() {
                self.waiting -= u32::try_from(devices.len()).unwrap_or(u32::MAX);
                devices.sort_unstable();
                return Some(now);
            }
        }
        None
    }

    /// Takes who is due now out of its slot; who waits for a later turn stays.
    fn take_slot(&mut self, now: u32, devices: &mut Vec<u32>) {
        let head = &mut self.heads[slot(now)];
        let mut at = core::mem::replace(head, NOBODY);
        while at != NOBODY {
            let link = &mut self.links[at as usize];
            let next = link.next;
            if link.due == now {
                devices.push(at);
            } else {
                link.next = *head;
                *head = at;
            }
            at = next;
        }
    }

    /// Who still waits.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u32> + '_ {
        let some = |device: u32| (device != NOBODY).then_some(device);
        let list =
            move |head| core::iter::successors(some(head), move |&device| some(self.links[device as usize].next));
        self.heads.iter().flat_map(move |&head| list(head))
    }
}

const fn slot(at: u32) -> usize {
    (at % SLOTS) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use thingwire_core::Rng;

    use super::*;

    /// What is due when, as a sorted set says it.
    #[derive(Default)]
    struct Model(BTreeSet<(u32, u32)>);

    impl Model {
        fn take(&mut self, until: u32) -> Option<(u32, Vec<u32>)> {
            let now = self.0.first().map(|&(due, _)| due).filter(|&due| due <= until)?;
            let later = self.0.split_off(&(now + 1, 0));
            let taken = core::mem::replace(&mut self.0, later);
            Some((now, taken.into_iter().map(|(_, device)| device).collect()))
        }
    }

    #[test]
    fn devices_come_in_the_order_of_time_and_number() {
        for seed in 0..20 {
            let mut rng = Rng::new(seed);
            let mut below = |n: u64| u32::try_from(rng.next_u64() % n).unwrap();
            let (mut wheel, mut model, mut due) = (Wheel::new(50), Model::default(), Vec::new());
            for device in 0..50 {
                let at = below(40);
                wheel.set(device, at);
                model.0.insert((at, device));
            }
            for _ in 0..200 {
                let until = if below(10) == 0 { 100_000 } else { u32::MAX };
                let expected = model.take(until);
                assert_eq!(wheel.take(until, &mut due).map(|now| (now, due.clone())), expected);
                let Some((now, devices)) = expected else { break };
                for device in devices {
                    let wait = [below(3), below(100), below(70_000), 3 * SLOTS, below(400_000)][below(5) as usize];
                    wheel.set(device, now + 1 + wait);
                    model.0.insert((now + 1 + wait, device));
                }
            }
        }
    }

    #[test]
    fn who_was_not_taken_still_waits() {
        let (mut wheel, mut due) = (Wheel::new(3), Vec::new());
        wheel.set(0, 5);
        wheel.set(1, 5 + SLOTS);
        wheel.set(2, 7);
        assert_eq!(wheel.take(6, &mut due), Some(5));
        assert_eq!(due, [0]);
        assert_eq!(wheel.take(6, &mut due), None);
        assert_eq!(wheel.waiting().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
    }
}
