//! Where bytes are read to, on their way into a client.

use std::cell::RefCell;

/// Bytes read at a time.
const LEN: usize = 16 * 1024;

thread_local! {
    /// One for all clients of a thread: nothing stays in it between two polls.
    static CHUNK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends the thread's chunk.
pub(crate) fn with<R>(turn: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut chunk = CHUNK.try_with(RefCell::take).unwrap_or_default();
    chunk.resize(LEN, 0);
    let result = turn(&mut chunk);
    // A thread that ends keeps none.
    let _ = CHUNK.try_with(|kept| kept.replace(chunk));
    result
}
