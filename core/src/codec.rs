//! The wire: the only file that says `mqttbytes`.
//!
//! Decoding happens behind [`frame::validate`], on whole frames only. Encoding is guarded, because the codec writes
//! whatever it is given: strings that do not fit, packet id 0, a CONNECT patched at an absolute index.

use bytes::{Buf, Bytes, BytesMut};
use mqttbytes::{QoS, v4};

use crate::frame::{self, FrameError, PacketKind};
use crate::link::ConnectRefusal;
use crate::{Config, Filter, Qos, Topic};

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
pub(crate) fn decode(bytes: &mut BytesMut, packet_len_max: usize) -> Result<Option<Incoming>, FrameError> {
    let Some(frame) = frame::validate(bytes, packet_len_max)? else { return Ok(None) };
    if frame.kind == PacketKind::Pingresp {
        bytes.advance(frame.len);
        return Ok(Some(Incoming::Pingresp));
    }
    let packet = v4::read(bytes, frame::REMAINING_LEN_MAX).map_err(|_| FrameError::Codec)?;
    incoming(packet).map(Some)
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
        v4::Packet::Publish(publish) => Incoming::Publish(IncomingPublish {
            topic: Topic::new(publish.topic).map_err(|_| FrameError::Topic)?,
            payload: publish.payload,
            packet_id: (publish.qos == QoS::AtLeastOnce).then_some(publish.pkid),
            retain: publish.retain,
            duplicate: publish.dup,
        }),
        v4::Packet::PubAck(puback) => Incoming::Puback(puback.pkid),
        v4::Packet::SubAck(suback) => Incoming::Suback(suback.pkid, grants(&suback.return_codes)?),
        v4::Packet::UnsubAck(unsuback) => Incoming::Unsuback(unsuback.pkid),
        v4::Packet::PingResp => Incoming::Pingresp,
        v4::Packet::Connect(_)
        | v4::Packet::PubRec(_)
        | v4::Packet::PubRel(_)
        | v4::Packet::PubComp(_)
        | v4::Packet::Subscribe(_)
        | v4::Packet::Unsubscribe(_)
        | v4::Packet::PingReq
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

/// Writes packets. Keeps a scratch packet, so that writing a PUBLISH allocates nothing.
#[derive(Debug)]
pub(crate) struct Encoder {
    scratch: v4::Publish,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { scratch: v4::Publish::from_bytes(String::new(), QoS::AtMostOnce, Bytes::new()) }
    }

    pub(crate) fn connect(config: &Config, out: &mut BytesMut) {
        // `Connect::write` patches its flags at an absolute index: it gets a buffer of its own.
        let mut alone = BytesMut::new();
        guarded(&mut alone, |buffer| connect_packet(config).write(buffer));
        out.extend_from_slice(&alone);
    }

    pub(crate) fn publish(&mut self, publish: OutgoingPublish<'_>, out: &mut BytesMut) {
        let scratch = &mut self.scratch;
        scratch.topic.clear();
        scratch.topic.push_str(publish.topic.as_str());
        scratch.payload = publish.payload.clone();
        scratch.qos = if publish.packet_id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        scratch.pkid = publish.packet_id.map_or(0, PacketId::get);
        scratch.retain = publish.retain;
        scratch.dup = publish.duplicate;
        guarded(out, |buffer| scratch.write(buffer));
        scratch.payload = Bytes::new();
    }

    pub(crate) fn puback(id: PacketId, out: &mut BytesMut) {
        guarded(out, |buffer| v4::PubAck::new(id.get()).write(buffer));
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
