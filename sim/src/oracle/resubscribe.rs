//! S15: subscriptions before messages.

use super::judge::Seen;
use super::model::Meaning;
use super::{Findings, Oracle};
use crate::trace::{Name, Packet};

pub(super) fn sent(seen: &Seen<'_>, packet: &Packet, findings: &mut Findings) {
    match packet {
        Packet::Publish(publish) => {
            let due = seen.model.filters.renewal_due();
            let what = || format!("message {} is sent before every subscription is renewed", publish.tag);
            findings.check(Oracle::S15, !due && seen.model.session.renewals() == 0, what);
        }
        Packet::Subscribe(id, _) if seen.meaning == Meaning::Stray => {
            findings.add(Oracle::S15, format!("SUBSCRIBE {id} that nobody asked for"));
        }
        Packet::Subscribe(id, filters) if seen.meaning == Meaning::Renewal => {
            let (count, max) = (filters.len(), seen.rules.config.limits.filters_per_request_max);
            findings.check(Oracle::S15, count <= max, || format!("SUBSCRIBE {id} with {count} filters, {max} allowed"));
        }
        _ => {}
    }
}

pub(super) fn lost(seen: &Seen<'_>, filter: Name, findings: &mut Findings) {
    let (link, filters) = (&seen.model.link, &seen.model.filters);
    let right = filters.refused.contains(&filter) || link.condemned == Some(filter);
    findings.check(Oracle::S15, right, || "a subscription is told to be lost that the server has not refused".into());
}

pub(super) fn settled(seen: &Seen<'_>, findings: &mut Findings) {
    let untold = seen.model.filters.refused.len();
    if untold > 0 && seen.rules.slack.is_zero() {
        findings.add(Oracle::S15, format!("{untold} renewals were refused and nobody is told"));
    }
}
