//! S4, S5, S6, S8: packet ids, DUP and the window.

use thingwire_core::{Qos, Refusal};

use super::judge::Seen;
use super::model::Meaning;
use super::model::session::Carried;
use super::{Findings, Oracle};
use crate::trace::{Holds, Packet};

pub(super) fn sent(seen: &Seen<'_>, packet: &Packet, findings: &mut Findings) {
    let id = match packet {
        Packet::Publish(publish) if publish.qos == Qos::AtMostOnce => {
            let plain = publish.id == 0 && !publish.dup;
            return findings.check(Oracle::S6, plain, || "a message of QoS 0 with packet id or DUP".into());
        }
        Packet::Publish(publish) => publish.id,
        Packet::Subscribe(id, _) | Packet::Unsubscribe(id, _) => *id,
        _ => return,
    };
    findings.check(Oracle::S4, id != 0, || "packet id 0".into());
    let again = matches!(seen.meaning, Meaning::Again { .. });
    if !again {
        match seen.model.session.get(id).map(|bound| &bound.what) {
            None => {}
            Some(Carried::GivenUp) => {
                findings.add(Oracle::S5, format!("packet id {id} is used again before its answer has come"));
            }
            Some(_) => findings.add(Oracle::S4, format!("packet id {id} names two operations")),
        }
    }
    if let Packet::Publish(publish) = packet {
        let what = || format!("DUP is {}, sent before in this session: {again}, packet id {id}", publish.dup);
        findings.check(Oracle::S6, publish.dup == again, what);
        let in_flight = seen.model.session.publishes() + usize::from(!again);
        within_window(seen, in_flight, findings);
    }
}

pub(super) fn holds(seen: &Seen<'_>, holds: Holds, findings: &mut Findings) {
    within_window(seen, holds.in_flight as usize, findings);
}

fn within_window(seen: &Seen<'_>, in_flight: usize, findings: &mut Findings) {
    let max = usize::from(seen.rules.config.in_flight_max);
    findings.check(Oracle::S8, in_flight <= max, || format!("{in_flight} messages in flight, {max} allowed"));
}

/// Refusals that depend on nothing but the request need no model.
pub(super) fn is_about_room(why: &Refusal) -> bool {
    matches!(why, Refusal::QueueFull { .. } | Refusal::QueueFullOfBytes { .. } | Refusal::Offline)
}
