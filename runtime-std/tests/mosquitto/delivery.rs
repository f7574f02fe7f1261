//! Messages there and back.

use thingwire_sim::mosquitto::{Mosquitto, MosquittoOptions};

use crate::rig::{
    PATIENCE, broker, deliver, offline, persistent, plain, publish, ready, receive, receive_text, subscribe,
    subscribe_with, topic,
};
use crate::runtime::{Client, FrameError, Limits, LinkError, Options, Outcome, ProtocolError, Publish, Qos, Refusal};

const KIB: usize = 1024;

#[test]
fn the_lower_qos_of_publisher_and_subscriber_is_delivered() {
    let broker = broker();
    let (writer, reader) = (ready(plain(&broker, "writer")), ready(plain(&broker, "reader")));
    let loose = subscribe_with(&reader, "loose", Qos::AtMostOnce);
    let strict = subscribe(&reader, "strict");
    for (subscription, to, wanted) in [(&loose, "loose", Qos::AtMostOnce), (&strict, "strict", Qos::AtLeastOnce)] {
        let sent = writer.publish(publish(to, "0").qos(Qos::AtMostOnce)).unwrap();
        assert_eq!(sent.wait(PATIENCE), Some(Outcome::Sent));
        deliver(&writer, publish(to, "1"));
        for (payload, qos) in [("0", Qos::AtMostOnce), ("1", wanted)] {
            let message = receive(subscription);
            assert_eq!((message.topic, &message.payload[..], message.qos), (topic(to), payload.as_bytes(), qos));
            assert_eq!((message.retain, message.duplicate, message.ack), (false, false, None));
        }
    }
}

#[test]
fn any_topic_and_any_payload_come_back_as_they_were() {
    let broker = broker();
    let client = ready(plain(&broker, "client"));
    let messages = subscribe(&client, "#");
    let all_bytes: Vec<u8> = (0..=u8::MAX).collect();
    let longest = "x".repeat(256);
    for (to, payload) in [
        ("/", Vec::new()),
        ("a//b/", all_bytes),
        ("küche/温度 1/🌡", b"text".to_vec()),
        ("a/b/c/d/e/f/g/h", vec![0]),
        (&longest, vec![0xff; 127]),
    ] {
        deliver(&client, publish(to, payload.clone()));
        let message = receive(&messages);
        assert_eq!((message.topic, &message.payload[..]), (topic(to), &payload[..]));
    }
}

/// AWS does not promise the order; Mosquitto keeps it.
#[test]
fn a_thousand_messages_arrive_once_and_in_order() {
    const MESSAGES: u32 = 1_000;
    let options = MosquittoOptions { max_queued: Some(0), ..MosquittoOptions::default() };
    let broker = Mosquitto::start(options).unwrap();
    let (writer, reader) = (ready(plain(&broker, "writer")), ready(plain(&broker, "reader")));
    let messages = subscribe(&reader, "t");
    let pending: Vec<_> =
        (0..MESSAGES).map(|number| writer.publish(publish("t", number.to_be_bytes())).unwrap()).collect();
    for number in 0..MESSAGES {
        let message = receive(&messages);
        assert_eq!((&message.payload[..], message.duplicate), (&number.to_be_bytes()[..], false));
    }
    for pending in pending {
        assert_eq!(pending.wait(PATIENCE), Some(Outcome::Acked));
    }
    // Nothing follows but what is sent now.
    deliver(&writer, publish("t", "end"));
    assert_eq!(receive_text(&messages), "end");
}

#[test]
fn two_clients_talk_at_the_same_time() {
    const MESSAGES: u32 = 100;
    let broker = broker();
    let clients = [("a", "b"), ("b", "a")].map(|(id, other)| {
        let client = ready(plain(&broker, id));
        let messages = subscribe(&client, id);
        (client, messages, other)
    });
    for number in 0..MESSAGES {
        for (client, _, other) in &clients {
            client.publish(publish(other, number.to_be_bytes())).unwrap();
        }
    }
    for (_, messages, _) in &clients {
        for number in 0..MESSAGES {
            assert_eq!(&receive(messages).payload[..], &number.to_be_bytes()[..]);
        }
    }
}

#[test]
fn the_largest_payload_of_aws_passes_and_a_larger_one_is_refused_at_the_call() {
    let broker = broker();
    let client = ready(plain(&broker, "client"));
    large_payload(&client, 128 * KIB);
    let refused = client.publish(publish("large", vec![0; 128 * KIB + 1])).unwrap_err();
    assert_eq!(refused.why, Refusal::PayloadTooLong { len: 128 * KIB + 1, max: 128 * KIB });
}

#[test]
fn without_limits_a_mebibyte_passes() {
    let broker = broker();
    let client = ready(without_limits(plain(&broker, "client")));
    large_payload(&client, KIB * KIB);
}

fn large_payload(client: &Client, len: usize) {
    let messages = subscribe(client, "large");
    let payload: Vec<u8> = (0..=250).cycle().take(len).collect();
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
        client.publish(publish("large", payload.clone()).qos(qos)).unwrap();
        let message = receive(&messages);
        assert_eq!(message.qos, qos);
        assert!(message.payload == payload, "{} bytes", message.payload.len());
    }
}

/// AWS never sends such a message, as it accepts none.
#[test]
fn a_message_beyond_the_limit_costs_the_link_but_not_the_client() {
    let broker = broker();
    let writer = ready(without_limits(plain(&broker, "writer")));
    let reader = ready(plain(&broker, "reader"));
    let messages = subscribe(&reader, "t");
    let notices = reader.notices();
    deliver(&writer, publish("t", vec![0; 130 * KIB]));
    let why = offline(&notices);
    assert!(matches!(why, LinkError::Protocol(ProtocolError::Frame(FrameError::PacketTooLong { .. }))), "{why:?}");
    reader.wait_ready(PATIENCE).unwrap();
    deliver(&writer, publish("t", "small"));
    assert_eq!(receive_text(&messages), "small");
}

/// AWS closes the connection of a client that writes to a reserved topic; Mosquitto acknowledges and drops.
#[test]
fn a_publish_to_the_brokers_own_topics_harms_nobody() {
    let broker = broker();
    let client = ready(without_limits(plain(&broker, "client")));
    let messages = subscribe(&client, "$SYS/broker/mine");
    deliver(&client, publish("$SYS/broker/mine", "x"));
    let after = subscribe(&client, "after");
    deliver(&client, publish("after", "y"));
    assert_eq!(receive_text(&after), "y");
    assert_eq!(messages.try_recv(), None);
}

#[test]
fn what_was_published_before_the_start_is_sent_after_it() {
    let broker = broker();
    let reader = ready(plain(&broker, "reader"));
    let messages = subscribe(&reader, "t");
    let writer = Client::new(persistent(&broker, "writer")).unwrap();
    let early: Vec<Publish> = (0..5).map(|number: u32| publish("t", number.to_string())).collect();
    let pending: Vec<_> = early.iter().map(|publish| writer.publish(publish.clone()).unwrap()).collect();
    writer.start();
    for (number, pending) in pending.iter().enumerate() {
        assert_eq!(pending.wait(PATIENCE), Some(Outcome::Acked));
        assert_eq!(receive_text(&messages), number.to_string());
    }
}

fn without_limits(options: Options) -> Options {
    options.with(|config| config.limits = Limits::none())
}
