//! What a trace tells of a life, and what a replay shows of it.

use core::time::Duration;

use bytes::BytesMut;
use thingwire_core::replay::Replay;
use thingwire_core::trace::{Answer, Call, RecordOptions, Step, Trace, TraceError};
use thingwire_core::{Action, Client, Config, Event, Instant, Notice, Publish, Qos, Topic};

use crate::rig::{Rig, config, message, puback};

pub fn steps(file: &[u8]) -> Vec<Step> {
    let trace = Trace::parse(file).unwrap();
    let mut replay = Replay::new(&trace).unwrap();
    core::iter::from_fn(|| replay.next_step()).map(Result::unwrap).collect()
}

fn options(with_payloads: bool) -> RecordOptions {
    let mut options = RecordOptions::new([1, 2]);
    options.with_payloads = with_payloads;
    options
}

#[test]
fn a_trace_says_who_recorded_it_and_whether_its_payloads_are_real() {
    for with_payloads in [false, true] {
        let mut client = Client::new(Config::new("device"), 1, Instant::EPOCH).unwrap();
        client.record(&options(with_payloads));
        let file = client.recording().unwrap();
        let trace = Trace::parse(&file).unwrap();
        assert_eq!((trace.recorded_by(), trace.with_payloads()), (env!("CARGO_PKG_VERSION"), with_payloads));
    }
}

#[test]
fn a_replay_shows_the_bytes_and_actions_of_every_step() {
    let mut client = Client::new(Config::new("device"), 1, Instant::EPOCH).unwrap();
    client.record(&options(true));
    client.start(Instant::EPOCH);
    let (mut written, mut actions) = (Vec::new(), Vec::new());
    while let Some(action) = client.poll_action() {
        if let Action::Open(link) = action {
            client.handle(Instant::EPOCH, Event::LinkUp(link));
            let mut out = BytesMut::new();
            client.poll_transmit(Instant::EPOCH, &mut out, 1);
            written.push(out);
        }
        actions.push(action);
    }
    assert_eq!((written.len(), actions.len()), (1, 2));
    let file = client.recording().unwrap();
    let trace = Trace::parse(&file).unwrap();
    let mut replay = Replay::new(&trace).unwrap();
    let (mut written_again, mut actions_again) = (Vec::new(), Vec::new());
    while let Some(step) = replay.next_step() {
        step.unwrap();
        written_again.extend(Some(BytesMut::from(replay.written())).filter(|bytes| !bytes.is_empty()));
        actions_again.extend(replay.action().cloned());
    }
    assert_eq!((written_again, actions_again), (written, actions));
}

#[test]
fn a_step_tells_where_in_the_file_it_stands() {
    let mut rig = Rig::online(config());
    rig.publish("some/topic", "x", Qos::AtMostOnce);
    let file = rig.client.recording().unwrap();
    let publish = steps(&file).into_iter().find(|step| matches!(step.call, Call::Publish(_))).unwrap();
    // Behind the time since the step before, the call's number and the topic's length.
    assert_eq!(&file[publish.offset + 3..][..10], b"some/topic");
}

#[test]
fn what_nothing_follows_from_is_no_step() {
    let mut rig = Rig::online(config());
    let steps_so_far = |rig: &mut Rig| Trace::parse(&rig.client.recording().unwrap()).unwrap().steps();
    let before = steps_so_far(&mut rig);
    let half = &message("t", "x", None)[..4];
    rig.client.handle(rig.now, Event::Received(rig.link.unwrap(), &mut BytesMut::from(half)));
    rig.client.handle(rig.now, Event::Wake);
    rig.client.pause_input(false);
    assert_eq!(rig.client.poll_action(), None);
    assert_eq!(steps_so_far(&mut rig), before);
}

#[test]
fn messages_are_compared_by_their_bytes_and_shown_by_their_payloads_length() {
    let digest = |topic: &str| {
        let mut rig = Rig::online(config());
        rig.receive(&message(topic, "12345", None));
        let answers = steps(&rig.client.recording().unwrap()).into_iter().map(|step| step.answer);
        let mut digests =
            answers.filter_map(|answer| if let Answer::Message(digest) = answer { Some(digest) } else { None });
        digests.next().unwrap()
    };
    let [one, same, other] = ["a", "a", "b"].map(digest);
    assert_eq!((one.len, one), (5, same));
    assert_ne!(one.hash, other.hash);
}

#[test]
fn a_recording_may_begin_while_messages_wait_for_the_application() {
    let mut rig = Rig::online(config());
    let received = message("t", "12345", Some(7));
    rig.client.handle(rig.now, Event::Received(rig.link.unwrap(), &mut BytesMut::from(&received[..])));
    rig.client.record(&options(true));
    assert_eq!(rig.drain(), [puback(7)]);
    let file = rig.client.recording().unwrap();
    let trace = Trace::parse(&file).unwrap();
    let mut replay = Replay::new(&trace).unwrap();
    let mut replayed = Vec::new();
    while let Some(step) = replay.next_step() {
        step.unwrap();
        replayed.extend(replay.action().cloned());
    }
    let told: Vec<_> = rig.take_notices().into_iter().map(Action::Notify).collect();
    assert!(matches!(told.last(), Some(Action::Notify(Notice::Message(_)))));
    assert_eq!(replayed[..], told[told.len() - 1..]);
}

#[test]
fn a_recording_that_begins_after_the_first_refusal_begins_with_what_there_is() {
    let mut config = config();
    config.queue.count_max = Some(0);
    let mut client = Client::new(config, 1, Instant::EPOCH).unwrap();
    client.publish(Instant::EPOCH, Publish::new(Topic::new("t").unwrap(), "x")).unwrap_err();
    client.record(&options(false));
    client.start(Instant::EPOCH);
    let file = client.recording().unwrap();
    let trace = Trace::parse(&file).unwrap();
    assert!(!trace.is_whole());
    let mut replay = Replay::new(&trace).unwrap();
    while let Some(step) = replay.next_step() {
        step.unwrap();
    }
    assert_eq!(replay.client().status(), client.status());
}

#[test]
fn the_beginning_of_a_trace_is_a_trace_cut_off() {
    for len in 1..8 {
        assert_eq!(Trace::parse(&b"TWTRACE\n"[..len]).unwrap_err(), TraceError::Truncated { at: len, from: 0 });
    }
}

#[test]
fn a_damage_is_placed_within_a_few_steps() {
    let mut client = Client::new(Config::new("device"), 1, Instant::EPOCH).unwrap();
    client.record(&options(false));
    for _ in 0..500 {
        let publish = Publish::new(Topic::new("t").unwrap(), "payload");
        let ticket = client.publish(Instant::EPOCH, publish).unwrap();
        assert!(client.discard(Instant::EPOCH, ticket));
        assert!(client.poll_action().is_some());
    }
    let mut file = client.recording().unwrap();
    let payload = |file: &[u8]| steps(file)[750].offset + 6;
    let at = payload(&file);
    file[at] ^= 1;
    let error = Trace::parse(&file).unwrap_err();
    let TraceError::Damaged { from, to } = error else { panic!("{error}") };
    assert!((from..to).contains(&at) && to - from < file.len() / 10, "{from} to {to} of {}", file.len());
}

#[test]
fn a_span_of_time_has_less_than_a_second_of_nanoseconds() {
    // 999,999,999 and one more, seven bits in each byte.
    let (most, too_many) = ([0xff, 0x93, 0xeb, 0xdc, 0x03], [0x80, 0x94, 0xeb, 0xdc, 0x03]);
    let mut config = Config::new("device");
    config.connect_timeout = Duration::from_nanos(9_999_999_999);
    let mut client = Client::new(config, 1, Instant::EPOCH).unwrap();
    client.record(&options(false));
    let mut file = client.recording().unwrap();
    let at = file.windows(5).position(|window| window == most).unwrap();
    file[at..at + 5].copy_from_slice(&too_many);
    let error = Trace::parse(&file).unwrap_err();
    assert!(
        matches!(error, TraceError::Malformed { at: config_at, what: "span of time" } if config_at < at),
        "{error}"
    );
}
