//! Encryption. The simulator's pipes carry no TLS: what a handshake ends in is injected, and the handshake itself is
//! tested with real sockets.

use super::Made::{By, Elsewhere};
use super::{Made, Row};
use crate::plan::{ConnectFault, Fault, How};

const fn row(
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    oracles: &'static [&'static str],
    made: Made,
) -> Row {
    super::row(super::Family::Tls, name, what, expected, oracles, made)
}

const TRANSPORT: Made = Elsewhere("transport tests: tls");

pub(super) const ROWS: &[Row] = &[
    row(
        "TL1 alert",
        "the handshake ends in an alert",
        "the attempt fails with the TLS layer; another after a wait",
        &["S11", "S35"],
        By(|d| d.unreachable(1_000, 120_000, ConnectFault::TlsAlert)),
    ),
    row("TL2 expired", "the server's certificate has expired", "CONNECT is never sent", &["S14"], TRANSPORT),
    row("TL3 wrong-name", "the server's certificate is for another name", "CONNECT is never sent", &["S14"], TRANSPORT),
    row("TL4 unknown-ca", "the server's certificate is self-signed", "CONNECT is never sent", &["S14"], TRANSPORT),
    row(
        "TL5 late-alert",
        "the handshake succeeds, and the link ends because of the client's certificate",
        "it counts as a failed attempt: no busy loop",
        &["S11", "S12"],
        By(|d| d.unreachable(1_000, 120_000, ConnectFault::ClosedAtOnce)),
    ),
    row(
        "TL6 not-yet-valid",
        "the device's clock is wrong, and the server's certificate is not valid yet",
        "an error that says so; another attempt after a wait",
        &["S11", "S29", "S35"],
        By(|d| d.unreachable(1_000, 120_000, ConnectFault::TlsNotYetValid)),
    ),
    row(
        "TL7 handshake-stalls",
        "the handshake stalls",
        "the attempt ends at the connect timeout",
        &["S19"],
        By(|d| d.unreachable(1_000, 60_000, ConnectFault::Silence)),
    ),
    row(
        "TL8 truncated",
        "the stream ends without a goodbye",
        "the connection is lost, not closed in good order",
        &["S10"],
        By(|d| d.once(Fault::Cut { how: How::Fin, after: None })),
    ),
    row("TL9 records-split", "records are cut anywhere in packets", "no effect", &["S20"], TRANSPORT),
    row("TL10 no-alpn", "the protocol is not agreed on", "the peer closes; another attempt", &["S11"], TRANSPORT),
];
