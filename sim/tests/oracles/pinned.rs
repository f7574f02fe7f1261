//! Small runs in which nothing is wrong with the client: once, each of them was blamed on it.

use thingwire_sim::run::{Run, run};
use thingwire_sim::scenario;
use thingwire_sim::trace::{Packet, What};

fn lives(text: &str) -> Run {
    let text = format!("name = \"pinned\"\n{text}");
    let scenario = scenario::read("pinned", &text, None).unwrap();
    let run = run(&scenario.plan, true).unwrap();
    assert_eq!(run.findings, []);
    run
}

fn count(run: &Run, wanted: impl Fn(&What) -> bool) -> usize {
    run.trace.as_ref().unwrap().records.iter().filter(|record| wanted(&record.what)).count()
}

#[test]
fn a_request_that_comes_again_before_its_answer_is_a_repetition() {
    let run = lives(
        r#"
        duration = "5s"
        heal = "10s"
        client = { resend-after = "1397ms" }
        op = [{ at = "0s", do = { subscribe = { filters = ["a"], qos = 1 } } }]
        fault = [{ name = "T10 stall", when = { sent = "subscribe" }, for = "10s", do = { hold = "both" } }]
        "#,
    );
    assert!(count(&run, |what| matches!(what, What::Sent(_, Packet::Subscribe(1, _)))) > 2);
}

#[test]
fn a_device_that_sleeps_hears_of_the_end_of_its_link_when_it_wakes() {
    let run = lives(
        r#"
        duration = "3m"
        heal = "2m"
        fault = [
            { name = "C3 suspend-running", at = "10s", for = "1m", do = { clock = "suspend-running" } },
            { name = "T1 reset", at = "20s", do = { cut = { how = "reset" } } },
        ]
        "#,
    );
    let records = &run.trace.as_ref().unwrap().records;
    let down = records.iter().find(|record| matches!(record.what, What::Down(1, _))).unwrap();
    assert_eq!(down.at.as_micros(), 70_000_000);
}

#[test]
fn what_waits_for_the_next_link_does_not_come_after_healing() {
    let run = lives(
        r#"
        duration = "30s"
        heal = "2m"
        fault = [
            { name = "N2 syn-blackhole", at = "0s", for = "1m", do = { connect = "silence" } },
            { name = "P2 tls-alert", at = "5s", do = { inject = "tls-alert" } },
        ]
        "#,
    );
    assert_eq!(count(&run, |what| matches!(what, What::Received(_, Packet::Malformed))), 0);
}

#[test]
fn what_was_given_up_keeps_its_packet_id_as_long_as_the_link_lasts() {
    let run = lives(
        r#"
        duration = "1m"
        heal = "5m"
        workload = [{ kind = "churn", filter = "churn/{id}/{n}", every = "10s" }]
        fault = [{ name = "B12 suback-lost", at = "0s", for = "1m",
                   do = { meddle = { packet = "unsuback", how = "drop", count = 1, every = 1 } } }]
        "#,
    );
    assert_eq!(run.marks["timed out"], 1);
}

#[test]
fn nothing_can_be_sent_into_a_socket_without_room() {
    let run = lives(
        r#"
        duration = "2m"
        heal = "10m"
        client = { resend-after = "1549ms" }
        workload = [{ kind = "publish", topic = "a", count = 64, every = "1s", qos = 1, size = 64 }]
        fault = [{ name = "T13 drip", at = "1s", for = "100s", do = { shape = {
            bytes-per-second = 1, fragmented = false, jitter = "0s", latency = "20ms", segment-len-max = 1,
            send-buffer = 65536 } } }]
        "#,
    );
    assert!(count(&run, |what| *what == What::Blocked(true)) > 0);
}

#[test]
fn a_slow_network_holds_nothing_up_once_it_is_fast_again() {
    let run = lives(
        r#"
        duration = "2m"
        heal = "5m"
        client = { resend-after = "14864ms" }
        workload = [{ kind = "publish", topic = "a", count = 64, every = "1s", qos = 1, size = 64 }]
        fault = [{ name = "T13 drip", at = "0s", for = "1m", do = { shape = {
            bytes-per-second = 5, fragmented = false, jitter = "0s", latency = "20ms", segment-len-max = 1,
            send-buffer = 65536 } } }]
        "#,
    );
    assert_eq!(run.counts.acked, 64);
}

#[test]
fn an_acknowledgement_for_an_earlier_link_is_none_for_what_the_server_sends_again() {
    lives(
        r#"
        seed = 82
        duration = "1m"
        heal = "3m"
        client = { clean-session = false, manual-acks = true }
        workload = [{ kind = "inbound", topic = "cmd/{id}/{n}", burst = 10, count = 20, every = "1s", qos = 1,
                      random = true, size = 35 },
                    { kind = "publish", topic = "a", every = "500ms", qos = 1, size = 64 }]
        fault = [
            { name = "A11 message-twice", at = "0s", for = "10s",
              do = { meddle = { packet = "publish", how = { duplicate = 1 }, count = 1, every = 1 } } },
            { name = "B14 kicked", at = "2s", do = { broker = "kick" } },
            { name = "B14 kicked", at = "10s", do = { broker = "kick" } },
        ]
        "#,
    );
}

#[test]
fn a_full_window_of_messages_hides_an_answer() {
    lives(
        r#"
        seed = 1534
        duration = "1m"
        heal = "3m"
        client = { keep-alive = "2s", unacked-max = 1 }
        workload = [{ kind = "inbound", topic = "cmd/{id}/{n}", every = "1500ms", qos = 1, size = 64 }]
        fault = [{ name = "A13 pingresp", at = "1s", for = "1m",
                   do = { meddle = { packet = "pingresp", how = { delay = "1700ms" }, count = 9, every = 1 } } }]
        "#,
    );
}
