//! Topics and filters, parsed once (MQTT 3.1.1 §4.7).

use core::borrow::Borrow;
use core::fmt;
use std::sync::Arc;

/// The longest string that MQTT can carry, in bytes.
const STRING_LEN_MAX: usize = 65_535;

/// The name of a channel that a message is published to: not empty, no wildcard, no NUL.
///
/// Cheap to clone: publishing to one topic again and again does not copy it.
///
/// ```
/// use thingwire_core::Topic;
///
/// let topic: Topic = "kitchen/temperature".parse()?;
/// assert!(Topic::new("kitchen/#").is_err()); // that is a filter
/// # let _ = topic;
/// # Ok::<(), thingwire_core::TopicError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Parses a topic name.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, TopicError> {
        let text = text.into();
        check_topic(&text)?;
        Ok(Self(text))
    }

    /// A topic of which everything that [`new`](Self::new) checks is known.
    pub(crate) fn checked(text: &str) -> Self {
        debug_assert!(check_topic(text).is_ok(), "{text:?}");
        Self(text.into())
    }

    /// The topic as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A pattern over topics: levels between slashes, `+` for one level, a last `#` for all below.
///
/// ```
/// use thingwire_core::Filter;
///
/// let filter = Filter::new("kitchen/+/state")?;
/// assert!(filter.matches("kitchen/oven/state"));
/// # Ok::<(), thingwire_core::TopicError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter(Arc<str>);

impl Filter {
    /// Parses a topic filter.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, TopicError> {
        let text = text.into();
        check_string(&text)?;
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            let misplaced = |wildcard| TopicError::MisplacedWildcard { filter: text.to_string(), wildcard };
            // [MQTT-4.7.1-2] `#` stands alone in its level, and its level is the last.
            if level.contains('#') && (level != "#" || levels.peek().is_some()) {
                return Err(misplaced('#'));
            }
            // [MQTT-4.7.1-3] `+` stands alone in its level.
            if level.contains('+') && level != "+" {
                return Err(misplaced('+'));
            }
        }
        Ok(Self(text))
    }

    /// The filter as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a message on `topic` belongs to this filter (MQTT 3.1.1 §4.7.1, §4.7.2).
    pub fn matches(&self, topic: &str) -> bool {
        // [MQTT-4.7.2-1] A leading wildcard does not reach topics that begin with `$`.
        if topic.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let mut names = topic.split('/');
        for level in self.0.split('/') {
            match (level, names.next()) {
                // `#` includes the parent level, so `a/#` matches `a`.
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (level, Some(name)) if level == name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }
}

impl From<Topic> for Filter {
    /// A topic without wildcards is the filter that matches only itself.
    fn from(topic: Topic) -> Self {
        Self(topic.0)
    }
}

fn check_topic(text: &str) -> Result<(), TopicError> {
    check_string(text)?;
    // [MQTT-3.3.2-2] A PUBLISH never has a wildcard in its topic.
    match text.find(['+', '#']) {
        None => Ok(()),
        Some(at) => Err(TopicError::WildcardInTopic { topic: text.to_owned(), at }),
    }
}

fn check_string(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty); // [MQTT-4.7.3-1]
    }
    if text.contains('\0') {
        return Err(TopicError::Nul); // [MQTT-4.7.3-2]
    }
    if text.len() > STRING_LEN_MAX {
        return Err(TopicError::TooLong { len: text.len() }); // [MQTT-4.7.3-3]
    }
    Ok(())
}

/// Why a text is not a topic or not a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicError {
    /// The text is empty.
    Empty,
    /// The text contains the character U+0000.
    Nul,
    /// The text has more than 65,535 bytes.
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A topic to publish to contains `+` or `#`.
    WildcardInTopic {
        /// The text given.
        topic: String,
        /// Where the wildcard is, in bytes.
        at: usize,
    },
    /// A wildcard shares its level with other characters, or `#` is not the last level.
    MisplacedWildcard {
        /// The text given.
        filter: String,
        /// The wildcard in question.
        wildcard: char,
    },
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the topic is empty"),
            Self::Nul => f.write_str("the topic contains a NUL character"),
            Self::TooLong { len } => write!(f, "the topic has {len} bytes; MQTT allows 65535"),
            Self::WildcardInTopic { topic, at } => write!(
                f,
                "topic {topic:?} has a wildcard at byte {at}; `+` and `#` are for subscribing, not for publishing"
            ),
            Self::MisplacedWildcard { filter, wildcard: '#' } => {
                write!(f, "filter {filter:?}: `#` must be the whole last level, as in `a/#`")
            }
            Self::MisplacedWildcard { filter, wildcard } => {
                write!(f, "filter {filter:?}: `{wildcard}` must be a whole level, as in `a/+/b`")
            }
        }
    }
}

impl core::error::Error for TopicError {}

macro_rules! text_conversions {
    ($($name:ident)*) => {$(
        /// They compare as their texts do.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, text: &str) -> bool {
                *self.0 == *text
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, text: &&str) -> bool {
                *self.0 == **text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl core::str::FromStr for $name {
            type Err = TopicError;

            fn from_str(text: &str) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = TopicError;

            fn try_from(text: &str) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TopicError;

            fn try_from(text: String) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }
    )*};
}

text_conversions!(Topic Filter);
