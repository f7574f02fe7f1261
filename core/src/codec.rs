//! The wire: the only file that says `mqttbytes`.
//!
//! Decoding happens behind [`frame`], on whole frames only. Encoding is guarded, because the codec writes whatever it is
//! given: strings that do not fit, packet id 0, a CONNECT patched at an absolute index.
//!
//! PUBLISH and PUBACK, which are nearly all of the traffic, are read and written here, without the copies that the codec
//! makes; a test compares both.

#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes, BytesMut};
use mqttbytes::{QoS, v4};

use crate::frame::{self, FrameError, PacketKind, REMAINING_LEN_MAX, Whole};
use crate::link::ConnectRefusal;
use crate::{Config, Filter, Qos, Topic};

/// First bytes (§2.2.1), and the flags in that of a PUBLISH (§3.3.1).
const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const RETAIN: u8 = 0x01;
const QOS_1: u8 = 0x02;
const DUPLICATE: u8 = 0x08;

/// The first byte and the longest remaining length.
const FIXED_HEADER_LEN_MAX: usize = 5;

/// A packet from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    Connack(Result<SessionPresent, ConnectRefusal>),
    Publish(IncomingPublish),
    Puback(u16),
    Suback(u16, Vec<Option<Qos>>),
    Unsuback(u16),
    Pingresp,
}

/// Whether the server kept the session of an earlier link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionPresent(pub(crate) bool);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IncomingPublish {
    pub(crate) topic: Topic,
    pub(crate) payload: Bytes,
    /// Present iff the QoS is 1.
    pub(crate) packet_id: Option<u16>,
    pub(crate) retain: bool,
    pub(crate) duplicate: bool,
}

/// Takes one packet off the front of `bytes`; `None` asks for more. After an error the stream is useless.
///
/// `known` is the topic of the last PUBLISH: the next one often has the same, and then shares it.
pub(crate) fn decode(
    bytes: &mut BytesMut,
    packet_len_max: usize,
    known: &mut Option<Topic>,
) -> Result<Option<Incoming>, FrameError> {
    let Some(Whole { kind, first, body, len }) = frame::whole(bytes, packet_len_max)? else { return Ok(None) };
    if kind == PacketKind::Publish {
        let parts = frame::publish(first, body, known.as_ref().map(Topic::as_str))?;
        let (packet_id, payload_len) = (parts.packet_id, parts.payload.len());
        let same = known.as_ref().filter(|known| known.as_str() == parts.topic).cloned();
        let topic = match same {
            Some(same) => same,
            None => known.insert(Topic::checked(parts.topic)).clone(),
        };
        bytes.advance(len - payload_len);
        let payload = bytes.split_to(payload_len).freeze();
        let (retain, duplicate) = (first & RETAIN != 0, first & DUPLICATE != 0);
        return Ok(Some(Incoming::Publish(IncomingPublish { topic, payload, packet_id, retain, duplicate })));
    }
    frame::check_body(kind, first, body)?;
    let packet = match (kind, body) {
        (PacketKind::Puback, &[high, low]) => Incoming::Puback(u16::from_be_bytes([high, low])),
        (PacketKind::Pingresp, _) => Incoming::Pingresp,
        _ => return v4::read(bytes, REMAINING_LEN_MAX).map_err(|_| FrameError::Codec).and_then(incoming).map(Some),
    };
    bytes.advance(len);
    Ok(Some(packet))
}

fn incoming(packet: v4::Packet) -> Result<Incoming, FrameError> {
    Ok(match packet {
        v4::Packet::ConnAck(connack) => Incoming::Connack(match connack.code {
            v4::ConnectReturnCode::Success => Ok(SessionPresent(connack.session_present)),
            v4::ConnectReturnCode::RefusedProtocolVersion => Err(ConnectRefusal::ProtocolVersion),
            v4::ConnectReturnCode::BadClientId => Err(ConnectRefusal::ClientId),
            v4::ConnectReturnCode::ServiceUnavailable => Err(ConnectRefusal::ServerUnavailable),
            v4::ConnectReturnCode::BadUserNamePassword => Err(ConnectRefusal::UserNameOrPassword),
            v4::ConnectReturnCode::NotAuthorized => Err(ConnectRefusal::NotAuthorized),
        }),
        v4::Packet::SubAck(suback) => Incoming::Suback(suback.pkid, grants(&suback.return_codes)?),
        v4::Packet::UnsubAck(unsuback) => Incoming::Unsuback(unsuback.pkid),
        v4::Packet::Connect(_)
        | v4::Packet::Publish(_)
        | v4::Packet::PubAck(_)
        | v4::Packet::PubRec(_)
        | v4::Packet::PubRel(_)
        | v4::Packet::PubComp(_)
        | v4::Packet::Subscribe(_)
        | v4::Packet::Unsubscribe(_)
        | v4::Packet::PingReq
        | v4::Packet::PingResp
        | v4::Packet::Disconnect => return Err(FrameError::Codec),
    })
}

fn grants(codes: &[v4::SubscribeReasonCode]) -> Result<Vec<Option<Qos>>, FrameError> {
    let grant = |code: &v4::SubscribeReasonCode| match code {
        v4::SubscribeReasonCode::Success(QoS::AtMostOnce) => Ok(Some(Qos::AtMostOnce)),
        v4::SubscribeReasonCode::Success(QoS::AtLeastOnce) => Ok(Some(Qos::AtLeastOnce)),
        v4::SubscribeReasonCode::Success(QoS::ExactlyOnce) => Err(FrameError::SubackCode { code: 2 }),
        v4::SubscribeReasonCode::Failure => Ok(None),
    };
    codes.iter().map(grant).collect()
}

/// A PUBLISH to write; borrowed, so that nothing is copied but into the output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutgoingPublish<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) payload: &'a Bytes,
    /// Present iff the QoS is 1.
    pub(crate) packet_id: Option<PacketId>,
    pub(crate) retain: bool,
    pub(crate) duplicate: bool,
}

/// A packet id as the wire allows it: never 0.
pub(crate) type PacketId = core::num::NonZeroU16;

/// Writes packets.
#[derive(Debug)]
pub(crate) enum Encoder {}

impl Encoder {
    pub(crate) fn connect(config: &Config, out: &mut BytesMut) {
        // `Connect::write` patches its flags at an absolute index: it gets a buffer of its own.
        let mut alone = BytesMut::new();
        guarded(&mut alone, |buffer| connect_packet(config).write(buffer));
        out.extend_from_slice(&alone);
    }

    pub(crate) fn publish(publish: OutgoingPublish<'_>, out: &mut BytesMut) {
        let OutgoingPublish { topic, payload, packet_id, retain, duplicate } = publish;
        let topic = topic.as_str().as_bytes();
        let body_len = 2 + topic.len() + packet_id.map_or(0, |_| 2) + payload.len();
        // Both were checked when the message was accepted.
        let (Ok(topic_len), 0..=REMAINING_LEN_MAX) = (u16::try_from(topic.len()), body_len) else {
            debug_assert!(false, "a PUBLISH of {body_len} bytes was accepted");
            return;
        };
        let flag = |set, flag| if set { flag } else { 0 };
        let first = PUBLISH | flag(packet_id.is_some(), QOS_1) | flag(retain, RETAIN) | flag(duplicate, DUPLICATE);
        let (header, len) = header(first, body_len, topic_len);
        out.reserve(FIXED_HEADER_LEN_MAX + body_len);
        out.extend_from_slice(&header[..len]);
        out.extend_from_slice(topic);
        if let Some(id) = packet_id {
            out.extend_from_slice(&id.get().to_be_bytes());
        }
        out.extend_from_slice(payload);
    }

    pub(crate) fn puback(id: PacketId, out: &mut BytesMut) {
        let [high, low] = id.get().to_be_bytes();
        out.extend_from_slice(&[PUBACK, 2, high, low]);
    }

    pub(crate) fn subscribe(id: PacketId, filters: &[(Filter, Qos)], out: &mut BytesMut) {
        debug_assert!(!filters.is_empty(), "[MQTT-3.8.3-3]");
        let entry =
            |(filter, qos): &(Filter, Qos)| v4::SubscribeFilter::new(filter.as_str().to_owned(), mqtt_qos(*qos));
        let packet = v4::Subscribe { pkid: id.get(), filters: filters.iter().map(entry).collect() };
        guarded(out, |buffer| packet.write(buffer));
    }

    pub(crate) fn unsubscribe(id: PacketId, filters: &[Filter], out: &mut BytesMut) {
        debug_assert!(!filters.is_empty(), "[MQTT-3.10.3-2]");
        let topics = filters.iter().map(|filter| filter.as_str().to_owned()).collect();
        guarded(out, |buffer| v4::Unsubscribe { pkid: id.get(), topics }.write(buffer));
    }

    pub(crate) fn pingreq(out: &mut BytesMut) {
        guarded(out, |buffer| v4::PingReq.write(buffer));
    }

    pub(crate) fn disconnect(out: &mut BytesMut) {
        guarded(out, |buffer| v4::Disconnect.write(buffer));
    }
}

/// What comes before the topic of a PUBLISH, and its length: the first byte, the remaining length in as many bytes as it
/// takes with seven bits in each (§2.2.3), and the topic's length.
fn header(first: u8, mut body_len: usize, topic_len: u16) -> ([u8; 8], usize) {
    // A number, because bytes that were stored one by one and are copied together have a processor wait for them.
    let (mut header, mut bits) = (u64::from(first), 8);
    while body_len > 0x7f {
        header |= u64::from(0x80 | body_len.to_le_bytes()[0]) << bits;
        body_len >>= 7;
        bits += 8;
    }
    header |= u64::from(body_len.to_le_bytes()[0]) << bits;
    header |= u64::from(topic_len.swap_bytes()) << (bits + 8);
    (header.to_le_bytes(), bits / 8 + 3)
}

/// Everything written was checked when it was accepted, so a refusal by the codec is a bug of ours; the buffer keeps
/// no half packet all the same.
fn guarded(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> Result<usize, mqttbytes::Error>) {
    let len = out.len();
    if let Err(error) = write(out) {
        out.truncate(len);
        debug_assert!(false, "the codec refused a checked packet: {error}");
    }
}

fn connect_packet(config: &Config) -> v4::Connect {
    let mut packet = v4::Connect::new(config.client_id.as_str());
    packet.keep_alive = config.keep_alive_secs();
    packet.clean_session = config.clean_session;
    packet.last_will = config.will.as_ref().map(|will| v4::LastWill {
        topic: will.topic.as_str().to_owned(),
        message: will.payload.clone(),
        qos: mqtt_qos(will.qos),
        retain: will.retain,
    });
    packet.login = config.wire_user_name().map(|username| v4::Login {
        username,
        password: config.password.as_ref().map_or_else(String::new, |password| password.expose().to_owned()),
    });
    packet
}

fn mqtt_qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}
