//! Field traces: everything that happens to a client, recorded on the device and replayed elsewhere, bit for bit.
//!
//! ```
//! use thingwire_core::trace::{RecordOptions, Trace};
//! use thingwire_core::{Client, Config, Instant, replay};
//!
//! let mut client = Client::new(Config::new("kitchen-sensor"), 7, Instant::EPOCH)?;
//! client.record(&RecordOptions::new([1, 2])); // a real key comes from the operating system
//! client.start(Instant::EPOCH);
//! while client.poll_action().is_some() {}
//!
//! let file = client.recording().unwrap_or_default();
//! assert_eq!(Trace::parse(&file)?.steps(), 3);
//! replay::replay(&file)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is in it
//!
//! The configuration, every call with its time, and of every answer enough to compare it. Topics, filters, client ids, host names
//! and addresses stand in it as they are. Payloads do not, unless that is asked for: each is replaced by another of the same
//! length, equal ones by equal ones, under a key that nobody keeps. User names and passwords never do, only
//! their lengths.
//!
//! # What is kept
//!
//! [`RecordOptions::bytes_max`] bytes in memory, in two generations: when the younger half is full, the older one is forgotten,
//! and a new one begins with the client's whole state. So a trace always ends with the present, and can be replayed from
//! its first byte on. One step may go over the bound. When the state alone outgrows a quarter of the memory, recording stops
//! there, and the trace says so.
//!
//! # What it costs
//!
//! Nothing without the feature; with it and without a recorder, a look at a `None` in each call. A recorded QoS 1
//! publish of 256 bytes with its acknowledgement is four steps or five, about 40 bytes besides topic and payload, and
//! takes about twice as long as an unrecorded one: 1 to 3 µs more (`cargo bench -p thingwire-benches --features
//! trace`). Of large payloads the most is paid for their replacement: each is copied, hashed with `SipHash` and filled
//! again, once as it is given and once as it is sent, some hundreds of µs for 64 KiB. Nothing is allocated once both
//! generations have grown to their size. A new generation writes the whole state: as many bytes as wait and are in
//! flight.
//!
//! # What it proves
//!
//! The hashes find damage, not forgery: who can write the file can write the hashes.

mod error;
mod format;
mod reader;
mod recorder;
mod shadow_words;
mod step;
mod words;

pub use error::TraceError;
pub use format::{FORMAT, LAYOUT, MAGIC};
pub use reader::{Step, Steps, Trace};
pub use recorder::RecordOptions;
pub use step::{Answer, Call, Digest};

pub(crate) use format::Start;
pub(crate) use recorder::Recorder;

/// A hash over `bytes` that goes on from the hash before them. One changed byte changes it for certain.
pub(crate) fn chain(hash: u64, bytes: &[u8]) -> u64 {
    let mix = |hash: u64, word: u64| {
        let mixed = (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    };
    let mut words = bytes.chunks_exact(8);
    let hash = words.by_ref().fold(hash, |hash, word| mix(hash, word.try_into().map_or(0, u64::from_le_bytes)));
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    let hash = mix(hash, u64::from_le_bytes(last));
    mix(hash, u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}
