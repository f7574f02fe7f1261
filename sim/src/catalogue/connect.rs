//! Names and connecting.

use super::Made::{By, Elsewhere};
use super::{Draw, Made, Row};
use crate::plan::{ConnectFault, Fault, PlannedFault};

const fn row(
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    oracles: &'static [&'static str],
    made: Made,
) -> Row {
    super::row(super::Family::Connect, name, what, expected, oracles, made)
}

pub(super) const ROWS: &[Row] = &[
    row(
        "D1 no-name",
        "the name does not resolve",
        "the attempt fails with the DNS layer; another after a wait; the queue goes on accepting",
        &["S9", "S11", "S35"],
        By(|d| d.connect(ConnectFault::NoName)),
    ),
    row(
        "D2 resolver-hangs",
        "the resolver does not answer",
        "the attempt ends at the connect timeout; a late answer changes nothing",
        &["S11", "S13", "S19"],
        By(|d| d.connect(ConnectFault::Silence)),
    ),
    row(
        "D3 first-address-dead",
        "the name has several addresses, and the first is dead",
        "the next is tried within the same attempt and its timeout",
        &["S11"],
        Elsewhere("runtime tests: dial"),
    ),
    row(
        "D4 address-changes",
        "the endpoint moves to another address",
        "every attempt resolves again",
        &["L1"],
        Elsewhere("runtime tests: dial"),
    ),
    row(
        "D5 captive-address",
        "the resolver answers with a portal that speaks HTTP",
        "a protocol error, never a crash; another attempt after a wait",
        &["S11", "S20"],
        By(super::bytes::portal),
    ),
    row(
        "N1 refused",
        "nobody listens",
        "the attempt fails at once; another after a wait",
        &["S11", "S35"],
        By(|d| d.connect(ConnectFault::Refused)),
    ),
    row(
        "N2 syn-blackhole",
        "nothing comes back from the host",
        "the attempt ends at the connect timeout",
        &["S11", "S19", "S35"],
        By(|d| d.connect(ConnectFault::Silence)),
    ),
    row(
        "N3 unreachable",
        "there is no route, and that is said at once",
        "waits grow although the error comes at once: no hot loop",
        &["S11", "S31", "S35"],
        By(|d| d.connect(ConnectFault::Unreachable)),
    ),
    row(
        "N4 closed-before-connack",
        "the link comes up and is closed before CONNACK",
        "the attempt fails as closed before CONNACK; another after a wait",
        &["S11", "S35"],
        By(|d| {
            let how = d.pick(&[ConnectFault::ClosedAtOnce, ConnectFault::ClosedAfterConnect]);
            d.connect(how)
        }),
    ),
    row(
        "N5 no-connack",
        "the link comes up, and nothing is answered",
        "the attempt ends at the connect timeout; waits grow and are spread",
        &["S11", "S12", "S19"],
        By(|d| d.connect(ConnectFault::NoAnswer)),
    ),
    row(
        "N6 no-sockets",
        "the operating system has no sockets left",
        "the attempt fails with the system's code; another after a wait",
        &["S11", "S35"],
        By(|d| d.connect(ConnectFault::NoSockets)),
    ),
    row(
        "N7 proxy-refuses",
        "the proxy answers CONNECT with 407",
        "the attempt fails; another after a wait",
        &["S11"],
        Elsewhere("runtime tests: proxy"),
    ),
    row(
        "N8 ipv6-broken",
        "IPv6 leads nowhere, IPv4 works",
        "connected over IPv4 within the connect timeout",
        &["L1"],
        Elsewhere("runtime tests: dial"),
    ),
];

impl Draw<'_> {
    /// Attempts fail in this way, for a blink or for long enough that waits reach their longest.
    fn connect(&mut self, how: ConnectFault) -> Vec<PlannedFault> {
        self.unreachable(1_000, 240_000, how)
    }

    /// Attempts fail in this way for a time, and the connection there is ends, or nobody would notice.
    pub(super) fn unreachable(&mut self, low: u64, high: u64, how: ConnectFault) -> Vec<PlannedFault> {
        let when = crate::plan::Trigger::At(self.time());
        let lasts = self.millis(low, high);
        let mut faults = self.when(when, Some(lasts), Fault::Connect(how));
        faults.extend(self.cut_at(when));
        faults
    }
}
