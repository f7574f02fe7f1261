//! What is in no trace, whatever the server sends and the settings say.

use thingwire_core::replay::replay;
use thingwire_core::trace::{Call, RecordOptions};
use thingwire_core::{Client, Config, Instant, Password, Qos};

use crate::rig::{Rig, config, message, suback};
use crate::trace_reading::steps;

const SECRET: &str = "secret-secret-secret-secret";

fn is_in(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|window| window == text.as_bytes())
}

/// What the server sends on a link that it has accepted, as it stands in the trace.
fn recorded(bytes: &[u8]) -> Vec<u8> {
    let mut rig = Rig::online(config());
    rig.receive(bytes);
    let file = rig.client.recording().unwrap();
    let received = steps(&file).into_iter().filter_map(|step| match step.call {
        Call::Received(_, bytes) => Some(bytes),
        _ => None,
    });
    received.last().unwrap().to_vec()
}

#[test]
fn what_follows_a_packet_that_ends_the_link_is_blank() {
    let wrong_code = suback(1, &[0x55]);
    let written = recorded(&[&wrong_code[..], &message("t", SECRET, None)].concat());
    let (kept, rest) = written.split_at(wrong_code.len());
    assert_eq!(kept, wrong_code);
    assert!(rest.iter().all(|byte| *byte == 0), "{rest:02x?}");
}

#[test]
fn what_a_topic_claims_beyond_its_packet_is_blank() {
    let body = 130;
    let mut bytes = vec![0x30, 0x80 | (body & 0x7f), body >> 7, 0, 200];
    bytes.resize(300, b's');
    let written = recorded(&bytes);
    assert_eq!(written[..5], bytes[..5]);
    assert!(written[5..].iter().all(|byte| *byte == 0), "{written:02x?}");
}

#[test]
fn of_a_message_that_ends_the_link_only_the_payload_is_blank() {
    let without_an_id = message("some/topic", SECRET, Some(0));
    let written = recorded(&without_an_id);
    let payload_at = without_an_id.len() - SECRET.len();
    assert_eq!(written[..payload_at], without_an_id[..payload_at]);
    assert!(written[payload_at..].iter().all(|byte| *byte == 0), "{written:02x?}");
}

#[test]
fn json_is_kept_in_nothing_but_what_shadows_are_asked_and_tell() {
    let mut rig = Rig::online(config());
    let json = format!(r#"{{"message":"{SECRET}","code":"{SECRET}"}}"#);
    rig.publish("not/a/shadow", &json, Qos::AtMostOnce);
    rig.drain();
    rig.receive(&message("not/a/shadow", &json, None));
    assert!(!is_in(&rig.client.recording().unwrap(), SECRET));
}

#[test]
fn lives_with_any_login_replay_without_it() {
    for (user_name, password) in [(None, None), (Some(SECRET), None), (Some(SECRET), Some(SECRET))] {
        for sdk_metrics in [false, true] {
            let mut config = config();
            config.user_name = user_name.map(str::to_owned);
            config.password = password.map(Password::from);
            config.sdk_metrics = sdk_metrics;
            let mut rig = Rig::online(config);
            let file = rig.client.recording().unwrap();
            assert!(replay(&file).is_ok() && !is_in(&file, SECRET));
        }
    }
}

#[test]
fn a_recorded_client_does_not_show_the_key() {
    let options = RecordOptions::new([1_111_111_111, 2_222_222_222]);
    let mut client = Client::new(Config::new("device"), 1, Instant::EPOCH).unwrap();
    client.record(&options);
    let shown = [format!("{options:?}"), format!("{client:?}")];
    assert_eq!(shown[0], "RecordOptions { bytes_max: 1048576, with_payloads: false, .. }");
    assert!(shown[1].contains("Filler { .. }"), "{}", shown[1]);
    assert!(shown.iter().all(|shown| !shown.contains("1111111111") && !shown.contains("2222222222")));
}
