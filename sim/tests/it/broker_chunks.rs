//! How a stream is cut into chunks changes nothing.

use proptest::prelude::*;
use thingwire_core::Instant;
use thingwire_sim::broker::{Broker, Output, Rules};

use crate::packets::{
    Connect, DISCONNECT, PINGREQ, again1, puback, publish0, publish1, retained, subscribe, unsubscribe, with_first_byte,
};

/// Everything the broker puts out for these chunks, polled at the end.
fn outputs(rules: Rules, chunks: &[&[u8]]) -> Vec<Output> {
    let mut broker = Broker::new(rules);
    let connection = broker.open(Instant::EPOCH);
    for chunk in chunks {
        broker.receive(Instant::EPOCH, connection, chunk);
    }
    std::iter::from_fn(|| broker.poll()).collect()
}

/// Mostly good packets of one client, with some that are not.
fn a_packet() -> impl Strategy<Value = Vec<u8>> {
    let topic = prop_oneof![Just("a"), Just("a/b"), Just("a/b/c"), Just("b")];
    let filter = prop_oneof![Just("a"), Just("a/#"), Just("+/b"), Just("#")];
    prop_oneof![
        4 => (topic.clone(), prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(topic, payload)| publish0(topic, &payload)),
        4 => (1..9u16, topic.clone()).prop_map(|(id, topic)| publish1(id, topic, b"x")),
        2 => (1..9u16, topic.clone()).prop_map(|(id, topic)| again1(id, topic, b"x")),
        2 => topic.prop_map(|topic| retained(topic, b"kept")),
        4 => (1..9u16, filter.clone()).prop_map(|(id, filter)| subscribe(id, &[(filter, 1)])),
        2 => (1..9u16, filter).prop_map(|(id, filter)| unsubscribe(id, &[filter])),
        2 => (1..5u16).prop_map(puback),
        2 => Just(PINGREQ.to_vec()),
        1 => Just(DISCONNECT.to_vec()),
        1 => any::<u8>().prop_map(|first| with_first_byte(first, publish1(3, "a", b"x"))),
        1 => prop::collection::vec(any::<u8>(), 1..8),
    ]
}

proptest! {
    #[test]
    fn chunks_do_not_matter(
        packets in prop::collection::vec(a_packet(), 0..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        pipelining in any::<bool>(),
    ) {
        let stream = [Connect::persistent("a").will("a/b", "bye").bytes(), packets.concat()].concat();
        let rules = if pipelining { Rules::standard() } else { Rules::aws() };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        let whole = outputs(rules.clone(), &[&stream]);
        prop_assert_eq!(&outputs(rules.clone(), &chunks), &whole);
        prop_assert_eq!(&outputs(rules, &bytes), &whole);
    }

    #[test]
    fn no_stream_makes_the_broker_panic_or_grow(stream in prop::collection::vec(any::<u8>(), 0..200), online in any::<bool>()) {
        let mut broker = Broker::new(Rules::aws());
        let connection = broker.open(Instant::EPOCH);
        if online {
            broker.receive(Instant::EPOCH, connection, &Connect::clean("a").bytes());
            while broker.poll().is_some() {}
        }
        broker.receive(Instant::EPOCH, connection, &stream);
        prop_assert!(std::iter::from_fn(|| broker.poll()).count() <= 2 * stream.len() + 2);
        prop_assert!(broker.violation_count() <= 2);
    }
}
