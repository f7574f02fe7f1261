//! How findings say times and what may not be there: for people, and alike wherever the cause is the same.

use core::fmt::Display;
use core::time::Duration;

use thingwire_core::Instant;

/// "301.244 s" on the clock of the device.
pub(super) fn at(at: Instant) -> String {
    span(at.since(Instant::EPOCH))
}

/// "0.25 s", exact to the microsecond.
pub(super) fn span(span: Duration) -> String {
    let micros = span.as_micros();
    let secs = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    format!("{} s", secs.trim_end_matches('0').trim_end_matches('.'))
}

/// What is there, or "none".
pub(super) fn or_none(what: Option<impl Display>) -> String {
    what.map_or_else(|| "none".to_owned(), |what| what.to_string())
}

/// "0, 1, 128"; "nothing" without any.
pub(super) fn list(all: impl IntoIterator<Item = impl Display>) -> String {
    let words: Vec<_> = all.into_iter().map(|one| one.to_string()).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_without_needless_digits() {
        assert_eq!(at(Instant::from_micros(280_282_837)), "280.282837 s");
        assert_eq!(span(Duration::from_millis(250)), "0.25 s");
        assert_eq!(span(Duration::from_secs(100)), "100 s");
        assert_eq!(span(Duration::ZERO), "0 s");
    }

    #[test]
    fn what_is_not_there_is_said_to_be_so() {
        assert_eq!(or_none(Some(7)), "7");
        assert_eq!(or_none(None::<u64>), "none");
        assert_eq!(list([0, 1, 128]), "0, 1, 128");
        assert_eq!(list(Vec::<u8>::new()), "nothing");
    }
}
