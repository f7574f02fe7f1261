//! A life against a real broker, recorded and replayed.

use thingwire_sim::field::{FieldError, Told, records, replay_command};
use thingwire_sim::trace::{Packet, What};

use crate::proxy::{Fault, Proxy};
use crate::rig::{
    PATIENCE, broker, deliver, fast, filter, offline, plain_endpoint, publish, ready_again, receive_text,
};
use crate::runtime::thingwire_core::host;
use crate::runtime::thingwire_core::trace::{Trace, TraceError};
use crate::runtime::{Client, Options, Outcome, Password, Qos, Status};

const SECRETS: [&str; 3] = ["payload-secret", "user-secret", "password-secret"];

/// Connects through a proxy, publishes and receives, is cut off, comes back, and stops.
fn life(with_payloads: bool) -> (Vec<u8>, Status) {
    let broker = broker();
    let proxy = Proxy::start(plain_endpoint(&broker));
    let options = fast(Options::plain(&proxy.endpoint(), "device").unwrap()).with(|config| {
        config.user_name = Some(SECRETS[1].to_owned());
        config.password = Some(Password::from(SECRETS[2]));
    });
    let client = Client::new(options).unwrap();
    client.record(|options| options.with_payloads = with_payloads).unwrap();
    let notices = client.notices();
    let messages = client.subscribe(filter("t/#"), Qos::AtLeastOnce).unwrap();
    client.start();
    ready_again(&notices);
    assert_eq!(messages.granted(PATIENCE), Some(Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)])));
    for number in 0..20 {
        let text = format!("{} {number}", SECRETS[0]);
        deliver(&client, publish("t/1", text.clone()));
        assert_eq!(receive_text(&messages), text);
    }
    proxy.set(Fault::Reset);
    offline(&notices);
    let waiting = client.publish(publish("t/1", SECRETS[0])).unwrap();
    proxy.set(Fault::None);
    ready_again(&notices);
    assert_eq!(waiting.wait(PATIENCE), Some(Outcome::Acked));
    let sent = client.publish(publish("t/0", SECRETS[0]).qos(Qos::AtMostOnce)).unwrap();
    assert_eq!(sent.wait(PATIENCE), Some(Outcome::Sent));
    assert_eq!([receive_text(&messages), receive_text(&messages)], [SECRETS[0]; 2]);
    assert!(client.stop(PATIENCE));
    (client.recording().unwrap(), client.status())
}

fn contains(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_life_with_a_cut_is_recorded_and_replayed_bit_for_bit() {
    for with_payloads in [false, true] {
        let (file, status) = life(with_payloads);
        assert_eq!(SECRETS.map(|secret| contains(&file, secret)), [with_payloads, false, false]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.trace");
        host::save(&path, &file).unwrap();
        let replayed = replay_command(&path, true).unwrap();
        assert_eq!((replayed.whole, replayed.cut_short, replayed.with_payloads), (true, false, with_payloads));
        assert_eq!((replayed.totals, replayed.totals.connections), (status.totals, 2));

        let Told { trace, error } = records(&Trace::parse(&file).unwrap());
        assert_eq!(error, None);
        let count = |fits: fn(&What) -> bool| trace.records.iter().filter(|record| fits(&record.what)).count();
        assert_eq!(count(|what| matches!(what, What::Sent(_, Packet::Connect { .. }))), 2);
        assert_eq!(count(|what| matches!(what, What::Received(_, Packet::Connack { .. }))), 2);
        assert_eq!(count(|what| matches!(what, What::Finished { outcome: Outcome::Acked, .. })), 21);
        assert_eq!(count(|what| matches!(what, What::Delivered(_))), 22);
        assert_eq!(
            count(|what| matches!(what, What::Sent(_, Packet::Malformed) | What::Received(_, Packet::Malformed))),
            0
        );
    }
}

#[test]
fn a_damaged_recording_says_what_and_where() {
    let (file, _) = life(false);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("device.trace");
    let replay = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        replay_command(&path, false).unwrap_err()
    };
    for at in (0..file.len()).step_by(file.len() / 50) {
        let mut changed = file.clone();
        changed[at] ^= 0x10;
        let error = replay(&changed);
        assert_eq!(error.exit_code(), 2, "{error}");
        match error {
            FieldError::Trace { why: TraceError::Damaged { from, to }, .. } => assert!((from..to).contains(&at)),
            // In the file's first bytes, or what cannot be read for it.
            FieldError::Trace { .. } => {}
            other => panic!("{other}"),
        }
        let error = replay(&file[..at]);
        assert!(error.to_string().contains(if at == 0 { "not a trace" } else { "truncated" }), "{error}");
    }
}
