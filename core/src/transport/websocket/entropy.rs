//! Bytes that nobody can foresee, from a seed that nobody knows.

use ring::hmac;

/// A stream of bytes from 32 that the driver gives: HMAC-SHA-256 of a counter under that key. Without the key, no part
/// of it tells about another, which is what masking is for (RFC 6455 §10.3).
#[derive(Debug)]
pub(super) struct Entropy {
    key: hmac::Key,
    counter: u64,
}

impl Entropy {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), counter: 0 }
    }

    /// The next bytes, at most 32.
    pub(super) fn draw<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32, "one block holds 32 bytes") };
        self.counter += 1;
        let block = hmac::sign(&self.key, &self.counter.to_be_bytes());
        let mut drawn = [0; N];
        drawn.copy_from_slice(&block.as_ref()[..N]);
        drawn
    }
}
