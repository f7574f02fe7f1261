//! The wire: the only file that says `mqttbytes`.
//!
//! Decoding happens behind [`frame`], on whole frames only. Encoding is guarded, because the codec writes whatever it is
//! given: strings that do not fit, packet id 0, a CONNECT patched at an absolute index.
//!
//! PUBLISH and PUBACK, which are nearly all of the traffic, are read and written here, without the copies that the codec
//! makes; a test compares both.

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
fn header(first: u8, mut body_len: usize, topic_len: u16) -> ([u8; FIXED_HEADER_LEN_MAX + 2], usize) {
    let mut header = [first; FIXED_HEADER_LEN_MAX + 2];
    let mut len = 1;
    while body_len > 0x7f {
        header[len] = 0x80 | body_len.to_le_bytes()[0];
        body_len >>= 7;
        len += 1;
    }
    header[len] = body_len.to_le_bytes()[0];
    header[len + 1..len + 3].copy_from_slice(&topic_len.to_be_bytes());
    (header, len + 3)
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::Will;

    fn topics() -> impl Strategy<Value = String> {
        prop_oneof!["[a-zé$/]{1,24}", "[a-z]{120,140}", "[+#\0a-z]{0,4}"]
    }

    fn payloads() -> impl Strategy<Value = Bytes> {
        prop_oneof![
            4 => vec(any::<u8>(), 0..140).prop_map(Bytes::from),
            1 => (16_200_usize..16_400).prop_map(|len| vec![7; len].into()),
        ]
    }

    fn packets() -> impl Strategy<Value = v4::Publish> {
        (topics(), payloads(), any::<Option<PacketId>>(), any::<bool>(), any::<bool>()).prop_map(
            |(topic, payload, id, retain, dup)| {
                let qos = if id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
                let mut packet = v4::Publish::from_bytes(topic, qos, payload);
                packet.pkid = id.map_or(0, PacketId::get);
                packet.retain = retain;
                packet.dup = dup && id.is_some();
                packet
            },
        )
    }

    fn qos() -> impl Strategy<Value = Qos> {
        prop_oneof![Just(Qos::AtMostOnce), Just(Qos::AtLeastOnce)]
    }

    fn subscriptions() -> impl Strategy<Value = Vec<(Filter, Qos)>> {
        let filters = prop_oneof!["[a-zé$]{1,140}", "([a-z]{1,4}/|\\+/){0,7}(#|\\+|[a-z]{1,4})"];
        vec((filters.prop_map(|filter| Filter::new(filter).expect("a valid filter")), qos()), 1..9)
    }

    fn configs() -> impl Strategy<Value = Config> {
        let topics = topics().prop_filter_map("no topic", |topic| Topic::new(topic).ok());
        let will = (topics, payloads(), qos(), any::<bool>())
            .prop_map(|(topic, payload, qos, retain)| Will::new(topic, payload).qos(qos).retain(retain));
        let name = prop::option::of("[a-zé?&=]{1,140}");
        let flags = any::<[bool; 2]>();
        ("[a-z0-9é-]{1,128}", flags, any::<u16>(), prop::option::of(will), name, "[a-zé]{0,140}").prop_map(
            |(client_id, [clean_session, sdk_metrics], keep_alive, will, user_name, password)| {
                let mut config = Config::new(client_id);
                (config.clean_session, config.sdk_metrics) = (clean_session, sdk_metrics);
                config.keep_alive = core::time::Duration::from_secs(keep_alive.into());
                config.will = will;
                (config.user_name, config.password) = (user_name, Some(password.as_str().into()));
                config
            },
        )
    }

    /// What was written, as the codec reads it.
    fn read(write: impl FnOnce(&mut BytesMut)) -> v4::Packet {
        let mut bytes = written(write);
        let packet = v4::read(&mut bytes, REMAINING_LEN_MAX).expect("a packet");
        assert!(bytes.is_empty(), "one packet, and nothing behind it");
        packet
    }

    fn written(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
        let mut out = BytesMut::from(&b"before"[..]);
        write(&mut out);
        out.split_off(6)
    }

    proptest! {
        #[test]
        fn a_publish_is_written_as_the_codec_writes_it(packet in packets()) {
            let Ok(topic) = Topic::new(packet.topic.as_str()) else { return Ok(()) };
            let packet_id = PacketId::new(packet.pkid);
            let (retain, duplicate) = (packet.retain, packet.dup);
            let ours = OutgoingPublish { topic: &topic, payload: &packet.payload, packet_id, retain, duplicate };
            let expected = written(|out| packet.write(out).map(|_| ()).expect("it fits"));
            prop_assert_eq!(written(|out| Encoder::publish(ours, out)), expected);
        }

        /// Cut off, grown, and with a byte changed as well.
        #[test]
        fn a_publish_is_read_as_the_codec_reads_it(
            packet in packets(),
            change in any::<Option<(prop::sample::Index, u8)>>(),
            cut in any::<Option<prop::sample::Index>>(),
            behind in vec(any::<u8>(), 0..4),
            known in topics(),
            same in any::<bool>(),
        ) {
            let known = if same { packet.topic.clone() } else { known };
            let mut bytes = written(|out| packet.write(out).map(|_| ()).expect("it fits"));
            if let Some((at, byte)) = change {
                let len = bytes.len();
                bytes[at.index(len.min(40))] = byte;
            }
            bytes.extend_from_slice(&behind);
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let (mut ours, mut theirs) = (bytes.clone(), bytes.clone());
            let mut known = Topic::new(known).ok();
            match decode(&mut ours, REMAINING_LEN_MAX, &mut known) {
                Ok(Some(Incoming::Publish(read))) => {
                    let Ok(v4::Packet::Publish(expected)) = v4::read(&mut theirs, REMAINING_LEN_MAX) else {
                        return Err(TestCaseError::fail("the codec reads no PUBLISH"));
                    };
                    prop_assert_eq!(read.topic.as_str(), expected.topic);
                    prop_assert_eq!(read.payload, expected.payload);
                    prop_assert_eq!(read.packet_id.unwrap_or(0), expected.pkid);
                    prop_assert_eq!(read.retain, expected.retain);
                    prop_assert_eq!(read.duplicate, expected.dup);
                    prop_assert_eq!(ours, theirs, "and as much is left");
                }
                Ok(Some(_)) => {}
                // What is refused or not whole is refused by the gate; other tests say what that is.
                Ok(None) | Err(_) => prop_assert_eq!(ours, bytes, "nothing was taken"),
            }
        }

        #[test]
        fn a_puback_is_written_and_read_as_the_codec_does_it(id in any::<PacketId>()) {
            let mut ours = written(|out| Encoder::puback(id, out));
            prop_assert_eq!(&ours, &written(|out| v4::PubAck::new(id.get()).write(out).map(|_| ()).expect("it fits")));
            prop_assert_eq!(decode(&mut ours, REMAINING_LEN_MAX, &mut None), Ok(Some(Incoming::Puback(id.get()))));
            prop_assert!(ours.is_empty());
        }

        #[test]
        fn subscriptions_are_read_as_what_was_asked_for(id in any::<PacketId>(), asked in subscriptions()) {
            let entry = |(filter, qos): &(Filter, Qos)| v4::SubscribeFilter::new(filter.to_string(), mqtt_qos(*qos));
            let subscribe = v4::Subscribe { pkid: id.get(), filters: asked.iter().map(entry).collect() };
            prop_assert_eq!(read(|out| Encoder::subscribe(id, &asked, out)), v4::Packet::Subscribe(subscribe));

            let filters: Vec<_> = asked.into_iter().map(|(filter, _)| filter).collect();
            let topics = filters.iter().map(Filter::to_string).collect();
            let unsubscribe = v4::Unsubscribe { pkid: id.get(), topics };
            prop_assert_eq!(read(|out| Encoder::unsubscribe(id, &filters, out)), v4::Packet::Unsubscribe(unsubscribe));
        }

        #[test]
        fn a_connect_is_read_as_what_was_configured(config in configs()) {
            let password = config.password.as_ref().map_or("", |password| password.expose()).to_owned();
            let connect = v4::Connect {
                protocol: mqttbytes::Protocol::V4,
                keep_alive: config.keep_alive_secs(),
                client_id: config.client_id.clone(),
                clean_session: config.clean_session,
                last_will: config.will.clone().map(|Will { topic, payload, qos, retain, .. }| {
                    v4::LastWill { topic: topic.to_string(), message: payload, qos: mqtt_qos(qos), retain }
                }),
                login: config.wire_user_name().map(|username| v4::Login { username, password }),
            };
            prop_assert_eq!(read(|out| Encoder::connect(&config, out)), v4::Packet::Connect(connect));
        }
    }
}
