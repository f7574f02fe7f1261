//! The same bytes, cut in every way.

use proptest::prelude::*;
use thingwire_sim::oracle::same_in_all_chunks;
use thingwire_sim::trace::Packet;

use crate::rig::{config, encode, inbound};

/// CONNACK, and what follows it.
fn stream(packets: &[Packet]) -> Vec<u8> {
    let connack = Packet::Connack { present: false, code: 0 };
    [connack].iter().chain(packets).flat_map(|packet| encode(packet).to_vec()).collect()
}

fn any_packet() -> impl Strategy<Value = Packet> {
    prop_oneof![
        4 => (0..9_u16, any::<u64>()).prop_map(|(id, tag)| inbound(id, tag)),
        1 => (1..9_u16).prop_map(Packet::Puback),
        1 => (1..9_u16).prop_map(|id| Packet::Suback(id, [1].into())),
        1 => Just(Packet::Pingresp),
        1 => Just(Packet::Malformed),
    ]
}

proptest! {
    #[test]
    fn packets_mean_the_same_however_they_are_cut(
        packets in prop::collection::vec(any_packet(), 0..20),
        lens in prop::collection::vec(1_usize..30, 1..8),
    ) {
        prop_assert_eq!(same_in_all_chunks(&config(), &stream(&packets), &lens), Ok(()));
    }

    #[test]
    fn any_bytes_mean_the_same_however_they_are_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        accepted in any::<bool>(),
        lens in prop::collection::vec(1_usize..5, 1..8),
    ) {
        let bytes = if accepted { [stream(&[]), bytes].concat() } else { bytes };
        prop_assert_eq!(same_in_all_chunks(&config(), &bytes, &lens), Ok(()));
    }
}

#[test]
fn every_single_cut_means_the_same() {
    let mut bytes = stream(&[inbound(1, 1), inbound(0, 2), Packet::Puback(3), Packet::Pingresp, inbound(2, 3)]);
    for _ in 0..2 {
        for len in 1..bytes.len() {
            assert_eq!(same_in_all_chunks(&config(), &bytes, &[len, bytes.len()]), Ok(()));
        }
        // And once more with something forbidden in the middle.
        bytes[20] = 0xff;
    }
}
