//! SUBSCRIBE, filters and their limits.

use thingwire_sim::broker::{OverSubscriptions, TopicLimits, ViolationKind, topics};

use crate::packets::{Connect, PINGREQ, publish0, suback, subscribe, unsubscribe};
use crate::world::World;

#[test]
fn filters_match_as_the_standard_says() {
    let cases = [
        ("a/b", "a/b", true),
        ("a/b", "a/B", false),
        ("a/b", "a", false),
        ("a", "a/b", false),
        ("a/+", "a/b", true),
        ("a/+", "a/", true),
        ("a/+", "a", false),
        ("a/+", "a/b/c", false),
        ("+/+", "/a", true),
        ("/+", "/a", true),
        ("+", "/a", false),
        ("+/b/+", "a/b/c", true),
        ("#", "a/b/c", true),
        ("#", "/", true),
        ("a/#", "a/b/c", true),
        ("a/#", "a/", true),
        ("a/#", "a", true),
        ("a/#", "ab", false),
        ("a/+/#", "a/b", true),
        ("a/+/#", "a", false),
        ("#", "$SYS/x", false),
        ("+/x", "$SYS/x", false),
        ("$SYS/#", "$SYS/x", true),
        ("$SYS/+", "$SYS/x", true),
        ("é/+", "é/ü", true),
        ("#", "é/x", true),
    ];
    for (filter, topic, expected) in cases {
        assert_eq!(topics::matches(filter, topic, true), expected, "{filter} {topic}");
    }
}

#[test]
fn in_the_service_a_hash_does_not_match_the_level_above() {
    for (topic, expected) in [("a", false), ("a/", true), ("a/b", true)] {
        assert_eq!(topics::matches("a/#", topic, false), expected, "{topic}");
    }
    assert!(topics::matches("#", "a", false));
}

#[test]
fn misplaced_wildcards_are_not_filters() {
    for filter in ["", "a+", "+a", "a/b+/c", "##", "#/a", "a/#/b", "a#", "+#"] {
        assert!(!topics::is_filter(filter), "{filter}");
    }
    for filter in ["a", "/", "+", "#", "+/+", "a/+/b/#", "//"] {
        assert!(topics::is_filter(filter), "{filter}");
    }
}

#[test]
fn limits_do_not_count_the_prefixes_of_rules_and_shares() {
    let limits = TopicLimits { bytes: 10, slashes: 1 };
    for (topic, within) in [
        ("0123456789", true),
        ("01234567890", false),
        ("a/b", true),
        ("a/b/c", false),
        ("$aws/rules/some_rule_name/a/b", true),
        ("$aws/rules/r/a/b/c", false),
        ("$share/some_group_name/a/b", true),
        ("$aws/things/t", false),
    ] {
        assert_eq!(topics::is_within(topic, limits), within, "{topic}");
    }
}

#[test]
fn every_filter_gets_its_own_code_in_order() {
    let mut world = World::with(|rules| rules.deny_subscribe = vec!["secret/".to_owned()]);
    let client = world.online(&Connect::clean("a"));
    let long = "x".repeat(257);
    let filters =
        [("a", 0), ("b", 1), ("a+", 1), ("secret/x", 1), (&long, 0), ("1/2/3/4/5/6/7/8/9", 0), ("$share/g/t", 1)];
    world.send(client, &subscribe(3, &filters));
    assert_eq!(world.sent_to(client), [suback(3, &[0, 1, 0x80, 0x80, 0x80, 0x80, 0x80])]);
    assert!(world.violations().is_empty());
}

#[test]
fn subscribing_again_replaces_the_subscription() {
    let mut world = World::aws();
    let client = world.subscriber(&Connect::clean("a"), "t", 1);
    world.send(client, &subscribe(2, &[("t", 0)]));
    assert_eq!(world.sent_to(client), [suback(2, &[0])]);
    world.send(client, &publish0("t", b"x"));
    assert_eq!(world.sent_to(client), [publish0("t", b"x")]);
}

#[test]
fn nine_filters_in_one_subscribe_are_too_many_for_the_service() {
    let filters = [("a", 0), ("b", 0), ("c", 0), ("d", 0), ("e", 0), ("f", 0), ("g", 0), ("h", 0), ("i", 0)];
    let mut world = World::aws();
    let client = world.online(&Connect::clean("a"));
    world.send(client, &subscribe(1, &filters[..8]));
    assert_eq!(world.sent_to(client), [suback(1, &[0; 8])]);
    world.send(client, &subscribe(2, &filters));
    world.assert_violated(client, ViolationKind::TooManyFilters);
}

#[test]
fn the_51st_subscription_fails_by_one_of_three_rules() {
    for (rule, code, delivered) in [
        (OverSubscriptions::Refused, Some(0x80), false),
        (OverSubscriptions::Pretended, Some(0), false),
        (OverSubscriptions::Closed, None, false),
    ] {
        let mut world = World::with(|rules| rules.over_subscriptions = rule);
        let client = world.online(&Connect::clean("a"));
        for id in 1..=50 {
            world.send(client, &subscribe(id, &[(&format!("t/{id}"), 0)]));
            assert_eq!(world.sent_to(client), [suback(id, &[0])]);
        }
        world.send(client, &subscribe(50, &[("t/50", 0)]));
        assert_eq!(world.sent_to(client), [suback(50, &[0])], "one that is there already counts once");
        world.send(client, &subscribe(51, &[("t/51", 0)]));
        let answers: Vec<_> = code.map(|code| suback(51, &[code])).into_iter().collect();
        assert_eq!(world.sent_to(client), answers);
        if code.is_none() {
            world.assert_violated(client, ViolationKind::TooManySubscriptions);
            continue;
        }
        world.send(client, &publish0("t/51", b"x"));
        assert_eq!(!world.sent_to(client).is_empty(), delivered);
        world.send(client, &[unsubscribe(52, &["t/1"]), subscribe(53, &[("t/51", 0)])].concat());
        assert_eq!(world.sent_to(client).last(), Some(&suback(53, &[0])));
    }
}

#[test]
fn qos_2_gets_no_suback_from_the_service_and_qos_1_from_the_standard() {
    for (mut world, answers) in [(World::aws(), vec![]), (World::standard(), vec![suback(1, &[1])])] {
        let client = world.online(&Connect::clean("a"));
        world.send(client, &subscribe(1, &[("t", 2)]));
        assert_eq!(world.sent_to(client), answers);
        world.send(client, PINGREQ);
        assert_eq!(world.sent_to(client), [[0xd0, 0]]);
    }
}
