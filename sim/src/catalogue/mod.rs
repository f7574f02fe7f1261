//! Every fault that a device meets, by its number, with what is expected of a client then.
//!
//! The numbers are those of the fault catalogue that the simulator was designed from: D and N connecting, TL encryption,
//! T the byte stream, B the broker, A acknowledgements, P malformed bytes, C the clock, AP the application, SH device
//! shadows. A case that a virtual network can show is made from the mechanisms of [`Fault`]; of the others, the catalogue
//! says where they are tested.

mod ack;
mod app;
mod broker;
mod bytes;
mod clock;
mod connect;
mod draw;
mod shadow;
mod stream;
mod tls;

use core::fmt;

use crate::choices::Read;
use crate::oracle::Oracle;
use crate::plan::{Fault, Meddling, PlannedFault, Span};

pub use draw::Draw;

/// A case of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Number and short name: `A1 puback-lost`. What a fault of the case is called in plans and traces.
    pub name: &'static str,
    /// What it belongs to.
    pub family: Family,
    /// What happens.
    pub what: &'static str,
    /// What a client is expected to do.
    pub expected: &'static str,
    /// The oracles that judge it.
    pub oracles: &'static [&'static str],
    /// How it is made to happen.
    pub made: Made,
}

/// How a case is made to happen.
#[derive(Debug, Clone, Copy)]
pub enum Made {
    /// By these faults, with what varies drawn.
    By(fn(&mut Draw<'_>) -> Vec<PlannedFault>),
    /// By the workloads and the configuration of every run, without a fault.
    Always,
    /// Not by the simulator: here.
    Elsewhere(&'static str),
}

/// What cases belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Names and connecting.
    Connect,
    /// Encryption.
    Tls,
    /// The byte stream.
    Stream,
    /// What the broker does.
    Broker,
    /// Acknowledgements.
    Ack,
    /// Malformed and hostile bytes.
    Bytes,
    /// Clock and scheduling.
    Clock,
    /// What the application does.
    App,
    /// Device shadows.
    Shadow,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 9] = [
        Self::Connect,
        Self::Tls,
        Self::Stream,
        Self::Broker,
        Self::Ack,
        Self::Bytes,
        Self::Clock,
        Self::App,
        Self::Shadow,
    ];

    /// Those that a client meets that does nothing but publish and subscribe.
    pub const OF_THE_CONNECTION: [Self; 8] =
        [Self::Connect, Self::Tls, Self::Stream, Self::Broker, Self::Ack, Self::Bytes, Self::Clock, Self::App];

    /// Its cases.
    pub fn rows(self) -> &'static [Row] {
        match self {
            Self::Connect => connect::ROWS,
            Self::Tls => tls::ROWS,
            Self::Stream => stream::ROWS,
            Self::Broker => broker::ROWS,
            Self::Ack => ack::ROWS,
            Self::Bytes => bytes::ROWS,
            Self::Clock => clock::ROWS,
            Self::App => app::ROWS,
            Self::Shadow => shadow::ROWS,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Stream => "stream",
            Self::Broker => "broker",
            Self::Ack => "ack",
            Self::Bytes => "bytes",
            Self::Clock => "clock",
            Self::App => "app",
            Self::Shadow => "shadow",
        })
    }
}

impl Row {
    /// The number: `A1`.
    pub fn id(&self) -> &'static str {
        self.name.split(' ').next().unwrap_or(self.name)
    }

    /// The faults of the case, named after it; none where it is not made by faults.
    pub fn faults(&self, draw: &mut Draw<'_>) -> Vec<PlannedFault> {
        let Made::By(make) = self.made else { return Vec::new() };
        let mut faults = make(draw);
        for fault in &mut faults {
            self.name.clone_into(&mut fault.name);
        }
        faults
    }

    /// The oracles that cannot judge a run with the case.
    pub fn excuses(&self) -> Vec<Oracle> {
        let mut choices = Read::new(&[]);
        let faults = self.faults(&mut Draw::new(&mut choices, 0, Span::secs(600)));
        let mut all: Vec<_> = faults.iter().flat_map(|planned| excuses(&planned.fault)).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Every case, family by family.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    Family::ALL.into_iter().flat_map(Family::rows)
}

/// The case with this name or number.
pub fn find(name: &str) -> Option<&'static Row> {
    rows().find(|row| row.name == name || row.id() == name)
}

/// The lasting name of a fault: the case's, or `own` for one that is in no catalogue.
pub fn static_name(name: &str) -> &'static str {
    find(name).map_or("own", |row| row.name)
}

/// The oracles that cannot judge a run with this fault, because it takes away what they rely on.
pub fn excuses(fault: &Fault) -> &'static [Oracle] {
    match fault {
        // Who is told that a lost session is there cannot know what to subscribe to, nor the contrary. One bit of a
        // CONNACK says so.
        Fault::Meddle { how: Meddling::FlipSessionPresent, .. } | Fault::FlipBit(_) => {
            &[Oracle::S15, Oracle::L4, Oracle::L10]
        }
        _ => &[],
    }
}

/// A case.
const fn row(
    family: Family,
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    oracles: &'static [&'static str],
    made: Made,
) -> Row {
    Row { name, family, what, expected, oracles, made }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::choices::Seeded;
    use crate::plan::{ClientPlan, Network, Plan};
    use crate::scenario;

    #[test]
    fn names_are_their_own_and_told() {
        let names: BTreeSet<_> = rows().map(|row| row.name).collect();
        let ids: BTreeSet<_> = rows().map(Row::id).collect();
        assert_eq!((names.len(), ids.len()), (rows().count(), rows().count()));
        for row in rows() {
            assert!(row.name.contains(' ') && !row.what.is_empty() && !row.expected.is_empty(), "{}", row.name);
            assert!(
                !row.oracles.is_empty() || matches!(row.made, Made::Elsewhere(_)),
                "{}: nobody judges it",
                row.name
            );
            assert!(row.family.rows().iter().any(|other| other.name == row.name));
            assert_eq!(static_name(row.name), row.name);
        }
        assert_eq!(static_name("my own"), "own");
        assert_eq!(find("A1").map(|row| row.name), Some("A1 puback-lost"));
    }

    #[test]
    fn the_catalogue_has_every_row_of_its_families() {
        let counted = |family: Family| family.rows().len();
        assert_eq!(Family::ALL.map(counted), [13, 10, 20, 27, 14, 15, 9, 7, 18]);
    }

    #[test]
    fn every_case_is_a_scenario_that_can_be_whatever_is_drawn() {
        for row in rows() {
            for seed in 0..5 {
                let mut choices = Seeded::new(seed);
                let mut draw = Draw::new(&mut choices, 0, Span::secs(600));
                let fault = row.faults(&mut draw);
                assert_eq!(fault.is_empty(), !matches!(row.made, Made::By(_)), "{}", row.name);
                let excused: BTreeSet<_> = fault.iter().flat_map(|planned| excuses(&planned.fault)).copied().collect();
                assert_eq!(row.excuses(), excused.into_iter().collect::<Vec<_>>(), "{}: whatever is drawn", row.name);
                let plan = Plan {
                    name: row.name.to_owned(),
                    seed,
                    duration: Span::secs(600),
                    heal: Span::secs(120),
                    devices: 1,
                    client: ClientPlan::default(),
                    network: Network::default(),
                    workload: Vec::new(),
                    op: Vec::new(),
                    fault,
                };
                let text = scenario::write(&plan).unwrap();
                let read = scenario::read(row.name, &text, None).unwrap_or_else(|error| panic!("{error}\n{text}"));
                assert_eq!(read.plan, plan, "{text}");
            }
        }
    }
}
