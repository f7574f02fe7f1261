//! Numbers as devices write them.

use serde_json::Value;

use super::codec::short;
use crate::thing::Unfit;

/// Whole numbers beyond these do not survive JSON.
const WHOLE_MAX: i64 = 1 << 53;
/// Beyond these, two steps of a scale may become one number.
const SCALED_MAX: i64 = 1 << 51;
/// More characters than any number within these has, zeros included.
const WIDTH_MAX: usize = 64;
const PLACES_MAX: usize = 15;

/// A whole number within bounds. Heard with or without `+` and leading zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Number {
    /// The least that the device says.
    pub min: i64,
    /// The greatest.
    pub max: i64,
    /// How many of the device's steps are one; 1: the value is the number itself.
    pub per_unit: u32,
    /// How many characters it always has, zeros and sign included; 0: as many as it takes.
    pub width: usize,
    /// Whether a number that is not negative is said with `+`.
    pub plus: bool,
    /// Whether it is hexadecimal. Said in capitals, heard in any case.
    pub hex: bool,
}

impl Number {
    pub(super) fn new(min: i64, max: i64, per_unit: u32) -> Self {
        Self { min, max, per_unit, width: 0, plus: false, hex: false }
    }

    /// Always in this many characters, filled up with zeros.
    pub fn width(mut self, width: usize) -> Self {
        self.width = width;
        self
    }

    /// Said with `+` when it is not negative.
    pub fn plus(mut self) -> Self {
        self.plus = true;
        self
    }

    /// In hexadecimal digits.
    pub fn hex(mut self) -> Self {
        self.hex = true;
        self
    }

    pub(super) fn parse(&self, text: &str) -> Option<Value> {
        if self.width != 0 && text.len() != self.width {
            return None;
        }
        let number = self.steps(text)?;
        if !(self.min..=self.max).contains(&number) {
            return None;
        }
        Some(self.value(number))
    }

    fn steps(&self, text: &str) -> Option<i64> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let all_digits = digits.bytes().all(|byte| self.is_digit(byte));
        // The standard's own parser takes care of signs, of nothing at all, and of too many digits.
        if all_digits { i64::from_str_radix(text, if self.hex { 16 } else { 10 }).ok() } else { None }
    }

    fn is_digit(&self, byte: u8) -> bool {
        if self.hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() }
    }

    fn value(&self, steps: i64) -> Value {
        if self.per_unit > 1 { Value::from(float(steps) / f64::from(self.per_unit)) } else { Value::from(steps) }
    }

    pub(super) fn format(&self, value: &Value, out: &mut String) -> Result<(), Unfit> {
        let steps = self.whole(value)?;
        if !(self.min..=self.max).contains(&steps) {
            let [min, max] = [self.min, self.max].map(|end| self.value(end));
            return Err(Unfit(format!("{} is not in {min}..={max}", short(value))));
        }
        out.push_str(&self.text(steps));
        Ok(())
    }

    fn text(&self, steps: i64) -> String {
        let sign = if steps < 0 {
            "-"
        } else if self.plus {
            "+"
        } else {
            ""
        };
        let digits = if self.hex { format!("{:X}", steps.unsigned_abs()) } else { steps.unsigned_abs().to_string() };
        let width = self.width.min(WIDTH_MAX).saturating_sub(sign.len());
        format!("{sign}{digits:0>width$}")
    }

    /// The value in steps of the device.
    fn whole(&self, value: &Value) -> Result<i64, Unfit> {
        let unfit = |what| Err(Unfit(format!("{} is not {what}", short(value))));
        match (value.as_i64(), value.as_f64()) {
            (Some(whole), _) if self.per_unit == 1 => Ok(whole),
            (_, Some(number)) => {
                let steps = number * f64::from(self.per_unit);
                match rounded(steps) {
                    // What lies between two steps of a scale is said as the nearer one; between numbers is nothing.
                    Some(whole) if self.per_unit > 1 || (steps - steps.round()).abs() < f64::EPSILON => Ok(whole),
                    Some(_) => unfit("a whole number"),
                    None => unfit("a number that the device has"),
                }
            }
            (_, None) => unfit("a number"),
        }
    }

    pub(super) fn len_at(&self, rest: &str) -> Option<usize> {
        if self.width != 0 {
            return rest.is_char_boundary(self.width).then_some(self.width);
        }
        let sign = usize::from(rest.starts_with(['+', '-']));
        let digits = rest.bytes().skip(sign).take_while(|&byte| self.is_digit(byte)).count();
        (digits != 0).then_some(sign + digits)
    }

    pub(super) fn samples(&self) -> Vec<Value> {
        let mut ends = vec![self.min, self.max, 0, 1, self.min.saturating_add(1)];
        ends.retain(|end| (self.min..=self.max).contains(end));
        ends.dedup();
        ends.into_iter().map(|end| self.value(end)).collect()
    }

    pub(super) fn mistake(&self) -> Option<String> {
        let (min, max) = (self.min, self.max);
        if min > max {
            return Some(format!("no number is in {min}..={max}"));
        }
        if min < -WHOLE_MAX || max > WHOLE_MAX {
            return Some(format!("a shadow does not keep all numbers of {min}..={max} apart: at most 2^53 either way"));
        }
        if self.per_unit == 0 {
            return Some("there must be at least one step to one".to_owned());
        }
        if self.per_unit > 1 && (min < -SCALED_MAX || max > SCALED_MAX) {
            return Some(format!("the steps of {min}..={max} are too many to be told apart: at most 2^51 either way"));
        }
        if self.width > WIDTH_MAX {
            return Some(format!("{} characters are more than the {WIDTH_MAX} that a number may have", self.width));
        }
        let needed = self.text(min).len().max(self.text(max).len());
        (self.width != 0 && needed > self.width).then(|| {
            format!("numbers of {min}..={max} have up to {needed} characters, more than the {} there are", self.width)
        })
    }
}

/// The same number; exact where JSON can say it.
fn float(whole: i64) -> f64 {
    // In halves: for those, lossless conversions exist.
    let (high, low) = (i32::try_from(whole >> 32), u32::try_from(whole & 0xffff_ffff));
    f64::from(high.unwrap_or(0)) * 4_294_967_296.0 + f64::from(low.unwrap_or(0))
}

/// The nearest whole number, where JSON can say it.
fn rounded(number: f64) -> Option<i64> {
    // By way of text, because no lossless conversion exists.
    let whole: i64 = format!("{:.0}", number.round()).parse().ok()?;
    (-WHOLE_MAX..=WHOLE_MAX).contains(&whole).then_some(whole)
}

/// A number with a point, within bounds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Decimal {
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// How many digits are said after the point.
    pub places: usize,
}

impl Decimal {
    pub(super) fn parse(&self, text: &str) -> Option<Value> {
        if Self::len_at(text) != Some(text.len()) {
            return None;
        }
        let number: f64 = text.parse().ok()?;
        // Minus zero is zero.
        (self.min..=self.max).contains(&number).then(|| Value::from(number + 0.0))
    }

    pub(super) fn format(&self, value: &Value, out: &mut String) -> Result<(), Unfit> {
        let number = value.as_f64().ok_or_else(|| Unfit(format!("{} is not a number", short(value))))?;
        if !(self.min..=self.max).contains(&number) {
            return Err(Unfit(format!("{} is not in {}..={}", short(value), self.min, self.max)));
        }
        out.push_str(&self.text(number));
        Ok(())
    }

    fn text(&self, number: f64) -> String {
        let text = format!("{number:.*}", self.places.min(PLACES_MAX));
        let zero = text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
        if zero { text.trim_start_matches('-').to_owned() } else { text }
    }

    /// How long the number at the beginning of `rest` is.
    pub(super) fn len_at(rest: &str) -> Option<usize> {
        let sign = usize::from(rest.starts_with(['+', '-']));
        let digits = |from: usize| rest.bytes().skip(from).take_while(u8::is_ascii_digit).count();
        let whole = digits(sign);
        let mut end = sign + whole;
        let mut decimals = 0;
        if rest.as_bytes().get(end) == Some(&b'.') {
            decimals = digits(end + 1);
            end += 1 + decimals;
        }
        (whole + decimals != 0).then_some(end)
    }

    pub(super) fn samples(&self) -> Vec<Value> {
        // As they are said: an end may have more digits than that.
        [self.min, self.max, 0.0].into_iter().filter_map(|end| self.parse(&self.text(end))).collect()
    }

    pub(super) fn mistake(&self) -> Option<String> {
        let (min, max) = (self.min, self.max);
        if !min.is_finite() || !max.is_finite() || min > max {
            return Some(format!("no number is in {min}..={max}"));
        }
        if self.places > PLACES_MAX {
            return Some(format!("{} digits after the point are more than a number has", self.places));
        }
        let beyond = [min, max].into_iter().find(|end| self.parse(&self.text(*end)).is_none());
        beyond.map(|end| format!("{end} is said as {}, which is not in {min}..={max}", self.text(end)))
    }
}
