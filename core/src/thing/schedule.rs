//! Which of many wants to be woken when.

use std::collections::BTreeSet;

use crate::Instant;

/// A deadline for each of them, if it has one.
#[derive(Debug)]
pub(super) struct Schedule {
    of: Vec<Option<Instant>>,
    ordered: BTreeSet<(Instant, usize)>,
}

impl Schedule {
    /// For so many, without a deadline.
    pub(super) fn new(count: usize) -> Self {
        Self { of: vec![None; count], ordered: BTreeSet::new() }
    }

    pub(super) fn set(&mut self, index: usize, deadline: Option<Instant>) {
        let Some(known) = self.of.get_mut(index).filter(|known| **known != deadline) else { return };
        if let Some(old) = known.take() {
            self.ordered.remove(&(old, index));
        }
        *known = deadline;
        self.ordered.extend(deadline.map(|at| (at, index)));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.ordered.first().map(|&(at, _)| at)
    }

    /// Whose deadline has come, in their order.
    pub(super) fn due(&self, now: Instant) -> Vec<usize> {
        let mut due: Vec<_> = self.ordered.range(..=(now, usize::MAX)).map(|&(_, index)| index).collect();
        due.sort_unstable();
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_is_next_and_a_deadline_that_has_moved_is_forgotten() {
        let at = Instant::from_micros;
        let mut schedule = Schedule::new(3);
        assert_eq!(schedule.next(), None);
        for (index, micros) in [(2, 5), (0, 9), (1, 5)] {
            schedule.set(index, Some(at(micros)));
        }
        assert_eq!((schedule.next(), schedule.due(at(4)), schedule.due(at(5))), (Some(at(5)), vec![], vec![1, 2]));
        schedule.set(2, Some(at(7)));
        schedule.set(1, None);
        assert_eq!((schedule.next(), schedule.due(at(9))), (Some(at(7)), vec![0, 2]));
        schedule.set(9, Some(at(1)));
        assert_eq!(schedule.next(), Some(at(7)), "there is no such one");
    }
}
