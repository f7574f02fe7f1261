//! What the system says of a process.

use std::fs;

use crate::Result;

/// A process, or `None` for this one.
fn root(id: Option<u32>) -> String {
    id.map_or_else(|| "/proc/self".to_owned(), |id| format!("/proc/{id}"))
}

/// The number behind a key in one of its files.
fn number(path: &str, key: &str) -> Result<u64> {
    let text = fs::read_to_string(path)?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number =
        value.and_then(|value| value.split_whitespace().next()).ok_or_else(|| format!("no {key} in {path}"))?;
    Ok(number.parse()?)
}

/// KiB of memory that it has in use.
pub(crate) fn resident(id: Option<u32>) -> Result<u64> {
    number(&format!("{}/status", root(id)), "VmRSS")
}

/// KiB of it that are no pages of files, which the system can read again.
pub(crate) fn own(id: u32) -> Result<u64> {
    number(&format!("{}/smaps_rollup", root(Some(id))), "Anonymous")
}

pub(crate) fn threads(id: Option<u32>) -> Result<u64> {
    number(&format!("{}/status", root(id)), "Threads")
}

/// How often its threads have gone to sleep so far, and so have been woken.
pub(crate) fn sleeps(id: u32) -> Result<u64> {
    sum(id, |task| number(&format!("{task}/status"), "voluntary_ctxt_switches"))
}

/// Milliseconds of processor time that its threads have used so far.
pub(crate) fn milliseconds(id: u32) -> Result<f64> {
    let nanoseconds = sum(id, |task| {
        let text = fs::read_to_string(format!("{task}/schedstat"))?;
        Ok(text.split_whitespace().next().ok_or("an empty schedstat")?.parse()?)
    })?;
    Ok(nanoseconds as f64 / 1e6)
}

/// Of all its threads.
fn sum(id: u32, each: impl Fn(&str) -> Result<u64>) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("{}/task", root(Some(id))))? {
        sum += each(&task?.path().to_string_lossy())?;
    }
    Ok(sum)
}
