//! S36: nobody is blamed for an answer that the application has kept from being read.

use thingwire_core::{LinkError, Outcome};

use super::judge::Seen;
use super::{Findings, Oracle};

pub(super) fn finished(seen: &Seen<'_>, ticket: u64, outcome: &Outcome, findings: &mut Findings) {
    let blamed = *outcome == Outcome::TimedOut && seen.model.reads_nothing(seen.rules);
    findings.check(Oracle::S36, !blamed, || format!("operation {ticket} times out although nothing is read"));
}

/// The client has given a link up for this reason.
pub(super) fn ended(seen: &Seen<'_>, why: &LinkError, findings: &mut Findings) {
    let silent = matches!(why, LinkError::KeepAlive | LinkError::RestoreTimeout);
    let blamed = silent && seen.model.reads_nothing(seen.rules);
    findings.check(Oracle::S36, !blamed, || format!("the link is given up ({why}) although nothing is read"));
}
