//! What a device's text means as a value, in both directions.

use core::fmt;
use core::marker::PhantomData;
use core::ops::RangeInclusive;
use core::str::FromStr;
use std::sync::Arc;

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::Value;

use super::number::{Decimal, Number};
use crate::thing::Unfit;
use crate::thing::value::same;

/// How a value is written in a line. It is total: what it does not know is no value, neither heard nor said.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Codec {
    /// Each word stands for a value. A value that several words stand for is said as the first of them.
    Words(Vec<(String, Value)>),
    /// A whole number.
    Number(Number),
    /// A number with a point.
    Decimal(Decimal),
    /// Any text of at most this many characters, itself a string.
    Text {
        /// How many characters at most.
        max: usize,
    },
    /// Whatever two functions make of it.
    Custom(Custom),
}

/// Words that stand for values: `words([("ON", true), ("OFF", false)])`.
pub fn words<W: Into<String>, V: Into<Value>>(words: impl IntoIterator<Item = (W, V)>) -> Codec {
    Codec::Words(words.into_iter().map(|(word, value)| (word.into(), value.into())).collect())
}

/// `1` for true and `0` for false.
pub fn flag() -> Codec {
    words([("1", true), ("0", false)])
}

/// Any text of at most `max` characters. Control characters are never part of it.
pub fn text(max: usize) -> Codec {
    Codec::Text { max }
}

/// Two functions. Each returns `None` for what it does not know.
///
/// They may be asked at any time and as often as it takes, and must always give the same answer.
pub fn codec<V: Into<Value>>(
    parse: impl Fn(&str) -> Option<V> + Send + Sync + 'static,
    format: impl Fn(&Value) -> Option<String> + Send + Sync + 'static,
) -> Codec {
    Codec::Custom(Custom(Arc::new(Functions { parse: move |text: &str| parse(text).map(Into::into), format })))
}

/// Any type that is written as text and as JSON: what `Display` writes is what the device hears, and `Serialize` what is
/// in the shadow.
pub fn typed<T>() -> Codec
where
    T: FromStr + fmt::Display + Serialize + DeserializeOwned + 'static,
{
    Codec::Custom(Custom(Arc::new(Typed::<T>(PhantomData))))
}

/// A pair of functions of somebody's own.
#[derive(Clone)]
pub struct Custom(Arc<dyn Convert>);

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Custom")
    }
}

trait Convert: Send + Sync {
    fn parse(&self, text: &str) -> Option<Value>;
    fn format(&self, value: &Value) -> Option<String>;
}

struct Functions<P, F> {
    parse: P,
    format: F,
}

impl<P, F> Convert for Functions<P, F>
where
    P: Fn(&str) -> Option<Value> + Send + Sync,
    F: Fn(&Value) -> Option<String> + Send + Sync,
{
    fn parse(&self, text: &str) -> Option<Value> {
        (self.parse)(text)
    }

    fn format(&self, value: &Value) -> Option<String> {
        (self.format)(value)
    }
}

struct Typed<T>(PhantomData<fn() -> T>);

impl<T: FromStr + fmt::Display + Serialize + DeserializeOwned> Convert for Typed<T> {
    fn parse(&self, text: &str) -> Option<Value> {
        serde_json::to_value(text.parse::<T>().ok()?).ok()
    }

    fn format(&self, value: &Value) -> Option<String> {
        T::deserialize(value).ok().map(|typed| typed.to_string())
    }
}

impl Codec {
    /// What this text means, if it is a text of this codec. Never `null`.
    pub fn parse(&self, text: &str) -> Option<Value> {
        match self {
            Self::Words(words) => words.iter().find(|(word, _)| word == text).map(|(_, value)| value.clone()),
            Self::Number(number) => number.parse(text),
            Self::Decimal(decimal) => decimal.parse(text),
            Self::Text { max } => {
                let fits = text.chars().count() <= *max && !text.contains(char::is_control);
                fits.then(|| Value::String(text.to_owned()))
            }
            Self::Custom(Custom(convert)) => convert.parse(text).filter(|value| !value.is_null()),
        }
    }

    /// Appends the text that means this value.
    pub fn format(&self, value: &Value, out: &mut String) -> Result<(), Unfit> {
        match self {
            Self::Words(words) => {
                let word = words.iter().find(|(_, meaning)| same(meaning, value));
                let (word, _) =
                    word.ok_or_else(|| Unfit(format!("{} is none of {}", short(value), meanings(words))))?;
                out.push_str(word);
            }
            Self::Number(number) => number.format(value, out)?,
            Self::Decimal(decimal) => decimal.format(value, out)?,
            Self::Text { max } => {
                let text = value.as_str().ok_or_else(|| Unfit(format!("{} is not a text", short(value))))?;
                if text.chars().count() > *max {
                    return Err(Unfit(format!("{} is longer than {max} characters", short(value))));
                }
                out.push_str(text);
            }
            Self::Custom(Custom(convert)) => {
                let text = convert.format(value);
                out.push_str(&text.ok_or_else(|| Unfit(format!("{} cannot be said to the device", short(value))))?);
            }
        }
        Ok(())
    }

    /// Whether the codec itself knows where its text ends, when more follows.
    pub(super) fn is_bounded(&self) -> bool {
        !matches!(self, Self::Text { .. } | Self::Custom(_))
    }

    /// How long the codec's text at the beginning of `rest` is; for a bounded codec.
    pub(super) fn len_at(&self, rest: &str) -> Option<usize> {
        match self {
            Self::Words(words) => {
                let at = words.iter().filter(|(word, _)| rest.starts_with(word.as_str()));
                at.map(|(word, _)| word.len()).max()
            }
            Self::Number(number) => number.len_at(rest),
            Self::Decimal(_) => Decimal::len_at(rest),
            Self::Text { .. } | Self::Custom(_) => None,
        }
    }

    /// Values that are good to try it with, among them the ends of every range; none for a pair of functions.
    pub fn samples(&self) -> Vec<Value> {
        match self {
            Self::Words(words) => words.iter().map(|(_, value)| value.clone()).collect(),
            Self::Number(number) => number.samples(),
            Self::Decimal(decimal) => decimal.samples(),
            Self::Text { max } => vec!["¤".repeat(1.min(*max)).into(), String::new().into()],
            Self::Custom(_) => Vec::new(),
        }
    }

    /// What is wrong with it.
    pub(super) fn mistake(&self) -> Option<String> {
        match self {
            Self::Words(words) => words_mistake(words),
            Self::Number(number) => number.mistake(),
            Self::Decimal(decimal) => decimal.mistake(),
            Self::Text { max } => (*max == 0).then(|| "a text of no character says nothing".to_owned()),
            Self::Custom(_) => None,
        }
    }
}

fn words_mistake(words: &[(String, Value)]) -> Option<String> {
    if words.is_empty() {
        return Some("there is no word".to_owned());
    }
    for (place, (word, value)) in words.iter().enumerate() {
        if word.is_empty() {
            return Some(format!("the word for {} is empty", short(value)));
        }
        if value.is_null() {
            return Some(format!("the word {word:?} means null, which is no value"));
        }
        if words[..place].iter().any(|(earlier, _)| earlier == word) {
            return Some(format!("the word {word:?} comes twice"));
        }
    }
    None
}

/// A value as one short piece of text.
pub(super) fn short(value: &Value) -> String {
    // JSON leaves some control characters as they are.
    shortened(&value.to_string().replace(char::is_control, "\u{fffd}"), 40)
}

/// At most `max` characters, with dots where there were more.
pub(super) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn meanings(words: &[(String, Value)]) -> String {
    let mut named: Vec<_> = words.iter().map(|(_, value)| short(value)).collect();
    named.dedup();
    shortened(&named.join(", "), 120)
}

impl From<Number> for Codec {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<Decimal> for Codec {
    fn from(decimal: Decimal) -> Self {
        Self::Decimal(decimal)
    }
}

/// A whole number from `range`, in as many digits as it takes.
pub fn number(range: RangeInclusive<i64>) -> Number {
    Number::new(*range.start(), *range.end(), 1)
}

/// A value of which the device says whole steps, `per_unit` of them to one: `scaled(-400..=1250, 10)` reads `215` as 21.5.
pub fn scaled(steps: RangeInclusive<i32>, per_unit: u32) -> Number {
    Number::new(i64::from(*steps.start()), i64::from(*steps.end()), per_unit)
}

/// A number from `range` with a point, said with this many decimals, and heard with any.
pub fn decimal(range: RangeInclusive<f64>, places: usize) -> Decimal {
    Decimal { min: *range.start(), max: *range.end(), places }
}
