//! The topics of shadows.

use core::fmt;

/// The longest name of a thing, in bytes.
const THING_MAX: usize = 128;
/// The longest name of a shadow, in bytes.
const SHADOW_MAX: usize = 64;

/// Which shadow: that of a thing, or one of its named ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShadowName {
    thing: String,
    shadow: Option<String>,
}

impl ShadowName {
    /// The classic, unnamed shadow of a thing; `None` when a thing cannot be called so: 1 to 128 of `a-z A-Z 0-9 : _ -`.
    pub fn classic(thing: &str) -> Option<Self> {
        is_name(thing, THING_MAX).then(|| Self { thing: thing.to_owned(), shadow: None })
    }

    /// A named shadow of a thing; `None` when one of the two cannot be called so. A shadow's name has 1 to 64 of the same characters.
    pub fn named(thing: &str, shadow: &str) -> Option<Self> {
        let name = Self::classic(thing).filter(|_| is_name(shadow, SHADOW_MAX))?;
        Some(Self { shadow: Some(shadow.to_owned()), ..name })
    }

    /// The thing.
    pub fn thing(&self) -> &str {
        &self.thing
    }

    /// The shadow's own name, unless it is the classic one.
    pub fn shadow(&self) -> Option<&str> {
        self.shadow.as_deref()
    }

    /// The topic of one of its messages; `message` is what comes behind the shadow's own part, such as `update/accepted`.
    pub fn topic(&self, message: &str) -> String {
        match &self.shadow {
            None => format!("{PREFIX}{}/shadow/{message}", self.thing),
            Some(shadow) => format!("{PREFIX}{}/shadow/name/{shadow}/{message}", self.thing),
        }
    }
}

impl fmt::Display for ShadowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shadow {
            None => write!(f, "{}", self.thing),
            Some(shadow) => write!(f, "{}/{shadow}", self.thing),
        }
    }
}

/// What is asked of a shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Get,
    Update,
    Delete,
}

impl Call {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// What every topic of things begins with.
const PREFIX: &str = "$aws/things/";

/// Which shadow is asked for what on this topic; `None` for any other topic, however similar.
pub(super) fn parse(topic: &str) -> Option<(ShadowName, Call)> {
    let (thing, rest) = topic.strip_prefix(PREFIX)?.split_once('/')?;
    let rest = rest.strip_prefix("shadow/")?;
    let (shadow, call) = match rest.strip_prefix("name/") {
        None => (None, rest),
        Some(named) => named.split_once('/').map(|(shadow, call)| (Some(shadow), call))?,
    };
    let call = match call {
        "get" => Call::Get,
        "update" => Call::Update,
        "delete" => Call::Delete,
        _ => return None,
    };
    let name = match shadow {
        None => ShadowName::classic(thing),
        Some(shadow) => ShadowName::named(thing, shadow),
    };
    name.map(|name| (name, call))
}

fn is_name(text: &str, longest: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-');
    (1..=longest).contains(&text.len()) && text.bytes().all(allowed)
}
