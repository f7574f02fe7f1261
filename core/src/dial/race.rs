//! Several addresses at a time: which one is tried when (RFC 8305 §5).

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use super::{in_turn, share};
use crate::Instant;

/// How long an address has the field to itself before the next one joins it: the delay that RFC 8305 §5 recommends.
const HEAD_START: Duration = Duration::from_millis(250);

/// The addresses of a host, the first to answer wins. It holds no socket: whoever does asks it what to do.
///
/// An address begins when the one before it has failed, or has not answered for a quarter of a second; so a family that
/// leads nowhere costs that much, and not its whole time. Each gives up after an equal share of what was left when it
/// began, and all of them at the deadline.
#[derive(Debug)]
pub struct Race {
    waiting: VecDeque<SocketAddr>,
    /// Who is under way, and until when.
    running: Vec<(SocketAddr, Instant)>,
    /// When the next one joins those that are under way.
    next_at: Instant,
    deadline: Instant,
}

impl Race {
    /// Addresses in the resolver's order, but taking turns between the two families; it ends at `deadline`.
    ///
    /// An address that comes twice is tried once.
    pub fn new(addresses: Vec<SocketAddr>, deadline: Instant) -> Self {
        Self { waiting: in_turn(addresses), running: Vec::new(), next_at: Instant::EPOCH, deadline }
    }

    /// The address to begin with now. Ask until there is none.
    pub fn next(&mut self, now: Instant) -> Option<SocketAddr> {
        if self.deadline <= now || !self.running.is_empty() && now < self.next_at {
            return None;
        }
        let until = now + share(now, self.deadline, self.waiting.len());
        let address = self.waiting.pop_front()?;
        self.running.push((address, until.min(self.deadline)));
        self.next_at = now + HEAD_START;
        Some(address)
    }

    /// An address did not work. Its successor begins at once.
    pub fn failed(&mut self, address: SocketAddr) {
        self.running.retain(|(running, _)| *running != address);
        self.next_at = Instant::EPOCH;
    }

    /// An address that has had its time: it is to be dropped. Ask until there is none.
    pub fn expired(&mut self, now: Instant) -> Option<SocketAddr> {
        let (address, _) = self.running.iter().copied().find(|(_, until)| *until <= now)?;
        self.failed(address);
        Some(address)
    }

    /// When to ask again; `None` once nobody is under way.
    pub fn next_deadline(&self) -> Option<Instant> {
        let until = self.running.iter().map(|(_, until)| *until).min()?;
        let is_next = !self.waiting.is_empty() && self.next_at < self.deadline;
        Some(if is_next { until.min(self.next_at) } else { until })
    }

    /// Whether nobody is under way, and nobody is left to begin in time.
    pub fn is_over(&self, now: Instant) -> bool {
        self.running.is_empty() && (self.waiting.is_empty() || self.deadline <= now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::EPOCH + Duration::from_millis(millis)
    }

    fn addresses<const N: usize>(texts: [&str; N]) -> [SocketAddr; N] {
        texts.map(|text| text.parse().unwrap())
    }

    #[test]
    fn the_next_one_joins_after_a_quarter_of_a_second() {
        let [six, four] = addresses(["[::1]:1", "127.0.0.1:1"]);
        let mut race = Race::new(vec![six, four], at(10_000));
        assert_eq!((race.next(at(0)), race.next(at(0))), (Some(six), None));
        assert_eq!(race.next_deadline(), Some(at(250)));
        assert_eq!(race.next(at(249)), None);
        assert_eq!((race.next(at(250)), race.next(at(250))), (Some(four), None));
        // The first has half of the time, the second what is left.
        assert_eq!(race.next_deadline(), Some(at(5_000)));
        assert_eq!(
            (race.expired(at(4_999)), race.expired(at(5_000)), race.expired(at(5_000))),
            (None, Some(six), None)
        );
        assert_eq!(race.next_deadline(), Some(at(10_000)));
        assert!(!race.is_over(at(9_999)));
        assert_eq!(race.expired(at(10_000)), Some(four));
        assert!(race.is_over(at(10_000)));
    }

    #[test]
    fn a_failure_makes_room_at_once() {
        let [six1, six2, four] = addresses(["[::1]:1", "[::2]:1", "127.0.0.1:1"]);
        let mut race = Race::new(vec![six1, six2, four], at(10_000));
        assert_eq!(race.next(at(0)), Some(six1));
        race.failed(six1);
        assert_eq!((race.next(at(1)), race.next(at(1))), (Some(four), None));
        race.failed(four);
        assert_eq!(race.next(at(2)), Some(six2));
        race.failed(six2);
        assert!(race.is_over(at(2)) && race.next_deadline().is_none());
    }

    #[test]
    fn nobody_begins_after_the_end() {
        let [one, two] = addresses(["127.0.0.1:1", "127.0.0.2:1"]);
        let mut race = Race::new(vec![one, two], at(100));
        assert_eq!(race.next(at(0)), Some(one));
        assert_eq!(race.next_deadline(), Some(at(100)), "the second would come too late");
        assert_eq!((race.expired(at(100)), race.next(at(100))), (Some(one), None));
        assert!(race.is_over(at(100)));
    }

    proptest! {
        /// Whatever happens: it ends by the deadline, every wait makes progress, and no address is tried twice.
        #[test]
        fn every_race_ends_in_time(
            answers in prop::collection::vec(prop::option::of(0_u64..3_000), 0..12),
            span in 1_u64..12_000,
        ) {
            let all: Vec<SocketAddr> = (0..answers.len())
                .map(|number| if number % 3 == 0 { format!("127.0.0.1:{}", number + 1) } else { format!("[::1]:{}", number + 1) })
                .map(|text| text.parse().unwrap())
                .collect();
            let mut race = Race::new(all.clone(), at(span));
            let (mut now, mut begun, mut failing) = (at(0), Vec::new(), Vec::new());
            for _ in 0..200 {
                while let Some(address) = race.expired(now) {
                    failing.retain(|(_, failed)| *failed != address);
                }
                while let Some(address) = race.next(now) {
                    prop_assert!(!begun.contains(&address));
                    begun.push(address);
                    let answer = all.iter().position(|other| *other == address).and_then(|index| answers[index]);
                    failing.extend(answer.map(|after| (now + Duration::from_millis(after), address)));
                }
                if race.is_over(now) {
                    break;
                }
                let deadline = race.next_deadline().unwrap();
                prop_assert!(now < deadline, "{now:?} {deadline:?}");
                failing.sort();
                now = match failing.first().copied().filter(|(when, _)| *when <= deadline) {
                    Some((when, address)) => {
                        failing.remove(0);
                        race.failed(address);
                        when
                    }
                    None => deadline,
                };
            }
            prop_assert!(race.is_over(now) && now <= at(span), "{now:?}");
            prop_assert!(begun.len() == all.len() || now == at(span));
        }
    }
}
