//! Looks into JSON texts without taking them apart: what is not asked for is only checked.

use core::fmt;
use std::borrow::Cow;

use serde_core::de::{Deserialize, Deserializer as _, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Why a text is not what was expected: one line, with line and column where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError(String);

impl JsonError {
    pub(crate) fn expected(what: &str) -> Self {
        Self(format!("{what} is missing or of another type"))
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for JsonError {}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// The members of a JSON object that have these names, each as the text it is. The whole text is checked; a name that
/// comes twice is an error, because nobody can tell which one counts.
pub(crate) fn pick<'a, const N: usize>(text: &'a [u8], names: [&str; N]) -> Result<[Option<&'a str>; N], JsonError> {
    let mut picked = [None; N];
    each_member(text, |name, value| {
        if let Some(place) = names.iter().position(|wanted| *wanted == name) {
            if picked[place].replace(value).is_some() {
                return Err(serde_json::Error::custom(format_args!("{name:?} comes twice")));
            }
        }
        Ok(())
    })?;
    Ok(picked)
}

/// Visits the members of a JSON object in their order: name, and value as the text it is.
pub(crate) fn each_member<'a>(
    text: &'a [u8],
    visit: impl FnMut(Cow<'a, str>, &'a str) -> Result<(), serde_json::Error>,
) -> Result<(), JsonError> {
    let text = core::str::from_utf8(text).map_err(|error| JsonError(format!("not UTF-8: {error}")))?;
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Members(visit))?;
    Ok(json.end()?)
}

struct Members<F>(F);

impl<'a, F> Visitor<'a> for Members<F>
where
    F: FnMut(Cow<'a, str>, &'a str) -> Result<(), serde_json::Error>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            let value: &'a RawValue = map.next_value()?;
            (self.0)(name, value.get()).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// A JSON string; copied only when it has escapes.
struct Text<'a>(Cow<'a, str>);

impl<'a> Deserialize<'a> for Text<'a> {
    fn deserialize<D: serde_core::Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'a> Visitor<'a> for Visit {
            type Value = Text<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Text<'a>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'a>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Visit)
    }
}

/// The JSON string that is `text`, without its quotes and escapes; `None` when it is something else.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(text).ok().map(|Text(string)| string)
}

/// The whole number that is `text`, if it is one and not below zero.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// The JSON text of a string.
pub(crate) fn quoted(text: &str) -> String {
    // A text always has one.
    serde_json::to_string(text).unwrap_or_default()
}

pub(crate) fn is_null(text: &str) -> bool {
    text == "null"
}

/// The bytes of a checked JSON text without the space between its parts.
pub(crate) fn compact_len(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let counts = |byte: &u8| {
        let space = !quoted && byte.is_ascii_whitespace();
        quoted ^= *byte == b'"' && !escaped;
        escaped = quoted && *byte == b'\\' && !escaped;
        !space
    };
    text.as_bytes().iter().copied().filter(counts).count()
}

/// How the service measures a value: how deep it is nested, and whether an array in it has a null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    /// Levels of objects and arrays that are not empty; 0 for a scalar (S-4).
    pub(crate) levels: usize,
    /// Whether there is an array with a null in it (S-7).
    pub(crate) null_in_array: bool,
}

/// Measures a JSON value. Deeper than 127 levels is an error: it is more than any reader takes.
pub(crate) fn shape(text: &str) -> Result<Shape, JsonError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let Measured { shape, .. } = Deserialize::deserialize(&mut json)?;
    json.end()?;
    Ok(shape)
}

struct Measured {
    shape: Shape,
    null: bool,
}

impl Measured {
    const SCALAR: Self = Self { shape: Shape { levels: 0, null_in_array: false }, null: false };
}

impl<'a> Deserialize<'a> for Measured {
    fn deserialize<D: serde_core::Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Measure)
    }
}

struct Measure;

/// Every scalar measures the same.
macro_rules! scalars {
    ($($visit:ident: $type:ty),*) => {$(
        fn $visit<E>(self, _: $type) -> Result<Measured, E> {
            Ok(Measured::SCALAR)
        }
    )*};
}

impl<'a> Visitor<'a> for Measure {
    type Value = Measured;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Measured, E> {
        Ok(Measured { null: true, ..Measured::SCALAR })
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Measured, A::Error> {
        let mut all = Measured::SCALAR;
        while let Some(IgnoredAny) = map.next_key()? {
            let Measured { shape, .. } = map.next_value()?;
            all.shape.levels = all.shape.levels.max(shape.levels + 1);
            all.shape.null_in_array |= shape.null_in_array;
        }
        Ok(all)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Measured, A::Error> {
        let mut all = Measured::SCALAR;
        while let Some(Measured { shape, null }) = items.next_element()? {
            all.shape.levels = all.shape.levels.max(shape.levels + 1);
            all.shape.null_in_array |= shape.null_in_array || null;
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_picked_as_the_text_they_are() {
        let text = br#" {"b": {"x":[1, 2]}, "a":18446744073709551616.50 ,"c\u0041":"\u00e9", "rest":null} "#;
        assert_eq!(
            pick(text, ["a", "b", "cA", "none"]),
            Ok([Some("18446744073709551616.50"), Some(r#"{"x":[1, 2]}"#), Some(r#""\u00e9""#), None])
        );
        assert_eq!(string(r#""\u00e9""#).as_deref(), Some("é"));
        assert_eq!((string("1"), number("1.0"), number("-1"), number("7")), (None, None, None, Some(7)));
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        let long = [b"{\"a\":".repeat(200), b"1".to_vec(), b"}".repeat(200)].concat();
        assert!(pick(&long, ["a"]).is_ok(), "what is skipped may be as deep as it likes");
        for bad in [
            &b""[..],
            b"[]",
            b"[\"a\"]",
            b"\"a\"",
            b"1",
            b"null",
            b"{",
            b"{}x",
            b"{\"a\":}",
            b"{\"a\":1,}",
            b"{a:1}",
            b"{\"a\":1,\"a\":1}",
            b"{\"a\":01}",
            b"{\"a\":\"\n\"}",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            b"{'a':1}",
        ] {
            assert!(pick(bad, ["a"]).is_err(), "{}", bad.escape_ascii());
        }
        assert_eq!(pick(b"{\"b\":1,\"b\":2,\"a\":3}", ["a"]), Ok([Some("3")]), "nobody asked");
    }

    #[test]
    fn space_counts_only_inside_of_strings() {
        assert_eq!(compact_len("{ \"a b\" :\t[1 ,\n2] }"), r#"{"a b":[1,2]}"#.len());
        let tricky = r#"{"a\\":"\" \\\" b","c":"d"}"#;
        assert_eq!(compact_len(tricky), tricky.len());
    }

    #[test]
    fn depth_counts_what_is_not_empty() {
        let levels = |text| shape(text).unwrap().levels;
        assert_eq!(
            ["1", "{}", "[]", r#"{"a":1}"#, r#"{"a":{}}"#, r#"{"a":{"b":[1]}}"#, "[[[]]]"].map(levels),
            [0, 0, 0, 1, 1, 3, 2]
        );
        assert!(shape(r#"{"a":[1,null]}"#).unwrap().null_in_array);
        assert!(!shape(r#"{"a":[{"b":null}]}"#).unwrap().null_in_array);
        assert!(shape(&"[".repeat(1_000_000)).is_err(), "no recursion without bound");
    }
}
