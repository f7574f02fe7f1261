//! The committed corpora, and a little exploration, on plain `cargo test`.

use std::path::Path;

use proptest::prelude::*;

#[test]
fn every_file_of_the_frame_corpus_keeps_the_laws() {
    assert!(replay("frame", thingwire_fuzz::frame) >= 30, "the corpus is there");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes that begin like packets get further than noise.
    #[test]
    fn streams_of_plausible_packets_keep_the_laws(
        split in any::<u8>(),
        packets in prop::collection::vec((prop::sample::select(FIRST_BYTES), prop::collection::vec(any::<u8>(), 0..12)), 0..6),
        tail in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut data = vec![split];
        for (first, body) in packets {
            data.push(first);
            data.push(u8::try_from(body.len()).unwrap_or(0));
            data.extend(body);
        }
        data.extend(tail);
        thingwire_fuzz::frame(&data);
    }
}

const FIRST_BYTES: &[u8] = &[0x20, 0x30, 0x32, 0x3a, 0x40, 0x90, 0xb0, 0xd0, 0x50, 0x48];

fn replay(target: &str, body: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file?.path());
    files.map(|file| body(&read(file).expect("a readable file"))).count()
}
