//! S13, S14, S19, S21, S24, S35: the life of a link.

use thingwire_core::{ConnectStage, LinkError};

use super::judge::Seen;
use super::model::link::Stage;
use super::model::session::Carried;
use super::model::{Life, Meaning};
use super::{Findings, Oracle};
use crate::broker::ViolationKind;
use crate::trace::Packet;

pub(super) fn sent(seen: &Seen<'_>, number: u64, packet: &Packet, findings: &mut Findings) {
    let link = &seen.model.link;
    let there = link.number == number && link.stage != Stage::Gone && !link.said_goodbye;
    findings.check(Oracle::S13, there, || format!("{} is sent on link {number}, which is over", packet.name()));
    let goodbye = matches!(packet, Packet::Disconnect | Packet::Puback(_) | Packet::Pingreq);
    findings.check(Oracle::S13, goodbye || !link.left, || format!("{} is sent after a stop", packet.name()));
    if let Packet::Connect { clean, keep_alive_secs } = *packet {
        let config = &seen.rules.config;
        let right = clean == config.clean_session && u64::from(keep_alive_secs) == config.keep_alive.as_secs();
        findings.check(Oracle::S14, right, || {
            format!("CONNECT with clean session {clean}, keep-alive {keep_alive_secs} s is not what is configured")
        });
        let first = link.stage == Stage::Up && link.connect_at.is_none();
        findings.check(Oracle::S14, first || !there, || "a second CONNECT, or one before the link is up".into());
    } else {
        let accepted = link.online_at.is_some();
        findings.check(Oracle::S14, accepted || !there, || format!("{} is sent before CONNACK", packet.name()));
    }
}

pub(super) fn closed(seen: &Seen<'_>, number: u64, findings: &mut Findings) {
    let link = &seen.model.link;
    let there = link.number == number && link.stage != Stage::Gone;
    findings.check(Oracle::S13, there, || format!("link {number} is closed, which is over"));
}

pub(super) fn violation(kind: ViolationKind, findings: &mut Findings) {
    let oracle = match kind {
        ViolationKind::PacketIdZero | ViolationKind::PacketIdInUse => Oracle::S4,
        ViolationKind::TooManyInFlight => Oracle::S8,
        ViolationKind::AfterDisconnect => Oracle::S13,
        ViolationKind::UnknownPuback => Oracle::S22,
        _ => Oracle::S14,
    };
    findings.add(oracle, format!("the broker complains: {kind} {}", kind.clause()));
}

pub(super) fn online(seen: &Seen<'_>, resumed: bool, findings: &mut Findings) {
    let link = &seen.model.link;
    let right = link.online_at.is_some() && resumed == link.resumed && !(resumed && seen.rules.config.clean_session);
    findings
        .check(Oracle::S24, right, || format!("told to be online, resumed: {resumed}; CONNACK says {}", link.resumed));
}

pub(super) fn settled(seen: &Seen<'_>, findings: &mut Findings) {
    let (model, link, slack) = (seen.model, &seen.model.link, seen.rules.slack);
    if link.stage == Stage::Gone {
        return;
    }
    let ended = link.forbidden.or(link.refused.map(|_| "a refusal"));
    if let Some(what) = ended {
        let in_time = seen.at.since(link.last_received) < slack;
        return findings.check(Oracle::S21, in_time, || format!("the link lives on after {what}"));
    }
    if matches!(link.stage, Stage::Dialed | Stage::Up) && model.life == Life::Running && !link.left {
        let due = link.dialed_at + seen.rules.config.connect_timeout;
        findings.check(Oracle::S19, !model.is_late(due, slack), || "the attempt goes on after the timeout".into());
    }
}

/// The reason told for the end of a link.
pub(super) fn ended(seen: &Seen<'_>, why: &LinkError, last: Meaning, findings: &mut Findings) {
    let right = match &seen.model.link.told_down {
        Some(down) => as_the_driver_says(seen, down, why),
        None => as_the_client_decides(seen, why) || is_in_doubt(why, last),
    };
    findings.check(Oracle::S35, right, || format!("the link is told to have ended so: {why}"));
    if !right && last == Meaning::Inert && matches!(why, LinkError::Protocol(_)) {
        findings.add(Oracle::S3, "an answer to nothing ends the link");
    }
}

fn as_the_driver_says(seen: &Seen<'_>, down: &LinkError, why: &LinkError) -> bool {
    let link = &seen.model.link;
    let by_peer = matches!(down, LinkError::Closed | LinkError::Tcp { why: thingwire_core::TcpError::Reset, .. });
    if link.was_up && link.online_at.is_none() && by_peer {
        return *why == LinkError::ClosedBeforeConnack;
    }
    why == down
}

/// The answer to what the client may have given up has another length, or not: that depends on whether it has.
fn is_in_doubt(why: &LinkError, last: Meaning) -> bool {
    matches!(why, LinkError::Protocol(_)) && last == Meaning::OwnAnswer { late: true }
}

fn as_the_client_decides(seen: &Seen<'_>, why: &LinkError) -> bool {
    let (link, config, slack) = (&seen.model.link, &seen.rules.config, seen.rules.slack);
    let over = |since, span| link.gone_at + slack >= since + span;
    match why {
        LinkError::KeepAlive => {
            let silent_since = if link.ping_sent_at.is_some() { link.silent_before_ping } else { link.silent_since() };
            let patience = config.keep_alive + seen.rules.ping_timeout();
            link.online_at.is_some() && !config.keep_alive.is_zero() && over(silent_since, patience)
        }
        LinkError::ConnectTimeout { waiting_for } => {
            let was_up = *waiting_for == ConnectStage::Connack;
            link.online_at.is_none() && link.was_up == was_up && over(link.dialed_at, config.connect_timeout)
        }
        LinkError::Refused(refusal) => link.refused == Some(refusal.code()),
        LinkError::Protocol(_) => link.forbidden.is_some(),
        LinkError::RestoreTimeout => seen.model.session.iter().any(|bound| {
            matches!(bound.what, Carried::Renewal(_)) && over(bound.first_sent_at, config.operation_timeout)
        }),
        _ => false,
    }
}
