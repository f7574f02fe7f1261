//! What is written and read, beside what the codec writes and reads.

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
            keep_alive: config.keep_alive_secs(),
            clean_session: config.clean_session,
            last_will: config.will.clone().map(|Will { topic, payload, qos, retain, .. }| {
                v4::LastWill { topic: topic.to_string(), message: payload, qos: mqtt_qos(qos), retain }
            }),
            login: config.wire_user_name().map(|username| v4::Login { username, password }),
            ..v4::Connect::new(config.client_id.as_str())
        };
        prop_assert_eq!(read(|out| Encoder::connect(&config, out)), v4::Packet::Connect(connect));
    }
}

#[test]
fn the_remaining_length_takes_as_many_bytes_as_the_standard_says() {
    // Table 2.4.
    let lens: [(usize, &[u8]); 8] = [
        (0, &[0]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (16_383, &[0xff, 0x7f]),
        (16_384, &[0x80, 0x80, 0x01]),
        (2_097_151, &[0xff, 0xff, 0x7f]),
        (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
        (268_435_455, &[0xff, 0xff, 0xff, 0x7f]),
    ];
    for (body_len, len) in lens {
        let (header, header_len) = header(PUBLISH, body_len, 0x0102);
        assert_eq!(header[..header_len], [&[PUBLISH], len, &[0x01, 0x02]].concat(), "{body_len}");
    }
}
