//! Which shadow.

use core::fmt;
use std::sync::Arc;

use crate::{Filter, Topic};

/// Names a shadow: the classic one of a thing, or one of its named ones. Cheap to clone.
///
/// ```
/// use thingwire_core::ShadowName;
///
/// assert_eq!(ShadowName::classic("pump-7")?.to_string(), "pump-7");
/// assert_eq!(ShadowName::named("pump-7", "config")?.to_string(), "pump-7/config");
/// assert!(ShadowName::classic("pump 7").is_err());
/// # Ok::<(), thingwire_core::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShadowName {
    /// `THING/shadow` or `THING/shadow/name/SHADOW`, as it stands in topics.
    path: Arc<str>,
    thing_len: u8,
}

const THING_LEN_MAX: usize = 128;
const SHADOW_LEN_MAX: usize = 64;

impl ShadowName {
    /// The classic shadow of a thing: 1 to 128 of the characters `a-zA-Z0-9:_-`.
    pub fn classic(thing: &str) -> Result<Self, NameError> {
        check("thing", thing, THING_LEN_MAX)?;
        Ok(Self::new(thing, format!("{thing}/shadow")))
    }

    /// A named shadow of a thing. The shadow's name has 1 to 64 of the same characters.
    pub fn named(thing: &str, shadow: &str) -> Result<Self, NameError> {
        check("thing", thing, THING_LEN_MAX)?;
        check("shadow", shadow, SHADOW_LEN_MAX)?;
        Ok(Self::new(thing, format!("{thing}/shadow/name/{shadow}")))
    }

    fn new(thing: &str, path: String) -> Self {
        Self { path: path.into(), thing_len: u8::try_from(thing.len()).unwrap_or(u8::MAX) }
    }

    /// The thing's name.
    pub fn thing(&self) -> &str {
        &self.path[..usize::from(self.thing_len)]
    }

    /// The shadow's name; `None` for the classic one.
    pub fn shadow(&self) -> Option<&str> {
        self.path.rsplit_once("/name/").map(|(_, shadow)| shadow)
    }

    /// The topic of this shadow that ends with `end`, such as `update/accepted`.
    pub(crate) fn topic(&self, end: &str) -> Topic {
        // The characters of a name are allowed in every topic.
        Topic::checked(&["$aws/things/", &self.path, "/", end].concat())
    }

    pub(crate) fn filter(&self, end: &str) -> Filter {
        self.topic(end).into()
    }
}

fn check(part: &'static str, text: &str, len_max: usize) -> Result<(), NameError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-');
    let valid = (1..=len_max).contains(&text.len()) && text.bytes().all(allowed);
    if valid { Ok(()) } else { Err(NameError { part, text: text.to_owned(), len_max }) }
}

/// Why a text does not name a thing or a shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    part: &'static str,
    text: String,
    len_max: usize,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, text, len_max } = self;
        write!(f, "{text:?} is no {part} name: it has 1 to {len_max} of the characters a-z, A-Z, 0-9, `:`, `_` and `-`")
    }
}

impl core::error::Error for NameError {}

impl fmt::Display for ShadowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.thing())?;
        self.shadow().map_or(Ok(()), |shadow| write!(f, "/{shadow}"))
    }
}

impl fmt::Debug for ShadowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_names_fit_into_the_services_topics() {
        let (thing, shadow) = ("t".repeat(128), "s".repeat(64));
        let name = ShadowName::named(&thing, &shadow).unwrap();
        assert_eq!((name.thing(), name.shadow()), (&thing[..], Some(&shadow[..])));
        let topic = name.topic("update/documents");
        assert!(topic.as_str().len() <= 256);
        assert_eq!(topic.as_str().matches('/').count(), 7);
    }

    #[test]
    fn a_thing_may_be_called_name() {
        let name = ShadowName::classic("name").unwrap();
        assert_eq!((name.thing(), name.shadow()), ("name", None));
        assert_eq!(name.topic("get").as_str(), "$aws/things/name/shadow/get");
        let name = ShadowName::named("shadow", "name").unwrap();
        assert_eq!((name.thing(), name.shadow()), ("shadow", Some("name")));
        assert_eq!(name.topic("get").as_str(), "$aws/things/shadow/shadow/name/name/get");
    }

    #[test]
    fn other_names_are_refused_with_the_rule() {
        for (thing, shadow) in [("", "s"), ("t", ""), ("t/x", "s"), ("t", "s+"), ("t", "ß")] {
            assert!(ShadowName::named(thing, shadow).is_err(), "{thing} {shadow}");
        }
        assert!(ShadowName::classic(&"t".repeat(129)).is_err() && ShadowName::named("t", &"s".repeat(65)).is_err());
        assert_eq!(
            ShadowName::classic("my pump").unwrap_err().to_string(),
            "\"my pump\" is no thing name: it has 1 to 128 of the characters a-z, A-Z, 0-9, `:`, `_` and `-`"
        );
    }
}
