//! The second half of decoding: from a whole frame to a packet.

use super::topics;
use super::violation::ViolationKind;
use super::wire::{Connect, Fields, Frame, Message, Packet, Publish, Qos, Subscribe, Unsubscribe};

/// The packet in `frame`. Every field is checked; nothing may be missing, nothing may be left over.
pub(super) fn decode(frame: &Frame) -> Result<Packet, ViolationKind> {
    let mut fields = Fields(frame.bytes.slice(frame.header..));
    let packet = match frame.first >> 4 {
        1 => return connect(fields),
        3 => return publish(frame.first, fields).map(Packet::Publish),
        4 => Packet::PubAck(fields.packet_id()?),
        8 => return subscribe(fields).map(Packet::Subscribe),
        10 => return unsubscribe(fields).map(Packet::Unsubscribe),
        12 => Packet::PingReq,
        14 => Packet::Disconnect,
        _ => return Err(ViolationKind::ReservedType),
    };
    fields.end()?;
    Ok(packet)
}

fn connect(mut fields: Fields) -> Result<Packet, ViolationKind> {
    if fields.string()? != "MQTT" {
        return Err(ViolationKind::ProtocolName);
    }
    let level = fields.byte()?;
    if level != 4 {
        return Ok(Packet::ConnectOfLevel(level));
    }
    let flags = ConnectFlags::read(fields.byte()?)?;
    let keep_alive = fields.number()?;
    let client_id = fields.string()?.to_string();
    let will = match flags.will {
        Some((qos, retain)) => Some(will(&mut fields, qos, retain)?),
        None => None,
    };
    let username = if flags.username { Some(fields.string()?.to_string()) } else { None };
    let password = if flags.password { Some(fields.binary()?) } else { None };
    fields.end()?;
    let clean = flags.clean;
    Ok(Packet::Connect(Box::new(Connect { client_id, clean, keep_alive, will, username, password })))
}

fn will(fields: &mut Fields, qos: Qos, retain: bool) -> Result<Message, ViolationKind> {
    let topic = fields.topic()?;
    if topics::is_wild(&topic) {
        return Err(ViolationKind::WildcardInTopic);
    }
    let payload = fields.binary()?;
    Ok(Message { topic, payload, qos, retain })
}

struct ConnectFlags {
    clean: bool,
    will: Option<(Qos, bool)>,
    username: bool,
    password: bool,
}

impl ConnectFlags {
    fn read(flags: u8) -> Result<Self, ViolationKind> {
        let bit = |index: u8| flags >> index & 1 == 1;
        if bit(0) {
            return Err(ViolationKind::ConnectReservedFlag);
        }
        let qos = Qos::from_bits(flags >> 3 & 3).ok_or(ViolationKind::WillQos)?;
        let will = bit(2).then_some((qos, bit(5)));
        if will.is_none() && (qos != Qos::AtMostOnce || bit(5)) {
            return Err(ViolationKind::WillFlagsWithoutWill);
        }
        if bit(6) && !bit(7) {
            return Err(ViolationKind::PasswordWithoutUsername);
        }
        Ok(Self { clean: bit(1), will, username: bit(7), password: bit(6) })
    }
}

fn publish(first: u8, mut fields: Fields) -> Result<Publish, ViolationKind> {
    let qos = Qos::from_bits(first >> 1 & 3).ok_or(ViolationKind::Qos3)?;
    let topic = fields.topic()?;
    if topics::is_wild(&topic) {
        return Err(ViolationKind::WildcardInTopic);
    }
    let id = if qos == Qos::AtMostOnce { None } else { Some(fields.packet_id()?) };
    let message = Message { topic, payload: fields.0, qos, retain: first & 1 == 1 };
    Ok(Publish { message, dup: first & 0b1000 != 0, id })
}

fn subscribe(mut fields: Fields) -> Result<Subscribe, ViolationKind> {
    let id = fields.packet_id()?;
    let mut filters = Vec::new();
    while !fields.is_empty() {
        let filter = fields.topic()?;
        let qos = Qos::from_bits(fields.byte()?).ok_or(ViolationKind::RequestedQos)?;
        filters.push((filter, qos));
    }
    if filters.is_empty() {
        return Err(ViolationKind::EmptySubscribe);
    }
    Ok(Subscribe { id, filters })
}

fn unsubscribe(mut fields: Fields) -> Result<Unsubscribe, ViolationKind> {
    let id = fields.packet_id()?;
    let mut filters = Vec::new();
    while !fields.is_empty() {
        filters.push(fields.topic()?);
    }
    if filters.is_empty() {
        return Err(ViolationKind::EmptyUnsubscribe);
    }
    Ok(Unsubscribe { id, filters })
}
