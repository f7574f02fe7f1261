//! Spans of time as people write them.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A span of time; in text a number with `us`, `ms`, `s`, `m`, `h` or `d`, as in `90s`, `1.5s` and `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(pub Duration);

/// Microseconds in each unit; the largest unit that divides a span is the one it is shown in.
const UNITS: [(&str, u64); 6] =
    [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

impl Span {
    /// Whole seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// Whole milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

impl From<Duration> for Span {
    fn from(span: Duration) -> Self {
        Self(span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        if micros == 0 {
            return f.write_str("0s");
        }
        let fits = |unit: u64| micros % u128::from(unit) == 0;
        let (name, unit) = UNITS.into_iter().find(|&(_, unit)| fits(unit)).unwrap_or(("us", 1));
        write!(f, "{}{name}", micros / u128::from(unit))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is not a span of time; write a number and us, ms, s, m, h or d, as in 90s");
        let at = text.find(|c: char| c != '.' && !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(at);
        let (_, unit) = UNITS.into_iter().find(|&(name, _)| name == unit).ok_or_else(wrong)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        // Nine places are more than a microsecond of any unit needs to be told apart.
        let digits: u64 = format!("{fraction:0<9.9}").parse().map_err(|_| wrong())?;
        let micros = u128::from(whole) * u128::from(unit) + u128::from(digits) * u128::from(unit) / 1_000_000_000;
        u64::try_from(micros).map(|micros| Self(Duration::from_micros(micros))).map_err(|_| wrong())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_shown_as_it_is_read() {
        for text in ["0s", "1us", "250ms", "90s", "2h", "1d", "61m"] {
            assert_eq!(text.parse::<Span>().map(|span| span.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("1.5s".parse(), Ok(Span::millis(1_500)));
        assert_eq!("0.25m".parse(), Ok(Span::secs(15)));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in ["", "5", "s", "1 s", "-1s", "1.2.3s", "1y", "1e3s", "99999999999999999999s", "9999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
