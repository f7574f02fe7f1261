//! The committed corpora, and a little exploration, on plain `cargo test`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use thingwire_fuzz::TARGETS;

#[test]
fn every_file_of_every_corpus_keeps_the_laws() {
    for target in TARGETS {
        let files = files(target.name);
        assert!(files.len() >= 10, "the corpus of {} is there", target.name);
        for file in files {
            (target.body)(&std::fs::read(&file).unwrap());
        }
    }
}

#[test]
fn every_target_has_a_program_and_keeps_its_laws_on_nothing() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for target in TARGETS {
        (target.body)(&[]);
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{}.rs\"", target.name)), "{}", target.name);
        let program = std::fs::read_to_string(root().join(format!("fuzz_targets/{}.rs", target.name))).unwrap();
        assert!(program.contains(&format!("thingwire_fuzz::program!({});", target.name)), "{program}");
    }
}

#[test]
fn corpora_are_small() {
    for target in TARGETS {
        let len = |file: &PathBuf| std::fs::metadata(file).unwrap().len();
        let len: u64 = files(target.name).iter().map(len).sum();
        assert!(len <= 512 * 1024, "the corpus of {} has {len} bytes: minimise it", target.name);
    }
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

/// The files of a target's corpus, in order.
fn files(target: &str) -> Vec<PathBuf> {
    let folder = root().join("corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
