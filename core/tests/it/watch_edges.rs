//! Watches beside others, and what they read.

use thingwire_core::{LinkError, Notice, Outcome, Refusal, ShadowEvent, ShadowName, ShadowWatch};

use crate::requests::{SUBSCRIBE, filters, get, kind, on, reply, token};
use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, packet_id, persistent, suback, topic};
use crate::watches::{delta, deltas, in_sync};

const NOTHING: [[u8; 0]; 0] = [];

#[test]
fn a_second_watch_of_a_shadow_needs_room_only_for_what_the_first_has_not() {
    let both = || deltas().documents(true).deletions(true);
    for (watch, filters) in [(deltas().documents(true), 2), (deltas().deletions(true), 3), (both(), 4)] {
        let mut config = config();
        // And two for the answers to one request.
        config.limits.subscriptions_max = filters + 2;
        let mut rig = Rig::online(config.clone());
        rig.watch(watch.clone());
        rig.watch(watch.clone());
        config.limits.subscriptions_max = filters + 1;
        let mut rig = Rig::online(config);
        let refused = rig.client.watch_shadow(rig.now, watch).unwrap_err();
        assert_eq!(refused.why, Refusal::TooManySubscriptions { max: filters + 1 });
    }
}

#[test]
fn what_requests_have_left_subscribed_to_keeps_no_watch_out() {
    let mut config = config();
    config.limits.subscriptions_max = 3;
    let mut rig = Rig::online(config);
    rig.shadow(get().token("a"));
    rig.served();
    rig.tell("get/accepted", &reply("a"));
    rig.take_notices();
    let watch = rig.watch(deltas().get_first(false));
    rig.served();
    assert!(matches!(&rig.outcomes()[..], [(ticket, Outcome::Subscribed(_))] if *ticket == watch));
}

#[test]
fn only_the_watch_is_told_that_its_subscription_is_not_renewed() {
    let mut rig = Rig::watching(deltas(), 5);
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let renewal = rig.reach_online(&CONNACK).remove(0);
    assert_eq!((kind(&renewal), filters(&renewal)), (SUBSCRIBE, 1));
    rig.take_notices();
    rig.receive(&suback(packet_id(&renewal), &[0x80]));
    assert_eq!(rig.told(), ["Ready", "NotSubscribed"]);
}

#[test]
fn a_watch_that_costs_connections_takes_no_other_with_it() {
    let mut rig = Rig::online(persistent());
    let kept = rig.watch(ShadowWatch::deltas(ShadowName::classic("valve").unwrap()).get_first(false));
    rig.served();
    let given_up = rig.watch(deltas());
    rig.drain();
    rig.be_closed_three_times(&CONNACK_RESUMED);
    let over = |notice| match notice {
        Notice::Shadow(told) if told.event == ShadowEvent::GivenUp { times: 3 } => Some(told.watch),
        _ => None,
    };
    assert_eq!(rig.take_notices().into_iter().filter_map(over).collect::<Vec<_>>(), [given_up]);
    assert!(rig.client.unwatch_shadow(rig.now, kept), "it goes on");
}

#[test]
fn a_shadow_that_could_not_be_read_now_is_read_later() {
    let mut rig = Rig::online(config());
    rig.watch(deltas());
    rig.told_to_slow_down();
    assert_eq!(topic(&rig.wake()[0]), on("get"));
}

#[test]
fn a_watch_that_has_ended_wakes_nobody() {
    let mut rig = Rig::online(config());
    let watch = rig.watch(deltas());
    rig.told_to_slow_down();
    let (retry_at, _) = rig.client.next_deadline().expect("it is to be read later");
    assert!(rig.client.unwatch_shadow(rig.now, watch));
    let next = rig.client.next_deadline();
    assert!(next.is_none_or(|(at, _)| at > retry_at), "{next:?}");
}

#[test]
fn a_watch_that_is_told_not_to_read_never_reads() {
    let mut rig = Rig::online(config());
    rig.watch(deltas().get_first(false));
    assert_eq!(rig.served(), NOTHING);
    rig.tell("update/delta", &delta(5));
    assert_eq!(rig.tell("update/delta", &delta(4)), NOTHING);
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let renewal = rig.reach_online(&CONNACK);
    assert_eq!(rig.serve(renewal), NOTHING);
}

#[test]
fn what_is_being_read_is_read_again_for_what_came_meanwhile_and_once() {
    let mut rig = Rig::online(config());
    rig.watch(deltas());
    let sent = rig.served();
    rig.tell("update/delta", &delta(5));
    for late in [4, 3] {
        assert_eq!(rig.tell("update/delta", &delta(late)), NOTHING, "not while it is being read");
    }
    rig.take_notices();
    let again = rig.tell("get/accepted", &in_sync(5, &token(&sent[0])));
    assert_eq!(rig.told(), ["current 5"], "which may be from before the shadow was made anew");
    assert_eq!(rig.tell("get/accepted", &in_sync(5, &token(&again[0]))), NOTHING);
    assert_eq!(rig.told(), [""; 0]);
}

#[test]
fn a_shadow_that_was_made_anew_while_it_was_read_is_told() {
    let mut rig = Rig::watching(deltas(), 40);
    let sent = rig.tell("update/delta", &delta(39));
    rig.tell("update/delta", &delta(1));
    let again = rig.tell("get/accepted", &in_sync(40, &token(&sent[0])));
    rig.tell("get/accepted", &in_sync(1, &token(&again[0])));
    assert_eq!(rig.told(), ["Deleted { version: None }", "current 1"]);
}

#[test]
fn a_shadow_without_a_version_is_malformed() {
    let mut rig = Rig::online(config());
    rig.watch(deltas());
    let sent = rig.served();
    rig.take_notices();
    rig.tell("get/accepted", &format!(r#"{{"state":{{"desired":{{}}}},"clientToken":"{}"}}"#, token(&sent[0])));
    assert_eq!(rig.told(), ["malformed"]);
}

impl Rig {
    /// The first reading is answered so.
    fn told_to_slow_down(&mut self) {
        let sent = self.served();
        let slow_down = format!(r#"{{"code":429,"message":"slow down","clientToken":"{}"}}"#, token(&sent[0]));
        assert_eq!(self.tell("get/rejected", &slow_down), NOTHING, "not at once");
    }
}
