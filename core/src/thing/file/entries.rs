//! What values and lines look like in a file.

use core::fmt;
use core::ops::Range;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use toml::Spanned;

use super::Wrong;
use super::ordered::InOrder;
use crate::thing::lines::{Codec, Number, Template, decimal, flag, number, scaled, template, text, words};

/// How values are written: exactly one of the kinds, and what belongs to it.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub(super) struct CodecEntry {
    words: Option<InOrder<Value>>,
    flag: bool,
    number: Option<[i64; 2]>,
    scaled: Option<[i32; 2]>,
    decimal: Option<[f64; 2]>,
    text: Option<usize>,
    per_unit: Option<u32>,
    places: Option<usize>,
    width: Option<usize>,
    plus: bool,
    hex: bool,
    pub(super) write_only: bool,
}

impl CodecEntry {
    pub(super) fn codec(self, name: &str, span: &Range<usize>, wrong: &mut Wrong<'_>) -> Codec {
        let (given, idle) = (self.kinds(), self.idle());
        if let ([kind], [_, ..]) = (&given[..], &idle[..]) {
            let idle = idle.join("`, `");
            wrong(span.clone(), format!("{name:?} is a `{kind}`, and `{idle}` means nothing for it"));
        }
        let shaped = |mut number: Number| {
            number.width = self.width.unwrap_or(0);
            (number.plus, number.hex) = (self.plus, self.hex);
            Codec::from(number)
        };
        let per_unit = self.per_unit.unwrap_or(1);
        let kinds = [
            self.words.map(|all| words(all.0.into_iter().map(|(word, value)| (word.into_inner(), value)))),
            self.flag.then(flag),
            self.number.map(|[min, max]| shaped(number(min..=max))),
            self.scaled.map(|[min, max]| shaped(scaled(min..=max, per_unit))),
            self.decimal.map(|[min, max]| decimal(min..=max, self.places.unwrap_or(1)).into()),
            self.text.map(text),
        ];
        let mut kinds = kinds.into_iter().flatten();
        match (kinds.next(), kinds.next()) {
            (Some(codec), None) => codec,
            _ => {
                let kinds = "`words`, `flag`, `number`, `scaled`, `decimal` or `text`";
                wrong(span.clone(), format!("{name:?} needs exactly one of {kinds}"));
                flag()
            }
        }
    }

    /// The kinds that are given.
    fn kinds(&self) -> Vec<&'static str> {
        let given = [
            ("words", self.words.is_some()),
            ("flag", self.flag),
            ("number", self.number.is_some()),
            ("scaled", self.scaled.is_some()),
            ("decimal", self.decimal.is_some()),
            ("text", self.text.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(kind, _)| kind).collect()
    }

    /// What is given and means nothing for the kinds that are.
    fn idle(&self) -> Vec<&'static str> {
        let (number, scaled) = (self.number.is_some(), self.scaled.is_some());
        let belongs = [
            ("per_unit", self.per_unit.is_some(), scaled),
            ("places", self.places.is_some(), self.decimal.is_some()),
            ("width", self.width.is_some(), number || scaled),
            ("plus", self.plus, number || scaled),
            ("hex", self.hex, number || scaled),
        ];
        belongs.into_iter().filter(|(_, given, belongs)| *given && !belongs).map(|(key, ..)| key).collect()
    }
}

/// A line: its text alone, or with what else is to be said of it.
pub(super) enum TemplateEntry {
    Text(String),
    Full(FullTemplate),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FullTemplate {
    template: String,
    #[serde(default)]
    with: InOrder<Spanned<CodecEntry>>,
    #[serde(default)]
    when_asked: bool,
}

/// By hand, so that a mistake in a table is told as what it is, and where.
impl<'de> Deserialize<'de> for TemplateEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = TemplateEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line, or a table with `template`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TemplateEntry, E> {
        Ok(TemplateEntry::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TemplateEntry, A::Error> {
        FullTemplate::deserialize(MapAccessDeserializer::new(map)).map(TemplateEntry::Full)
    }
}

impl TemplateEntry {
    pub(super) fn template(self, wrong: &mut Wrong<'_>) -> Template {
        match self {
            Self::Text(text) => template(text),
            Self::Full(FullTemplate { template: text, with, when_asked }) => {
                let mut made = template(text);
                made.when_asked = when_asked;
                for (name, entry) in with.0 {
                    let (span, entry) = (entry.span(), entry.into_inner());
                    if entry.write_only {
                        let problem = format!("`write_only` is said of {:?} itself, not of a line", name.get_ref());
                        wrong(span.clone(), problem);
                    }
                    let codec = entry.codec(name.get_ref(), &span, wrong);
                    made = made.with(name.into_inner(), codec);
                }
                made
            }
        }
    }
}
