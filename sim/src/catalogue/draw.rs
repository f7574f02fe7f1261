//! What varies in a case.

use crate::choices::{Choices, Site};
use crate::plan::{BrokerFault, Direction, Fault, Meddling, PacketType, PhaseName, PlannedFault, Span, Trigger};

/// Draws what varies in the cases of one device: times, lengths, directions.
pub struct Draw<'a> {
    choices: &'a mut dyn Choices,
    device: u32,
    duration: Span,
}

/// The phases that a fault can wait for.
const PHASES: [PhaseName; 6] = [
    PhaseName::Ready,
    PhaseName::Opening,
    PhaseName::AwaitingConnack,
    PhaseName::Resubscribing,
    PhaseName::Draining,
    PhaseName::BackingOff,
];

impl<'a> Draw<'a> {
    /// Draws for this device, in a run that lasts this long.
    pub fn new(choices: &'a mut dyn Choices, device: u32, duration: Span) -> Self {
        Self { choices, device, duration }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.choices.below(self.device, Site::Profile, n)
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        let drawn = self.below(u64::from(high.saturating_sub(low)) + 1);
        low + u32::try_from(drawn).unwrap_or(0)
    }

    /// Whether something happens that has a chance of `per_cent` in 100.
    pub fn chance(&mut self, per_cent: u64) -> bool {
        self.choices.chance(self.device, Site::Profile, per_cent * 10)
    }

    /// One of these.
    ///
    /// # Panics
    ///
    /// When there is nothing to choose from.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let index = self.below(from.len() as u64);
        from[usize::try_from(index).unwrap_or(0)].clone()
    }

    /// A span from `low` to `high` milliseconds: every order of magnitude as likely as another.
    pub fn millis(&mut self, low: u64, high: u64) -> Span {
        let doublings = (high / low.max(1)).max(1).ilog2();
        let from = low << self.below(u64::from(doublings) + 1);
        let to = (from * 2).min(high).max(from);
        Span::millis(from + self.below(to - from + 1))
    }

    /// A direction.
    pub fn way(&mut self) -> Direction {
        self.pick(&[Direction::Both, Direction::ToBroker, Direction::ToClient])
    }

    /// A moment: mostly a time, sometimes a phase or a packet to wait for.
    pub fn moment(&mut self) -> Trigger {
        match self.below(10) {
            0..=5 => Trigger::At(self.time()),
            6 | 7 => {
                let (phase, nth) = (self.pick(&PHASES), self.between(1, 6));
                Trigger::OnPhase { phase, nth, after: self.shortly() }
            }
            8 => {
                let packets = [PacketType::Publish, PacketType::Connect, PacketType::Subscribe, PacketType::Pingreq];
                let (packet, nth) = (self.pick(&packets), self.between(1, 12));
                Trigger::OnSent { packet, nth, after: self.shortly() }
            }
            _ => {
                let packets = [PacketType::Puback, PacketType::Connack, PacketType::Suback, PacketType::Publish];
                let (packet, nth) = (self.pick(&packets), self.between(1, 12));
                Trigger::OnAnswer { packet, nth, after: self.shortly() }
            }
        }
    }

    /// A time of the run, in whole milliseconds.
    pub fn time(&mut self) -> Span {
        let millis = u64::try_from(self.duration.0.as_millis()).unwrap_or(u64::MAX - 1);
        Span::millis(self.below(millis + 1))
    }

    /// At once, or a little later.
    fn shortly(&mut self) -> Span {
        if self.chance(50) { self.millis(1, 2_000) } else { Span::default() }
    }

    /// An instant's fault, at any moment.
    pub(super) fn once(&mut self, fault: Fault) -> Vec<PlannedFault> {
        let when = self.moment();
        self.when(when, None, fault)
    }

    /// A fault that lasts from `low` to `high` milliseconds, at any moment.
    pub(super) fn lasting(&mut self, low: u64, high: u64, fault: Fault) -> Vec<PlannedFault> {
        let (when, lasts) = (self.moment(), self.millis(low, high));
        self.when(when, Some(lasts), fault)
    }

    /// A fault with its time.
    pub(super) fn when(&self, when: Trigger, lasts: Option<Span>, fault: Fault) -> Vec<PlannedFault> {
        vec![PlannedFault { name: String::new(), when, lasts, device: self.device, fault }]
    }

    /// Up to `count_max` packets of the broker's, changed within two minutes.
    pub(super) fn meddle(&mut self, packet: PacketType, count_max: u32, how: Meddling) -> Vec<PlannedFault> {
        let (every, count) = (self.between(1, 3), self.between(1, count_max));
        self.lasting(1_000, 120_000, Fault::Meddle { packet, every, count, how })
    }

    /// Packets withheld for a time, after which the connection ends: only a new one can make that good.
    pub(super) fn withhold(&mut self, packet: PacketType, how: Meddling) -> Vec<PlannedFault> {
        let (at, lasts, count) = (self.time(), self.millis(500, 30_000), self.between(1, 8));
        let end = Span((at.0 + lasts.0).min(self.duration.0));
        let mut faults = self.when(Trigger::At(at), Some(lasts), Fault::Meddle { packet, every: 1, count, how });
        faults.extend(self.when(Trigger::At(end), None, Fault::Broker(BrokerFault::Kick)));
        faults
    }
}
