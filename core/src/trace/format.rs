//! How a trace stands in a file.
//!
//! ```text
//! file        "TWTRACE\n", format (2 bytes), core version (text), state layout, whether payloads are real, Config,
//!             generation (one or two), END (0xff), steps, whether recording had to stop, hash over all before (8 bytes)
//! generation  0x01, its bytes, and in these: time, Start, then steps and checks
//! step        time since the step before, Call, Answer
//! check       0, CHECK (0x00), hash (8 bytes) over everything since the last check, and that check's hash
//! ```
//!
//! Numbers are in as few groups of seven bits as they need, times in microseconds, texts and payloads behind their length.

use crate::wire::{Bad, Input, Output, Wire};

/// How every trace begins.
pub const MAGIC: [u8; 8] = *b"TWTRACE\n";

/// The version of the format that this build writes, and the only one it reads.
pub const FORMAT: u16 = 2;

/// The version of how a client's state is written. A trace whose beginning was overwritten begins with a state, and can
/// only be replayed where that version is the same; one that is whole can be replayed by any build of the format.
pub const LAYOUT: u32 = 6;

pub(crate) const CHECK: u8 = 0;
pub(crate) const GENERATION: u8 = 1;
pub(crate) const END: u8 = 0xff;
pub(crate) const STEPS_PER_CHECK: u32 = 64;

/// What a generation begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start<'a> {
    /// A client that nothing has happened to.
    Fresh { seed: u64 },
    /// A state.
    State(&'a [u8]),
}

impl<'a> Start<'a> {
    pub(crate) fn put(self, output: &mut Output) {
        match self {
            Self::Fresh { seed } => {
                output.bytes.push(0);
                seed.put(output);
            }
            Self::State(state) => Start::put_state(state, output),
        }
    }

    pub(crate) fn put_state(state: &[u8], output: &mut Output) {
        output.bytes.push(1);
        state.len().put(output);
        output.bytes.extend_from_slice(state);
    }

    pub(crate) fn get(input: &mut Input<'a>) -> Result<Self, Bad> {
        match input.byte()? {
            0 => Ok(Self::Fresh { seed: u64::get(input)? }),
            1 => input.sized().map(Self::State),
            _ => Err(Bad::Value("beginning")),
        }
    }

    /// The frame of a generation.
    pub(crate) fn open(len: usize, file: &mut Vec<u8>) {
        let mut output = Output { bytes: core::mem::take(file), filler: None };
        output.bytes.push(GENERATION);
        len.put(&mut output);
        *file = output.bytes;
    }
}
