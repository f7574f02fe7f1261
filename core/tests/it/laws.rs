//! Laws that hold for all values.

use core::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use thingwire_core::{
    Action, Backoff, BackoffConfig, Client, Config, Event, Instant, Jitter, Limits, Link, Notice, Publish, Qos, Rng,
    Topic,
};

const NOW: Instant = Instant::EPOCH;

/// What a client may be configured with.
fn a_backoff() -> impl Strategy<Value = BackoffConfig> {
    let jitters = prop::sample::select(vec![Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated]);
    (1..100_000_u64, 0..86_000_u64, 0..5_000_u64, jitters).prop_map(|(base_millis, more_secs, floor_millis, jitter)| {
        let mut config = BackoffConfig::default();
        config.base = Duration::from_millis(base_millis);
        config.max = (config.base + Duration::from_secs(more_secs)).min(Duration::from_secs(86_400));
        config.stable = config.base + Duration::from_secs(1);
        config.floor = Duration::from_millis(floor_millis);
        config.jitter = jitter;
        config
    })
}

/// The least and the most that may follow this many failures, the last wait being `last`.
fn bounds(config: &BackoffConfig, failures: u32, last: Duration) -> (Duration, Duration) {
    let doubled = (0..failures).fold(config.base, |wait, _| wait.saturating_mul(2).min(config.max));
    match config.jitter {
        Jitter::None => (doubled, doubled),
        Jitter::Full => (config.floor, config.floor + doubled),
        // Halves of a microsecond are cut off.
        Jitter::Equal => ((doubled / 2).saturating_sub(Duration::from_micros(1)), doubled),
        Jitter::Decorrelated => (config.base, (last * 3).clamp(config.base, config.max)),
        _ => unreachable!("every jitter has bounds"),
    }
}

/// Payloads on both sides of every length that takes one more digit to write.
fn a_payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (16_300..16_400_usize).prop_map(|len| vec![7; len]),
    ]
}

proptest! {
    #[test]
    fn every_wait_is_within_the_bounds_of_its_formula(
        config in a_backoff(),
        seed in any::<u64>(),
        ends in prop::collection::vec(prop::option::of(0..3_u64), 1..40),
    ) {
        prop_assert_eq!(config.validate(), Ok(()));
        let (mut backoff, mut rng) = (Backoff::new(), Rng::new(seed));
        let (mut failures, mut last) = (0, config.base);
        for online in ends {
            if let Some(halves) = online {
                let lasted = config.stable * u32::try_from(halves).unwrap() / 2;
                backoff.lasted(&config, lasted);
                if lasted >= config.stable {
                    (failures, last) = (0, config.base);
                }
            }
            prop_assert_eq!(backoff.attempt(), failures + 1);
            let (least, most) = bounds(&config, failures, last);
            last = backoff.wait(&config, &mut rng);
            prop_assert!((least..=most).contains(&last), "{last:?} is not in {least:?}..={most:?}");
            failures += 1;
        }
    }

    #[test]
    fn the_longest_wait_follows_what_only_a_change_can_mend(config in a_backoff(), seed in any::<u64>(), before in 0..9_u32) {
        let (mut backoff, mut rng) = (Backoff::new(), Rng::new(seed));
        let mut last = config.base;
        for _ in 0..before {
            last = backoff.wait(&config, &mut rng);
        }
        let (least, most) = bounds(&config, 40, last);
        let wait = backoff.wait_for_a_change(&config, &mut rng);
        prop_assert!((least..=most).contains(&wait), "{wait:?} is not in {least:?}..={most:?}");
        prop_assert_eq!(backoff.attempt(), before + 2);
    }

    #[test]
    fn what_one_client_publishes_another_is_told(
        topic in "[^+#\0]{1,40}",
        payload in a_payload(),
        at_least_once in any::<bool>(),
        retain in any::<bool>(),
    ) {
        let qos = if at_least_once { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        let publish = Publish::new(Topic::new(topic).unwrap(), payload).qos(qos).retain(retain);
        let (mut sender, _) = online();
        sender.publish(NOW, publish.clone()).unwrap();
        let (mut wire, _) = drained(&mut sender);
        let (mut receiver, link) = online();
        receiver.handle(NOW, Event::Received(link, &mut wire));
        let (answer, actions) = drained(&mut receiver);
        let [Action::Notify(Notice::Message(message))] = &actions[..] else { panic!("{actions:?}") };
        prop_assert_eq!(&message.topic, &publish.topic);
        prop_assert_eq!(&message.payload, &publish.payload);
        prop_assert_eq!((message.qos, message.retain, message.duplicate), (qos, retain, false));
        prop_assert_eq!(answer.is_empty(), !at_least_once, "QoS 1 is acknowledged");
    }
}

/// A client without limits that the server has accepted.
fn online() -> (Client, Link) {
    let mut config = Config::new("laws");
    config.limits = Limits::none();
    let mut client = Client::new(config, 7, NOW).unwrap();
    client.start(NOW);
    let (_, actions) = drained(&mut client);
    let link = actions.iter().find_map(|action| if let Action::Open(link) = action { Some(*link) } else { None });
    let link = link.unwrap();
    client.handle(NOW, Event::LinkUp(link));
    drained(&mut client);
    client.handle(NOW, Event::Received(link, &mut BytesMut::from(&[0x20, 2, 0, 0][..])));
    drained(&mut client);
    assert!(client.phase().is_online());
    (client, link)
}

fn drained(client: &mut Client) -> (BytesMut, Vec<Action>) {
    let (mut out, mut actions) = (BytesMut::new(), Vec::new());
    loop {
        let written = client.poll_transmit(NOW, &mut out, usize::MAX);
        let action = client.poll_action();
        if written == 0 && action.is_none() {
            return (out, actions);
        }
        actions.extend(action);
    }
}
