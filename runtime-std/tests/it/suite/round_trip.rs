//! Messages there and back.

use super::support::{PATIENCE, double, drive, drive_to, fast, filter, plain, publish, publish_qos0};
use crate::runtime::{Client, Driver, Notice, Options, Outcome, Qos};

#[test]
fn driver_round_trip() {
    let double = double();
    let mut driver = Driver::new(plain(&double, "driver")).unwrap();
    driver.start();
    let subscribed = driver.subscribe(vec![(filter("a/+"), Qos::AtLeastOnce)]).unwrap();
    let granted = Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)]);
    drive_to(&mut driver, &Notice::Done { ticket: subscribed, outcome: granted });

    for (message, qos) in [(publish_qos0("a/0", "zero"), Qos::AtMostOnce), (publish("a/1", "one"), Qos::AtLeastOnce)] {
        driver.publish(message.clone()).unwrap();
        let came = drive(&mut driver, |notice| match notice {
            Notice::Message(message) => Some(message.clone()),
            _ => None,
        });
        assert_eq!((came.topic, came.payload, came.qos), (message.topic, message.payload, qos));
    }
    driver.stop();
    drive_to(&mut driver, &Notice::Stopped);
    assert_eq!(double.violations(), []);
}

#[test]
fn client_round_trip_over_tls() {
    let double = double();
    let options =
        Options::mtls_from_path(&double.endpoint(), "client", double.cert_path(), double.key_path(), double.ca_path());
    round_trip(&Client::new(fast(options.unwrap())).unwrap());
    assert_eq!(double.violations(), []);
}

#[test]
fn client_round_trip_over_plain_tcp() {
    let double = double();
    round_trip(&Client::new(plain(&double, "client")).unwrap());
    assert_eq!(double.violations(), []);
}

fn round_trip(client: &Client) {
    let messages = client.subscribe(filter("room/#"), Qos::AtLeastOnce).unwrap();
    client.start();
    client.wait_ready(PATIENCE).unwrap();
    assert_eq!(messages.granted(PATIENCE), Some(Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)])));

    let acked = client.publish(publish("room/1", "acked")).unwrap();
    assert_eq!(acked.wait(PATIENCE), Some(Outcome::Acked));
    let sent = client.publish(publish_qos0("room/2", "sent")).unwrap();
    assert_eq!(sent.wait(PATIENCE), Some(Outcome::Sent));
    // Larger than any buffer on the way.
    let large = "x".repeat(120_000);
    let acked = client.publish(publish("room/3", large.clone())).unwrap();
    assert_eq!(acked.wait(PATIENCE), Some(Outcome::Acked));

    for expected in ["acked", "sent", &large] {
        let message = messages.recv(PATIENCE).expect("a message");
        assert!(message.payload == expected, "{} bytes", message.payload.len());
    }
    let ended = client.unsubscribe(vec![filter("room/#")]).unwrap();
    assert_eq!(ended.wait(PATIENCE), Some(Outcome::Unsubscribed));
    assert!(client.stop(PATIENCE));
}

#[test]
fn messages_are_acknowledged_by_hand() {
    let double = double();
    let options = plain(&double, "by-hand").with(|config| config.manual_acks = true);
    let client = Client::new(options).unwrap();
    let messages = client.subscribe(filter("a"), Qos::AtLeastOnce).unwrap();
    client.start();
    client.wait_ready(PATIENCE).unwrap();
    client.publish(publish("a", "1")).unwrap();
    let message = messages.recv(PATIENCE).expect("a message");
    client.ack(message.ack.expect("a token"));
    assert!(client.stop(PATIENCE));
    assert_eq!(double.violations(), []);
}
