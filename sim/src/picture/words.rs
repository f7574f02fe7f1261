//! What happened, in words.

use core::time::Duration;

use thingwire_core::{Instant, LinkError, Outcome, Phase, Qos};

use crate::trace::shadow::{Says, ShadowText};
use crate::trace::{Holds, Operation, Packet, Published, Trace, What};

/// A moment, to the microsecond: `0:21.020000`, `1:02:03.000000`.
pub(crate) fn clock(at: Instant) -> String {
    let micros = at.as_micros();
    let (secs, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, secs) = (secs / 3_600, secs / 60 % 60, secs % 60);
    match hours {
        0 => format!("{minutes}:{secs:02}.{fraction:06}"),
        _ => format!("{hours}:{minutes:02}:{secs:02}.{fraction:06}"),
    }
}

/// A moment without the zeros at its end: `0:21.02`, `0:21`.
pub(super) fn short_clock(at: Instant) -> String {
    clock(at).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A span as people say it: `20 ms`, `24.9 s`, `3.2 h`.
pub(super) fn span(span: Duration) -> String {
    let micros = span.as_micros();
    let (unit, name) = match micros {
        0..1_000 => return format!("{micros} µs"),
        1_000..1_000_000 => (1_000, "ms"),
        1_000_000..60_000_000 => (1_000_000, "s"),
        60_000_000..3_600_000_000 => (60_000_000, "min"),
        3_600_000_000..86_400_000_000 => (3_600_000_000, "h"),
        _ => (86_400_000_000, "d"),
    };
    match micros * 10 / unit % 10 {
        0 => format!("{} {name}", micros / unit),
        tenth => format!("{}.{tenth} {name}", micros / unit),
    }
}

/// A number with its thousands apart.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One thing, or more of them: `1 run`, `2,000 runs`.
pub(crate) fn count(how_many: u64, thing: &str) -> String {
    format!("{} {thing}{}", number(how_many), if how_many == 1 { "" } else { "s" })
}

/// The beginning of a text, if it is longer than this many characters.
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

/// What happened, in one line. It says nothing of when and to whom.
pub(super) fn what(trace: &Trace, what: &What) -> String {
    match what {
        What::Start => "the application starts the client".into(),
        What::Stop => "the application stops the client".into(),
        What::Pause(true) => "the application wants no input".into(),
        What::Pause(false) => "the application wants input again".into(),
        What::Blocked(true) => "the socket has no room for more".into(),
        What::Blocked(false) => "the socket has room again".into(),
        What::Accepted { ticket, operation: asked } => format!("accepted #{ticket}: {}", operation(trace, asked)),
        What::Refused { operation: asked, why } => format!("refused: {}: {why}", operation(trace, asked)),
        What::Discarded(ticket, true) => format!("the application withdraws #{ticket} in time"),
        What::Discarded(ticket, false) => format!("the application withdraws #{ticket} too late"),
        What::Finished { ticket, outcome: how } => format!("finished #{ticket}: {}", outcome(how)),
        What::Delivered(message) => format!("delivered {}", published(trace, message)),
        What::Acknowledged(tag) => format!("the application acknowledges message {tag}"),
        What::Told(notice) => format!("told: {notice}"),
        What::Phase(to) => format!("phase: {}", phase(*to)),
        What::Holds(held) => holds(held),
        What::Deadline(None) => "no deadline".into(),
        What::Deadline(Some(at)) => format!("next deadline at {}", clock(*at)),
        What::Wake { due: true } => "woken, as it wanted".into(),
        What::Wake { due: false } => "woken for no reason".into(),
        What::Dial(link) => format!("asks for link {link}"),
        What::Up(link) => format!("link {link} is up"),
        What::Down(link, why) => format!("link {link} is down: {}", link_error(why)),
        What::Close(link) => format!("gives link {link} up"),
        What::Sent(link, sent) => format!("client → broker on link {link}: {}", packet(trace, sent)),
        What::Received(link, received) => format!("broker → client on link {link}: {}", packet(trace, received)),
        What::Took(message) => format!("the broker takes {}", published(trace, message)),
        What::Violation(kind) => format!("the client breaks a rule: {kind} {}", kind.clause()),
        What::Fault { name, begins: true, index } => format!("fault {index} begins: {name}"),
        What::Fault { name, begins: false, index } => format!("fault {index} ends: {name}"),
        What::Unwatched(shadow, true) => format!("the application watches {} no more", trace.name(*shadow)),
        What::Unwatched(shadow, false) => {
            format!("the application ends a watch that is over: of {}", trace.name(*shadow))
        }
        What::Shadow(text) => format!("about {}: {}", trace.name(text.shadow), shadow_text(text)),
        What::Stands(shadow, None) => format!("the service has no {}", trace.name(*shadow)),
        What::Stands(shadow, Some((version, differs))) => {
            let delta = if *differs { ", with a delta" } else { "" };
            format!("the service has {} at version {version}{delta}", trace.name(*shadow))
        }
        What::Healed => "from here on everything works".into(),
        What::End => "the run is over".into(),
    }
}

/// One letter or sign for what happened, for a column of its own.
pub(super) fn glyph(what: &What) -> char {
    match what {
        What::Start | What::Stop | What::Pause(_) => '*',
        What::Blocked(_) => 'o',
        What::Accepted { .. } => '+',
        What::Refused { .. } => '-',
        What::Discarded(..) => '/',
        What::Finished { .. } => '=',
        What::Delivered(_) | What::Acknowledged(_) => 'm',
        What::Told(_) => 'i',
        What::Phase(_) => '~',
        What::Holds(_) => '#',
        What::Deadline(_) => 't',
        What::Wake { .. } => 'w',
        What::Dial(_) => '>',
        What::Up(_) => '^',
        What::Down(..) | What::Close(_) => 'v',
        What::Sent(_, Packet::Publish(Published { dup: true, .. }))
        | What::Received(_, Packet::Publish(Published { dup: true, .. })) => 'D',
        What::Sent(_, Packet::Publish(_)) | What::Received(_, Packet::Publish(_)) | What::Took(_) => 'P',
        What::Sent(_, Packet::Puback(_)) | What::Received(_, Packet::Puback(_)) => 'A',
        What::Sent(..) => 's',
        What::Received(..) => 'r',
        What::Violation(_) => 'X',
        What::Fault { .. } => '!',
        What::Unwatched(..) => '/',
        What::Shadow(_) | What::Stands(..) => 'S',
        What::Healed => 'h',
        What::End => '.',
    }
}

fn shadow_text(text: &ShadowText) -> String {
    let says = match text.says {
        Says::Ask(verb) => verb.as_str().to_owned(),
        Says::Accepted(verb) => format!("{} accepted", verb.as_str()),
        Says::Rejected(verb) => format!("{} rejected", verb.as_str()),
        Says::Delta => "delta".to_owned(),
        Says::Documents => "documents".to_owned(),
    };
    let code = text.code.map(|code| format!(", code {code}")).unwrap_or_default();
    let version = text.version.map(|version| format!(", version {version}")).unwrap_or_default();
    let token = text.token.map(|token| format!(", token {token}")).unwrap_or_default();
    format!("{says}{code}{version}{token}")
}

pub(super) fn operation(trace: &Trace, operation: &Operation) -> String {
    match operation {
        Operation::Publish(message, _) => format!("publish {}", published(trace, message)),
        Operation::Subscribe(filters) => {
            let each = filters.iter().map(|(name, qos)| format!("{} ({})", trace.name(*name), quality(*qos)));
            format!("subscribe to {}", each.collect::<Vec<_>>().join(", "))
        }
        Operation::Unsubscribe(filters) => {
            let each = filters.iter().map(|name| trace.name(*name));
            format!("unsubscribe from {}", each.collect::<Vec<_>>().join(", "))
        }
        Operation::Shadow(ask) => {
            format!("{} {}, by {}", ask.verb.as_str(), trace.name(ask.topics.shadow), clock(ask.deadline))
        }
        Operation::Watch(watch) => format!("watch {}", trace.name(watch.topics.shadow)),
    }
}

pub(super) fn packet(trace: &Trace, packet: &Packet) -> String {
    match packet {
        Packet::Connect { clean, keep_alive_secs } => {
            format!("CONNECT, {} session, keep-alive {keep_alive_secs} s", if *clean { "clean" } else { "kept" })
        }
        Packet::Connack { present: true, code: 0 } => "CONNACK, accepted, session present".into(),
        Packet::Connack { present: false, code: 0 } => "CONNACK, accepted, new session".into(),
        Packet::Connack { present, code } => {
            format!("CONNACK, refused with {code}{}", if *present { ", session present" } else { "" })
        }
        Packet::Publish(message) => format!("PUBLISH {}", published(trace, message)),
        Packet::Puback(id) => format!("PUBACK, id {id}"),
        Packet::Subscribe(id, filters) => {
            let each = filters.iter().map(|(name, qos)| format!("{} ({})", trace.name(*name), quality(*qos)));
            format!("SUBSCRIBE, id {id}: {}", each.collect::<Vec<_>>().join(", "))
        }
        Packet::Suback(id, codes) => {
            let each = codes.iter().map(|code| match code {
                0x80 => "refused".to_owned(),
                granted => format!("QoS {granted}"),
            });
            format!("SUBACK, id {id}: {}", each.collect::<Vec<_>>().join(", "))
        }
        Packet::Unsubscribe(id, filters) => {
            let each = filters.iter().map(|name| trace.name(*name));
            format!("UNSUBSCRIBE, id {id}: {}", each.collect::<Vec<_>>().join(", "))
        }
        Packet::Unsuback(id) => format!("UNSUBACK, id {id}"),
        Packet::Pingreq => "PINGREQ".into(),
        Packet::Pingresp => "PINGRESP".into(),
        Packet::Disconnect => "DISCONNECT".into(),
        Packet::Malformed => "bytes that are no packet".into(),
    }
}

/// How an operation ended, in a few words; the core's own have advice for people in the field behind them.
pub(super) fn outcome(outcome: &Outcome) -> String {
    let words = outcome.to_string();
    words.split_once(';').map_or(words.as_str(), |(words, _)| words).to_owned()
}

/// Why a link ended, without the advice.
pub(super) fn link_error(error: &LinkError) -> String {
    let words = error.to_string();
    words.split_once(';').map_or(words.as_str(), |(words, _)| words).to_owned()
}

/// A phase in plain words: the core's own, but for the two that it calls by one name.
pub(crate) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Opening => "opening a link",
        Phase::AwaitingConnack => "awaiting CONNACK",
        other => other.as_str(),
    }
}

/// The name of a phase's colour.
pub(super) fn phase_class(phase: Phase) -> &'static str {
    match phase {
        Phase::Opening | Phase::AwaitingConnack => "connecting",
        Phase::Resubscribing => "restoring",
        Phase::Draining => "draining",
        Phase::Ready => "ready",
        Phase::BackingOff => "backing-off",
        Phase::Closing => "closing",
        _ => "idle",
    }
}

fn published(trace: &Trace, message: &Published) -> String {
    let mut parts = vec![format!("message {} to {}", message.tag, trace.name(message.topic))];
    parts.push(quality(message.qos).to_owned());
    if message.id != 0 {
        parts.push(format!("id {}", message.id));
    }
    if message.dup {
        parts.push("DUP".to_owned());
    }
    if message.retain {
        parts.push("retained".to_owned());
    }
    parts.push(count(u64::from(message.len), "byte"));
    parts.join(", ")
}

fn quality(qos: Qos) -> &'static str {
    match qos {
        Qos::AtMostOnce => "QoS 0",
        Qos::AtLeastOnce => "QoS 1",
    }
}

fn holds(held: &Holds) -> String {
    let bytes = count(held.queued_bytes, "byte");
    format!("holds {} queued ({bytes}), {} in flight", number(held.queued.into()), number(held.in_flight.into()))
}
