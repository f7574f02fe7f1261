//! Records in plain words.

use thingwire_core::{Instant, Qos};

use crate::trace::{Operation, Packet, Published, Record, Trace, What};

/// One record as one line.
pub(super) fn narrate(record: &Record, trace: &Trace) -> String {
    format!("{} device {}: {}", moment(record.at), record.device, what(&record.what, trace))
}

/// A moment of the run, in seconds.
pub(super) fn moment(at: Instant) -> String {
    let micros = at.as_micros();
    format!("{:>6}.{:06} s", micros / 1_000_000, micros % 1_000_000)
}

fn what(what: &What, trace: &Trace) -> String {
    match what {
        What::Start => "the application starts the client".to_owned(),
        What::Stop => "the application stops the client".to_owned(),
        What::Pause(true) => "the application takes no input".to_owned(),
        What::Pause(false) => "the application takes input again".to_owned(),
        What::Blocked(true) => "the socket has no room for more".to_owned(),
        What::Blocked(false) => "the socket has room again".to_owned(),
        What::Accepted { ticket, operation } => format!("#{ticket} accepted: {}", asked(operation, trace)),
        What::Refused { operation, why } => format!("refused: {}: {why}", asked(operation, trace)),
        What::Discarded(ticket, true) => format!("#{ticket} withdrawn"),
        What::Discarded(ticket, false) => format!("#{ticket} could not be withdrawn any more"),
        What::Finished { ticket, outcome } => format!("#{ticket} ended: {outcome}"),
        What::Delivered(message) => format!("delivered: {}", message_text(message, trace)),
        What::Acknowledged(tag) => format!("the application acknowledges message {tag:x}"),
        What::Told(notice) => format!("told: {notice}"),
        What::Phase(phase) => format!("phase: {phase:?}"),
        What::Holds(holds) => {
            format!("holds {} waiting ({} bytes), {} in flight", holds.queued, holds.queued_bytes, holds.in_flight)
        }
        What::Deadline(Some(at)) => format!("wants to be woken at {}", moment(*at).trim_start()),
        What::Deadline(None) => "waits for nothing".to_owned(),
        What::Wake { due: true } => "woken".to_owned(),
        What::Wake { due: false } => "woken for no reason".to_owned(),
        What::Dial(link) => format!("link {link}: asked for"),
        What::Up(link) => format!("link {link}: up"),
        What::Down(link, why) => format!("link {link}: down: {why}"),
        What::Close(link) => format!("link {link}: given up by the client"),
        What::Sent(link, packet) => format!("link {link}: -> {}", packet_text(packet, trace)),
        What::Received(link, packet) => format!("link {link}: <- {}", packet_text(packet, trace)),
        What::Took(message) => format!("the broker takes {}", message_text(message, trace)),
        What::Violation(kind) => format!("the broker sees a rule broken: {kind:?}"),
        What::Fault { name, begins: true, .. } => format!("fault begins: {name}"),
        What::Fault { name, begins: false, .. } => format!("fault ends: {name}"),
        What::Healed => "from here on everything works".to_owned(),
        What::End => "the end".to_owned(),
    }
}

fn asked(operation: &Operation, trace: &Trace) -> String {
    match operation {
        Operation::Publish(message, _) => format!("publish {}", message_text(message, trace)),
        Operation::Subscribe(filters) => {
            let filters: Vec<_> = filters.iter().map(|(filter, qos)| filter_text(&trace.name(*filter), *qos)).collect();
            format!("subscribe to {}", filters.join(", "))
        }
        Operation::Unsubscribe(filters) => {
            let filters: Vec<_> = filters.iter().map(|filter| trace.name(*filter)).collect();
            format!("unsubscribe from {}", filters.join(", "))
        }
    }
}

fn packet_text(packet: &Packet, trace: &Trace) -> String {
    match packet {
        Packet::Connect { clean, keep_alive_secs } => {
            let session = if *clean { "clean session" } else { "kept session" };
            format!("CONNECT, {session}, keep-alive {keep_alive_secs} s")
        }
        Packet::Connack { present, code } => {
            format!("CONNACK {code}, session {}", if *present { "present" } else { "new" })
        }
        Packet::Publish(message) => format!("PUBLISH {}", message_text(message, trace)),
        Packet::Puback(id) => format!("PUBACK {id}"),
        Packet::Subscribe(id, filters) => {
            let filters: Vec<_> = filters.iter().map(|(filter, qos)| filter_text(&trace.name(*filter), *qos)).collect();
            format!("SUBSCRIBE {id} to {}", filters.join(", "))
        }
        Packet::Suback(id, codes) => format!("SUBACK {id}: {codes:?}"),
        Packet::Unsubscribe(id, filters) => {
            let filters: Vec<_> = filters.iter().map(|filter| trace.name(*filter)).collect();
            format!("UNSUBSCRIBE {id} from {}", filters.join(", "))
        }
        Packet::Unsuback(id) => format!("UNSUBACK {id}"),
        Packet::Pingreq => "PINGREQ".to_owned(),
        Packet::Pingresp => "PINGRESP".to_owned(),
        Packet::Disconnect => "DISCONNECT".to_owned(),
        Packet::Malformed => "bytes that are no packet".to_owned(),
    }
}

fn filter_text(filter: &str, qos: Qos) -> String {
    format!("{filter} (QoS {})", qos as u8)
}

fn message_text(message: &Published, trace: &Trace) -> String {
    let id = if message.id == 0 { String::new() } else { format!("{} ", message.id) };
    let dup = if message.dup { ", again" } else { "" };
    let retain = if message.retain { ", retained" } else { "" };
    let (topic, tag, len, qos) = (trace.name(message.topic), message.tag, message.len, message.qos as u8);
    format!("{id}to {topic}, message {tag:x}, {len} bytes, QoS {qos}{dup}{retain}")
}
