//! What the system says of this process.

use std::fs;

use crate::Result;

/// A number in its status.
fn status(path: &str, key: &str) -> Result<u64> {
    let text = fs::read_to_string(path)?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number =
        value.and_then(|value| value.split_whitespace().next()).ok_or_else(|| format!("no {key} in {path}"))?;
    Ok(number.parse()?)
}

/// KiB of memory that it has in use.
pub(crate) fn resident() -> Result<u64> {
    status("VmRSS")
}

pub(crate) fn threads() -> Result<u64> {
    status("Threads")
}
