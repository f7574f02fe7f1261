//! The conformance cases of the client's predecessor, the AWS IoT Device SDK for Python v1, as far as they concern the
//! core: backoff, connections, publish and subscribe, the offline queue. Where v1 is to be improved on, the test shows
//! the improvement.
//!
//! 23, 25, 27 and 10 are here as far as they are about packets and notices; what they and 26, 28 and 31 say about calls,
//! threads and callbacks is in `runtime-std/tests/it/suite/parity.rs`. The type errors of 2 and 34 are the compiler's. 12 is
//! decided otherwise: the keep-alive is 60 s. So is 20: a refused protocol version is a refusal, the client speaks 3.1.1
//! alone.
//!
//! | case | shown by |
//! |---|---|
//! | 1, 3 | `reconnect::an_attempt_that_fails_at_once_is_not_repeated_at_once` |
//! | 2 | `settings_are_accepted_and_refused_as_before`, `a_drain_without_a_rate_is_refused`, `connect::settings_that_cannot_be_are_refused_by_field_value_and_rule` |
//! | 4 | `an_uptime_over_the_stable_span_begins_the_waits_anew` |
//! | 5 | `an_uptime_under_the_stable_span_does_not` |
//! | 6 | `reconnect::waits_follow_the_uptimes_as_documented` |
//! | 7 | `the_waits_begin_at_the_base_and_end_at_the_cap` |
//! | 8 | `a_refused_connection_does_not_count_as_stable` |
//! | 9 | `after_a_stop_only_a_start_changes_the_phase`, `stop::stop_works_at_once_in_every_phase_and_leaves_the_client_reusable` |
//! | 10 | `reconnect::notices_of_links_are_strictly_paired`: the error is told |
//! | 11 | `stop::stop_works_at_once_in_every_phase_and_leaves_the_client_reusable`, `stop::a_link_lost_while_saying_goodbye_is_the_end_all_the_same` |
//! | 12 | `connect::connect_says_who_we_are_and_nothing_more` |
//! | 13 | `a_whole_visit_is_told_once_each` |
//! | 14 | `three_visits_of_one_client_deliver_everything` |
//! | 15, 20 | `connect::every_refusal_is_named_and_never_counts_as_online` |
//! | 16 | `connect::a_server_that_closes_instead_of_answering_is_told_apart` |
//! | 17 | `connect::a_connack_after_the_timeout_does_not_make_the_client_online` |
//! | 18 | `stop::stop_works_at_once_in_every_phase_and_leaves_the_client_reusable` |
//! | 19 | `pings_keep_their_beat_and_their_loss_is_told_once` |
//! | 21 | `connect::the_metrics_suffix_joins_the_user_name` |
//! | 22 | `metrics_alone_set_the_user_name_flag`, `connect::connect_carries_session_will_login_and_keep_alive`, `connect::connect_says_who_we_are_and_nothing_more` |
//! | 23 | `publish::qos_1_is_done_when_the_server_says_so`, `subscribe::an_unanswered_subscription_times_out_and_a_late_answer_is_inert` |
//! | 24 | `subscribe::every_filter_gets_its_own_answer` |
//! | 25 | `publish::unknown_and_repeated_acknowledgements_have_no_effect`, `publish::qos_0_is_done_when_it_is_handed_to_the_link` |
//! | 27 | `a_message_is_told_once_however_many_filters_match_it` |
//! | 29 | `a_window_is_sent_again_and_the_rest_follows` |
//! | 30 | `resending::by_default_a_live_link_carries_a_publish_once` |
//! | 32 | `a_short_outage_is_bridged_by_one_repetition` |
//! | 33 | `offline::a_full_queue_refuses_the_newest_and_gives_it_back`, `offline::a_full_queue_can_drop_the_oldest_and_says_so` |
//! | 33, the README's example | `of_seven_messages_a_queue_of_five_keeps_the_last_or_the_first` |
//! | 34 | `a_queue_without_a_bound_holds_ten_thousand`, `offline::a_queue_switched_off_refuses_while_offline_and_passes_on_while_online` |
//! | 35 | `every_kind_of_request_waits_or_is_refused_for_what_it_is` |
//! | 36 | `subscriptions_come_back_before_what_was_queued_and_everything_goes_once`, `connect::an_accepted_connection_is_online_and_ready_at_once_when_there_is_nothing_to_do` |
//! | 37 | `draining::seven_mixed_requests_leave_one_every_half_second_in_order`, `draining::what_is_published_meanwhile_joins_the_tail_and_does_not_prolong_the_draining` |
//! | 38 | `an_outage_keeps_as_much_as_the_queue_holds` |
//! | 39 | `offline::subscriptions_made_and_ended_offline_are_settled_in_order` |
//! | 40 | `a_subscriber_hears_on_after_an_outage` |
//! | 41 | `offline::what_is_asked_before_the_first_start_is_done_after_it` |
//! | 42 | `draining::a_link_lost_while_draining_loses_nothing_and_the_next_goes_on` |
//! | 43 | `a_bad_request_is_refused_offline_too_and_stalls_nothing` |
//! | 44 | `without_a_queue_a_request_while_resubscribing_is_not_lost` |
//! | 45 | `a_stop_while_draining_keeps_the_rest` |
//! | 46 | `what_was_queued_is_acknowledged_under_its_ticket` |
//! | 47 | `requests::a_request_is_published_when_its_answers_are_subscribed_to_and_ends_with_the_answer`, `requests::calls_that_can_only_fail_are_refused`, `watches::a_watch_subscribes_reads_and_then_tells_every_delta` |
//! | 48 | `requests::the_next_request_of_a_kind_needs_no_subscription` |
//! | 49 | `requests::without_keeping_subscriptions_the_last_request_of_a_kind_ends_them` |
//! | 50 | `requests::at_the_deadline_a_request_ends_and_a_late_answer_is_counted`, `requests::what_is_not_for_a_request_does_not_end_it` |
//! | 51, 52 | `watches::deltas_come_once_and_in_order`, `watches::the_end_of_a_watch_is_the_end_of_its_news` |
//! | 53 | `requests::answers_find_their_requests_in_any_order` |
//! | 54 | `watches::an_update_of_our_own_does_not_hide_the_delta_of_the_same_version` |

use core::time::Duration;

use thingwire_core::{
    Client, Config, Drain, Event, Filter, LinkError, Notice, Outcome, Phase, Publish, Qos, Refusal, TcpError, Topic,
    WhenFull,
};

use crate::rig::{
    CONNACK, CONNACK_RESUMED, DISCONNECT, PINGREQ, PINGRESP, Rig, config, message, packet_id, payload, persistent,
    puback, suback, unlimited, unsuback,
};

const SECOND: Duration = Duration::from_secs(1);

/// v1's `configureAutoReconnectBackoffTime`; no pings between.
fn backoff(base: u32, max: u32, stable: u32) -> Config {
    let mut config = config();
    config.backoff.base = SECOND * base;
    config.backoff.max = SECOND * max;
    config.backoff.stable = SECOND * stable;
    config.keep_alive = Duration::ZERO;
    config
}

/// The wait in the last notice, in seconds.
fn wait(rig: &mut Rig) -> u64 {
    match rig.take_notices().pop() {
        Some(Notice::Failed { retry_in: Some(wait), .. } | Notice::Offline { retry_in: Some(wait), .. }) => {
            wait.as_secs()
        }
        other => panic!("{other:?}"),
    }
}

/// An accepted connection of `seconds`, then the wait after its loss.
fn wait_after(rig: &mut Rig, seconds: u64) -> u64 {
    rig.reach_online(&CONNACK);
    rig.pass(Duration::from_secs(seconds));
    rig.lose_link(LinkError::Closed);
    let wait = wait(rig);
    rig.wake();
    wait
}

fn started(config: Config) -> Rig {
    let mut rig = Rig::new(config);
    rig.client.start(rig.now);
    rig
}

/// Attempts that fail at once; the waits after them.
fn fail(rig: &mut Rig, count: usize) -> Vec<u64> {
    let mut waits = Vec::new();
    for _ in 0..count {
        rig.drain();
        rig.lose_link(LinkError::Tcp { address: None, why: TcpError::Refused });
        waits.push(wait(rig));
        rig.wake();
    }
    waits
}

fn payloads(packets: &[Vec<u8>]) -> Vec<&str> {
    packets.iter().map(|packet| payload(packet)).collect()
}

fn filter(text: &str) -> Filter {
    Filter::new(text).unwrap()
}

/// Answers every packet that wants an answer, until the client has no more to say.
fn serve(rig: &mut Rig, sent: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut waiting = sent;
    while !waiting.is_empty() {
        let packet = waiting.remove(0);
        let answer = match packet[0] {
            0x32 | 0x3a => puback(packet_id(&packet)),
            0x82 => suback(packet_id(&packet), &[1]),
            0xa2 => unsuback(packet_id(&packet)),
            _ => Vec::new(),
        };
        waiting.extend(rig.receive(&answer));
        all.push(packet);
    }
    all
}

#[test]
fn settings_are_accepted_and_refused_as_before() {
    // Case 2. v1 has nothing against a longest wait below the base.
    let refused = |base, max, stable| backoff(base, max, stable).validate().err().map(|error| error.field);
    assert_eq!(refused(2, 128, 30), None);
    assert_eq!(refused(1, 32, 20), None);
    assert_eq!(refused(200, 128, 30), Some("backoff.max"));
    assert_eq!(refused(5, 32, 5), Some("backoff.stable"));
    assert_eq!(refused(20, 32, 5), Some("backoff.stable"));
    assert_eq!(refused(0, 32, 20), Some("backoff.base"), "v1 then connects again without any wait");
}

#[test]
fn a_drain_without_a_rate_is_refused() {
    // Case 2, of `configureDrainingFrequency`.
    for interval in [Duration::ZERO, Duration::from_nanos(999), SECOND * 86_401] {
        let mut config = config();
        config.drain = Drain::Every(interval);
        let error = config.validate().unwrap_err();
        assert_eq!((error.field, error.rule), ("drain", "an interval from a microsecond to a day"));
    }
}

#[test]
fn an_uptime_over_the_stable_span_begins_the_waits_anew() {
    // Case 4.
    let mut rig = started(backoff(1, 32, 5));
    assert_eq!(fail(&mut rig, 2), [1, 2]);
    assert_eq!(wait_after(&mut rig, 6), 1);
}

#[test]
fn an_uptime_under_the_stable_span_does_not() {
    // Case 5.
    let mut rig = started(backoff(1, 32, 5));
    assert_eq!(fail(&mut rig, 1), [1]);
    assert_eq!(wait_after(&mut rig, 4), 2);
    assert_eq!(wait_after(&mut rig, 0), 4);
}

#[test]
fn the_waits_begin_at_the_base_and_end_at_the_cap() {
    // Case 7 ★: v1 waits 1, 2, 4, 5.
    let mut rig = started(backoff(3, 5, 6));
    assert_eq!([0, 1, 2, 5].map(|uptime| wait_after(&mut rig, uptime)), [3, 5, 5, 5]);
    assert_eq!(wait_after(&mut rig, 7), 3);
}

#[test]
fn a_refused_connection_does_not_count_as_stable() {
    // Case 8 ★: v1 counts from any CONNACK, so that a long wait looked like a long uptime.
    let mut rig = started(backoff(1, 32, 3));
    let waits = [(); 6].map(|()| {
        rig.reach_online(&[0x20, 2, 0, 3]);
        let wait = wait(&mut rig);
        rig.wake();
        wait
    });
    assert_eq!(waits, [1, 2, 4, 8, 16, 32]);
}

#[test]
fn after_a_stop_only_a_start_changes_the_phase() {
    // Case 9.
    let mut rig = Rig::new(config());
    assert_eq!(rig.client.phase(), Phase::Idle);
    rig.client.start(rig.now);
    rig.reach_online(&CONNACK);
    let link = rig.link.unwrap();
    rig.client.stop(rig.now);
    rig.drain();
    rig.take_notices();
    rig.receive(&CONNACK);
    rig.client.handle(rig.now, Event::LinkUp(link));
    rig.client.handle(rig.now, Event::LinkDown(link, LinkError::Closed));
    rig.pass(SECOND * 3_600);
    rig.client.handle(rig.now, Event::Wake);
    assert!(rig.drain().is_empty());
    assert_eq!((rig.client.phase(), rig.take_notices()), (Phase::Idle, Vec::new()));
    rig.client.start(rig.now);
    rig.reach_online(&CONNACK);
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn a_whole_visit_is_told_once_each() {
    // Case 13.
    let mut rig = started(config());
    rig.reach_online(&CONNACK);
    let subscribe = rig.subscribe("t", Qos::AtLeastOnce);
    let sent = rig.drain();
    serve(&mut rig, sent);
    let publishes = ["0", "1", "2"].map(|text| rig.publish("t", text, Qos::AtLeastOnce));
    let sent = rig.drain();
    serve(&mut rig, sent);
    for (id, text) in (1..).zip(["0", "1", "2"]) {
        assert_eq!(rig.receive(&message("t", text, Some(id))), [puback(id)]);
    }
    let unsubscribe = rig.client.unsubscribe(rig.now, vec![filter("t")]).unwrap();
    let sent = rig.drain();
    serve(&mut rig, sent);
    rig.client.stop(rig.now);
    assert_eq!(rig.drain(), [DISCONNECT]);
    let notices = rig.take_notices();
    let outcomes: Vec<_> = notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Done { ticket, outcome } => Some((*ticket, outcome.clone())),
            _ => None,
        })
        .collect();
    let mut expected = vec![(subscribe, Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)]))];
    expected.extend(publishes.map(|ticket| (ticket, Outcome::Acked)));
    expected.push((unsubscribe, Outcome::Unsubscribed));
    assert_eq!(outcomes, expected);
    let count = |is: fn(&Notice) -> bool| notices.iter().filter(|notice| is(notice)).count();
    assert_eq!(count(|notice| matches!(notice, Notice::Message(_))), 3);
    assert_eq!(count(|notice| matches!(notice, Notice::Online { .. })), 1);
    assert_eq!(count(|notice| matches!(notice, Notice::Offline { .. })), 1);
    assert_eq!(count(|notice| matches!(notice, Notice::Stopped)), 1);
    assert_eq!(notices.len(), outcomes.len() + 3 + 5, "and attempting and ready: {notices:?}");
}

#[test]
fn three_visits_of_one_client_deliver_everything() {
    // Case 14.
    let mut rig = Rig::new(config());
    let mut arrived = Vec::new();
    for visit in 0..3 {
        rig.client.start(rig.now);
        rig.reach_online(&CONNACK);
        for n in 0..3 {
            rig.publish("t", &format!("{visit}/{n}"), Qos::AtLeastOnce);
        }
        let sent = rig.drain();
        arrived.extend(serve(&mut rig, sent));
        rig.client.stop(rig.now);
        assert_eq!(rig.drain(), [DISCONNECT]);
        rig.now = rig.now + SECOND;
    }
    assert_eq!(payloads(&arrived), ["0/0", "0/1", "0/2", "1/0", "1/1", "1/2", "2/0", "2/1", "2/2"]);
    assert!(rig.outcomes().iter().all(|(_, outcome)| *outcome == Outcome::Acked));
}

#[test]
fn pings_keep_their_beat_and_their_loss_is_told_once() {
    // Case 19 ★: v1 says offline twice. Half a keep-alive without an answer is enough.
    let mut config = config();
    config.keep_alive = SECOND * 2;
    let mut rig = Rig::online(config);
    for _ in 0..3 {
        assert_eq!(rig.wake_after(SECOND * 2), [PINGREQ]);
        rig.receive(&PINGRESP);
    }
    assert_eq!(rig.wake_after(SECOND * 2), [PINGREQ]);
    rig.wake_after(SECOND);
    rig.lose_link(LinkError::Closed);
    assert_eq!(rig.closed, 1);
    assert!(matches!(rig.take_notices()[..], [Notice::Offline { why: Some(LinkError::KeepAlive), .. }]));
}

#[test]
fn metrics_alone_set_the_user_name_flag() {
    // Case 22: 0x82. The other two configurations are in `connect`.
    let mut config = config();
    config.sdk_metrics = true;
    let mut rig = started(config);
    rig.drain();
    rig.client.handle(rig.now, Event::LinkUp(rig.link.unwrap()));
    assert_eq!(rig.drain()[0][9], 0x82);
}

#[test]
fn a_message_is_told_once_however_many_filters_match_it() {
    // Case 27: the core tells each message once and matches; who hands it to several listeners stands above.
    let mut rig = Rig::online(config());
    let filters = ["a/b", "a/+", "#"];
    for text in filters {
        rig.subscribed(text);
    }
    rig.take_notices();
    rig.receive(&message("a/b", "x", None));
    let notices = rig.take_notices();
    let [Notice::Message(told)] = &notices[..] else { panic!("{notices:?}") };
    assert!(filters.iter().all(|text| filter(text).matches(told.topic.as_str())));
    assert!(!filter("#").matches("$aws/x"));
}

#[test]
fn a_window_is_sent_again_and_the_rest_follows() {
    // Case 29, with v1's window.
    for (connack, first_byte) in [(CONNACK_RESUMED, 0x3a), (CONNACK, 0x32)] {
        let mut config = persistent();
        config.in_flight_max = 20;
        config.queue.count_max = None;
        let mut rig = Rig::online(config);
        let tickets: Vec<_> = (0..25).map(|n| rig.publish("t", &n.to_string(), Qos::AtLeastOnce)).collect();
        assert_eq!(rig.drain().len(), 20);
        rig.lose_link(LinkError::Closed);
        rig.wake();
        rig.take_notices();
        let again = rig.reach_online(&connack);
        assert_eq!(again.len(), 20);
        let all = serve(&mut rig, again);
        let flags: Vec<_> = all.iter().map(|packet| packet[0]).collect();
        assert_eq!(flags, [[first_byte; 20].to_vec(), vec![0x32; 5]].concat());
        assert_eq!(payloads(&all), (0..25).map(|n| n.to_string()).collect::<Vec<_>>());
        let acked: Vec<_> = tickets.into_iter().map(|ticket| (ticket, Outcome::Acked)).collect();
        assert_eq!(rig.outcomes(), acked);
    }
}

#[test]
fn a_short_outage_is_bridged_by_one_repetition() {
    // Case 32.
    let mut rig = Rig::online(persistent());
    let ticket = rig.publish("t", "x", Qos::AtLeastOnce);
    let accepted = rig.now;
    rig.drain();
    rig.pass(SECOND / 2);
    rig.lose_link(LinkError::Closed);
    rig.wake_after(SECOND);
    rig.take_notices();
    let again = rig.reach_online(&CONNACK_RESUMED);
    assert_eq!(again.iter().map(|packet| packet[0]).collect::<Vec<_>>(), [0x3a]);
    assert_eq!(serve(&mut rig, again).len(), 1);
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Acked)]);
    assert_eq!(rig.now.since(accepted), SECOND * 3 / 2);
}

#[test]
fn of_seven_messages_a_queue_of_five_keeps_the_last_or_the_first() {
    // Case 33, as v1's README shows it.
    for (when_full, kept) in [(WhenFull::DropOldest, 3..=7), (WhenFull::DropNewest, 1..=5)] {
        let mut config = config();
        config.queue.count_max = Some(5);
        config.queue.when_full = when_full;
        let mut rig = Rig::online(config);
        rig.lose_link(LinkError::Closed);
        for n in 1..=7 {
            let publish = Publish::new(Topic::new("t").unwrap(), format!("pub_req{n}")).qos(Qos::AtMostOnce);
            let refused = rig.client.publish(rig.now, publish).is_err();
            assert_eq!(refused, when_full == WhenFull::DropNewest && n > 5, "{n}");
        }
        rig.wake();
        let expected: Vec<_> = kept.map(|n| format!("pub_req{n}")).collect();
        assert_eq!(payloads(&rig.reach_online(&CONNACK)), expected);
    }
}

#[test]
fn a_queue_without_a_bound_holds_ten_thousand() {
    // Case 34.
    let mut rig = Rig::new(unlimited());
    let texts: Vec<_> = (0..10_000).map(|n| n.to_string()).collect();
    for text in &texts {
        rig.publish("t", text, Qos::AtMostOnce);
    }
    assert_eq!(rig.client.queued(), 10_000);
    rig.client.start(rig.now);
    assert_eq!(payloads(&rig.reach_online(&CONNACK)), texts);
}

#[test]
fn every_kind_of_request_waits_or_is_refused_for_what_it_is() {
    // Case 35.
    let ask = |client: &mut Client, now| {
        let publish = Publish::new(Topic::new("t").unwrap(), "x");
        let published = client.publish(now, publish.clone()).map_err(|refused| {
            assert_eq!(refused.value, publish);
            refused.why
        });
        let subscribed = client.subscribe(now, vec![(filter("f"), Qos::AtLeastOnce)]).map_err(|refused| {
            assert_eq!(refused.value, [(filter("f"), Qos::AtLeastOnce)]);
            refused.why
        });
        let unsubscribed = client.unsubscribe(now, vec![filter("f")]).map_err(|refused| {
            assert_eq!(refused.value, [filter("f")]);
            refused.why
        });
        [published, subscribed, unsubscribed].map(Result::err)
    };
    let queue_of = |count_max| {
        let mut config = config();
        config.queue.count_max = Some(count_max);
        let mut rig = Rig::online(config);
        rig.lose_link(LinkError::Closed);
        assert_eq!(rig.client.phase(), Phase::BackingOff);
        rig
    };
    let mut rig = queue_of(3);
    assert_eq!(ask(&mut rig.client, rig.now), [None, None, None], "they wait");
    assert_eq!(rig.client.queued(), 3);
    let full = Some(Refusal::QueueFull { count_max: 3 });
    assert_eq!(ask(&mut rig.client, rig.now), [full.clone(), full.clone(), full]);
    let mut rig = queue_of(0);
    assert_eq!(ask(&mut rig.client, rig.now), [Some(Refusal::Offline), Some(Refusal::Offline), Some(Refusal::Offline)]);
}

#[test]
fn subscriptions_come_back_before_what_was_queued_and_everything_goes_once() {
    // Case 36.
    let mut rig = Rig::online(config());
    for text in ["r/0", "r/1", "r/2"] {
        rig.subscribed(text);
    }
    rig.lose_link(LinkError::Closed);
    rig.publish("t", "x", Qos::AtLeastOnce);
    rig.subscribe("f", Qos::AtLeastOnce);
    rig.client.unsubscribe(rig.now, vec![filter("g")]).unwrap();
    rig.wake();
    rig.take_notices();
    let restore = rig.reach_online(&CONNACK);
    assert_eq!(restore.len(), 1);
    // One SUBSCRIBE for all three, in their order.
    assert_eq!(restore[0][4..], *b"\0\x03r/0\x01\0\x03r/1\x01\0\x03r/2\x01");
    let queued = rig.receive(&suback(packet_id(&restore[0]), &[1; 3]));
    let kinds: Vec<_> = serve(&mut rig, queued).iter().map(|packet| packet[0]).collect();
    assert_eq!(kinds, [0x32, 0x82, 0xa2]);
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn an_outage_keeps_as_much_as_the_queue_holds() {
    // Case 38.
    for (when_full, kept) in [(WhenFull::DropNewest, 3..13), (WhenFull::DropOldest, 8..18)] {
        let mut config = config();
        config.queue.count_max = Some(10);
        config.queue.when_full = when_full;
        let mut rig = Rig::online(config);
        let mut arrived = Vec::new();
        for n in 0..21 {
            match n {
                3 => drop(rig.lose_link(LinkError::Closed)),
                18 => {
                    rig.wake();
                    arrived.extend(rig.reach_online(&CONNACK));
                }
                _ => {}
            }
            let publish = Publish::new(Topic::new("t").unwrap(), n.to_string()).qos(Qos::AtMostOnce);
            let refused = rig.client.publish(rig.now, publish).is_err();
            assert_eq!(refused, when_full == WhenFull::DropNewest && (13..18).contains(&n));
            arrived.extend(rig.drain());
        }
        let expected: Vec<_> = (0..3).chain(kept).chain(18..21).map(|n| n.to_string()).collect();
        assert_eq!(payloads(&arrived), expected);
    }
}

#[test]
fn a_subscriber_hears_on_after_an_outage() {
    // Case 40.
    let mut rig = Rig::online(config());
    rig.subscribed("t");
    let burst = |rig: &mut Rig| {
        for id in 1..=10 {
            assert_eq!(rig.receive(&message("t", "x", Some(id))), [puback(id)]);
        }
    };
    burst(&mut rig);
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.drain();
    rig.now = rig.now + SECOND * 3;
    let restore = rig.reach_online(&CONNACK);
    assert_eq!(serve(&mut rig, restore).len(), 1, "SUBSCRIBE");
    burst(&mut rig);
    let messages = rig.take_notices().into_iter().filter(|notice| matches!(notice, Notice::Message(_)));
    assert_eq!(messages.count(), 20);
}

#[test]
fn a_bad_request_is_refused_offline_too_and_stalls_nothing() {
    // Case 43 ★: v1 finds out when it drains, and stops draining.
    let mut rig = Rig::new(config());
    rig.publish("t", "before", Qos::AtMostOnce);
    let long = Publish::new(Topic::new("t").unwrap(), vec![0; 131_073]);
    assert!(matches!(rig.client.publish(rig.now, long).unwrap_err().why, Refusal::PayloadTooLong { .. }));
    let deep = vec![(filter("1/2/3/4/5/6/7/8/9"), Qos::AtMostOnce)];
    assert!(matches!(rig.client.subscribe(rig.now, deep).unwrap_err().why, Refusal::TopicTooDeep { .. }));
    assert_eq!(rig.client.unsubscribe(rig.now, Vec::new()).unwrap_err().why, Refusal::NoFilter);
    rig.publish("t", "after", Qos::AtMostOnce);
    rig.client.start(rig.now);
    assert_eq!(payloads(&rig.reach_online(&CONNACK)), ["before", "after"]);
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn without_a_queue_a_request_while_resubscribing_is_not_lost() {
    // Case 44 ★.
    let mut config = config();
    config.queue.count_max = Some(0);
    let mut rig = Rig::online(config);
    rig.subscribed("f");
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.take_notices();
    let restore = rig.reach_online(&CONNACK);
    assert_eq!(rig.client.phase(), Phase::Resubscribing);
    let ticket = rig.publish("t", "x", Qos::AtLeastOnce);
    assert!(rig.drain().is_empty(), "it waits for the subscription");
    let all = serve(&mut rig, restore);
    assert_eq!(all.iter().map(|packet| packet[0]).collect::<Vec<_>>(), [0x82, 0x32]);
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Acked)]);
}

#[test]
fn a_stop_while_draining_keeps_the_rest() {
    // Case 45.
    let mut config = config();
    config.drain = Drain::Every(SECOND / 2);
    let mut rig = Rig::new(config);
    for n in 0..6 {
        rig.publish("t", &n.to_string(), Qos::AtMostOnce);
    }
    rig.client.start(rig.now);
    let mut sent = rig.reach_online(&CONNACK);
    sent.extend(rig.wake_after(SECOND / 2));
    assert_eq!(rig.client.phase(), Phase::Draining);
    rig.client.stop(rig.now);
    assert_eq!(rig.drain(), [DISCONNECT]);
    assert_eq!((rig.client.phase(), rig.client.queued()), (Phase::Idle, 4));
    rig.pass(SECOND * 60);
    rig.client.start(rig.now);
    sent.extend(rig.reach_online(&CONNACK));
    while rig.client.phase() == Phase::Draining {
        sent.extend(rig.wake_after(SECOND / 2));
    }
    assert_eq!(payloads(&sent), ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn what_was_queued_is_acknowledged_under_its_ticket() {
    // Case 46 ★: v1 never calls back.
    let mut rig = Rig::new(config());
    let tickets = ["a", "b"].map(|text| rig.publish("t", text, Qos::AtLeastOnce));
    rig.client.start(rig.now);
    let sent = rig.reach_online(&CONNACK);
    serve(&mut rig, sent);
    assert_eq!(rig.outcomes(), tickets.map(|ticket| (ticket, Outcome::Acked)));
}
