//! What is wrong for one device at this moment: the sum of the faults that are on.

use core::time::Duration;

use super::meddle::Meddler;
use super::pipe::Way;
use crate::plan::{ClockFault, ConnectFault, Direction, Fault, Network};

/// The sum of the faults that are on.
#[derive(Debug)]
pub(super) struct Conditions {
    usual: Network,
    active: Vec<(u32, Fault)>,
    pub(super) network: Network,
    pub(super) connect: Option<ConnectFault>,
    hold_to_broker: bool,
    hold_to_client: bool,
    pub(super) small_writes: Option<usize>,
    pub(super) late: Duration,
    pub(super) meddlers: Vec<Meddler>,
}

impl Conditions {
    pub(super) fn new(usual: Network) -> Self {
        Self {
            usual,
            active: Vec::new(),
            network: usual,
            connect: None,
            hold_to_broker: false,
            hold_to_client: false,
            small_writes: None,
            late: Duration::ZERO,
            meddlers: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, index: u32, fault: &Fault) {
        self.active.push((index, fault.clone()));
        if let Fault::Meddle { packet, every, count, how } = fault {
            self.meddlers.push(Meddler::new(index, *packet, *every, *count, *how));
        }
        self.sum_up();
    }

    /// The fault is over; false when it was not on.
    pub(super) fn end(&mut self, index: u32) -> bool {
        let before = self.active.len();
        self.active.retain(|(active, _)| *active != index);
        self.meddlers.retain(|meddler| meddler.index != index);
        self.sum_up();
        self.active.len() < before
    }

    /// The faults that are on.
    pub(super) fn active(&self) -> impl Iterator<Item = &Fault> {
        self.active.iter().map(|(_, fault)| fault)
    }

    pub(super) fn holds(&self, way: Way) -> bool {
        match way {
            Way::ToBroker => self.hold_to_broker,
            Way::ToClient => self.hold_to_client,
        }
    }

    /// Of two faults of one kind, the later one counts.
    fn sum_up(&mut self) {
        (self.network, self.connect, self.small_writes, self.late) = (self.usual, None, None, Duration::ZERO);
        (self.hold_to_broker, self.hold_to_client) = (false, false);
        for (_, fault) in &self.active {
            match fault {
                Fault::Connect(how) => self.connect = Some(*how),
                Fault::Shape(network) => self.network = *network,
                Fault::SmallWrites(most) => self.small_writes = Some((*most).max(1) as usize),
                Fault::Clock(ClockFault::Late(most)) => self.late = most.0,
                Fault::Hold(direction) => {
                    self.hold_to_broker |= *direction != Direction::ToClient;
                    self.hold_to_client |= *direction != Direction::ToBroker;
                }
                _ => {}
            }
        }
    }
}
