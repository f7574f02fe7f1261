//! Dates between seconds since 1970 and text, in UTC and the Gregorian calendar.

const DAY: u64 = 86_400;
/// From the first of March of year 0 to 1970. Counted from then on, leap days are at the ends of years.
const EPOCH: u64 = 719_468;
/// Days in 400 years.
const ERA: u64 = 146_097;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// As signatures have it: `20170628T204845Z`.
pub(crate) fn timestamp(unix_seconds: u64) -> String {
    let (days, second) = (unix_seconds / DAY, unix_seconds % DAY);
    let (year, month, day) = civil(days);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// For people: `2017-06-28 20:48:45 UTC`.
pub(crate) fn readable(unix_seconds: u64) -> String {
    let (days, second) = (unix_seconds / DAY, unix_seconds % DAY);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", second / 3_600, second / 60 % 60, second % 60)
}

/// The seconds since 1970 of a date and a time of day, each part within its range; 0 for what was before.
pub(crate) fn unix_seconds([year, month, day]: [u64; 3], [hour, minute, second]: [u64; 3]) -> Option<u64> {
    let is_valid = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let seconds = || days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second;
    is_valid.then(|| if (1970..=9999).contains(&year) { seconds() } else { 0 })
}

/// RFC 3339 §5.6, with or without colons and fractions: `2017-06-28T20:48:45Z`, `2017-06-28T22:48:45.5+02:00`.
/// Fractions are cut off.
#[cfg(any(test, feature = "host"))]
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-');
    let [year, month, day] = [fixed(date.next()?, 4)?, fixed(date.next()?, 2)?, fixed(date.next()?, 2)?];
    let at = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at(at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.split(':');
    let [hour, minute, second] = [fixed(time.next()?, 2)?, fixed(time.next()?, 2)?, fixed(time.next()?, 2)?];
    let is_valid = date.next().is_none()
        && time.next().is_none()
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && (1970..=9999).contains(&year);
    let local = unix_seconds([year, month, day], [hour, minute, second]).filter(|_| is_valid)?;
    match zone.split_at_checked(1)? {
        ("Z" | "z", "") => Some(local),
        ("+", ahead) => local.checked_sub(offset(ahead)?),
        ("-", behind) => Some(local + offset(behind)?),
        _ => None,
    }
}

/// `02:00` or `0200` in seconds.
#[cfg(any(test, feature = "host"))]
fn offset(text: &str) -> Option<u64> {
    let (hour, minute) = text.split_once(':').or_else(|| text.split_at_checked(2))?;
    let (hour, minute) = (fixed(hour, 2)?, fixed(minute, 2)?);
    (hour < 24 && minute < 60).then_some(hour * 3_600 + minute * 60)
}

/// A number of so many digits.
#[cfg(any(test, feature = "host"))]
fn fixed(text: &str, digits: usize) -> Option<u64> {
    number(text).filter(|_| text.len() == digits)
}

/// A `Date` header (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`. The obsolete forms are not read.
pub(crate) fn parse_http(text: &str) -> Option<u64> {
    let (_weekday, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = number(parts.next()?)?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)?;
    let year = number(parts.next()?)?;
    let mut time = parts.next()?.split(':').map(number);
    let [hour, minute, second] = [time.next()??, time.next()??, time.next()??];
    let is_valid =
        parts.next() == Some("GMT") && parts.next().is_none() && time.next().is_none() && (1970..=9999).contains(&year);
    unix_seconds([year, month as u64 + 1, day], [hour, minute, second]).filter(|_| is_valid)
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Year, month and day of a day since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let (era, day_of_era) = ((days + EPOCH) / ERA, (days + EPOCH) % ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March on: five of them have 153 days, again and again.
    let month_of_year = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_of_year + 2) / 5 + 1;
    let month = if month_of_year < 10 { month_of_year + 3 } else { month_of_year - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The inverse, from 1970 on.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month_of_year = (month + 9) % 12;
    let day_of_year = (153 * month_of_year + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * ERA + day_of_era).saturating_sub(EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_goes_there_and_back() {
        let mut expected = (1970, 1, 1);
        for day in 0..ERA {
            assert_eq!(civil(day), expected);
            assert_eq!(days(expected.0, expected.1, expected.2), day);
            expected = next(expected);
        }
    }

    /// The day after, by the calendar's own rules.
    fn next((year, month, day): (u64, u64, u64)) -> (u64, u64, u64) {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let len =
            [31, 28 + u64::from(is_leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][usize::try_from(month).unwrap() - 1];
        match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            (_, day) if day == len => (year, month + 1, 1),
            _ => (year, month, day + 1),
        }
    }

    #[test]
    fn known_times() {
        assert_eq!(timestamp(0), "19700101T000000Z");
        assert_eq!(timestamp(1_498_682_925), "20170628T204845Z");
        assert_eq!(readable(1_498_682_925), "2017-06-28 20:48:45 UTC");
        assert_eq!(unix_seconds([2017, 6, 28], [20, 48, 45]), Some(1_498_682_925));
        assert_eq!(unix_seconds([1950, 1, 1], [0, 0, 0]), Some(0));
        assert_eq!(unix_seconds([2017, 13, 28], [20, 48, 45]), None);
        for text in [
            "2017-06-28T20:48:45Z",
            "2017-06-28T20:48:45.999z",
            "2017-06-28T22:48:45+02:00",
            "2017-06-28 22:48:45+0200",
            "2017-06-28T15:18:45-05:30",
        ] {
            assert_eq!(parse_rfc3339(text), Some(1_498_682_925), "{text}");
        }
        assert_eq!(parse_http("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse_http("Wed, 28 Jun 2017 20:48:45 GMT"), Some(1_498_682_925));
    }

    #[test]
    fn what_is_no_date_is_none() {
        let bad = [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        ];
        for text in bad {
            assert_eq!(parse_http(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_of_rfc_3339_is_none() {
        let bad = [
            "",
            "2017-06-28",
            "2017-06-28T20:48:45",
            "2017-06-28T20:48Z",
            "2017-06-28T20:48:45.Z",
            "2017-06-28T20:48:45Z ",
            "2017-06-28T20:48:45+2:00",
            "2017-06-28T20:48:45+24:00",
            "2017-06-28T20:48:45+00:60",
            "2017-06-28T20:48:45+24:60",
            "2017-06-28T20:60:45Z",
            "2017-06-28T20:48:45+\u{e9}",
            "2017-13-28T20:48:45Z",
            "2017-06-28T24:48:45Z",
            "17-06-28T20:48:45Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "1498682925",
        ];
        for text in bad {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
