//! S34: what the server closes the link for.

use super::judge::Seen;
use super::model::Meaning;
use super::{Findings, Oracle};
use crate::trace::Packet;

pub(super) fn sent(seen: &Seen<'_>, packet: &Packet, findings: &mut Findings) {
    match (seen.meaning, packet) {
        (Meaning::First { ticket, .. }, _) => not_again(seen, ticket, findings),
        (Meaning::Again { same_link: false, .. }, Packet::Publish(publish)) => {
            let carried = seen.model.session.get(publish.id).and_then(|bound| bound.what.ticket());
            if let Some(ticket) = carried {
                not_again(seen, ticket, findings);
            }
        }
        _ => {}
    }
}

fn not_again(seen: &Seen<'_>, ticket: u64, findings: &mut Findings) {
    let max = seen.rules.config.closes_max;
    let cost = seen.model.ops.get(ticket).map_or(0, |op| op.closes_when_alone);
    findings.check(Oracle::S34, cost < max, || format!("operation {ticket} is sent again, and has cost {cost} links"));
}

pub(super) fn condemned(seen: &Seen<'_>, ticket: u64, times: u32, findings: &mut Findings) {
    let Some(op) = seen.model.ops.get(ticket) else { return };
    let max = seen.rules.config.closes_max;
    let right = op.closes == times && op.closes_when_alone == times && times >= max;
    let what = || {
        format!(
            "operation {ticket} is given up after {times}, of {} closes, {} when alone",
            op.closes, op.closes_when_alone
        )
    };
    findings.check(Oracle::S34, right, what);
}
