//! Reads a line in one of the ways that a table has.

use std::sync::Arc;

use serde_json::Value;

#[cfg(feature = "regex")]
use super::codec::Codec;
use super::mistake::Place;
use super::table::Read;
use super::template::Pattern;
use crate::thing::PropertyId;

/// One way of reading a line.
pub(super) struct Reader {
    pub(super) place: Place,
    /// Whether it reads any line, and not only answers to what it belongs to.
    pub(super) always: bool,
    pub(super) how: How,
}

pub(super) enum How {
    Pattern(Pattern),
    #[cfg(feature = "regex")]
    Regex(Regex),
    Function(Vec<PropertyId>, Arc<Read>),
}

/// A regular expression, and the property of each group.
#[cfg(feature = "regex")]
pub(super) struct Regex {
    pub(super) source: String,
    pub(super) expression: regex_lite::Regex,
    pub(super) groups: Vec<(String, PropertyId, Arc<Codec>)>,
}

impl Reader {
    /// Appends what the line says; nothing when it is no line for this reader.
    pub(super) fn read(&self, line: &str, heard: &mut Vec<(PropertyId, Value)>) -> bool {
        match &self.how {
            How::Pattern(pattern) => pattern.read(line, heard),
            #[cfg(feature = "regex")]
            How::Regex(regex) => {
                let before = heard.len();
                let read = regex.read(line, heard).is_some();
                if !read {
                    heard.truncate(before);
                }
                read
            }
            How::Function(properties, read) => {
                let Some(values) = read(line) else { return false };
                let said = properties.iter().copied().zip(values);
                heard.extend(said.filter(|(_, value)| !value.is_null()));
                true
            }
        }
    }

    pub(super) fn properties(&self) -> Vec<PropertyId> {
        match &self.how {
            How::Pattern(pattern) => pattern.properties().collect(),
            #[cfg(feature = "regex")]
            How::Regex(regex) => regex.groups.iter().map(|(_, property, _)| *property).collect(),
            How::Function(properties, _) => properties.clone(),
        }
    }

    pub(super) fn pattern(&self) -> Option<&Pattern> {
        match &self.how {
            How::Pattern(pattern) => Some(pattern),
            #[cfg(feature = "regex")]
            How::Regex(_) => None,
            How::Function(..) => None,
        }
    }
}

#[cfg(feature = "regex")]
impl Regex {
    fn read(&self, line: &str, heard: &mut Vec<(PropertyId, Value)>) -> Option<()> {
        let captures = self.expression.captures(line)?;
        for (name, property, codec) in &self.groups {
            if let Some(text) = captures.name(name) {
                heard.push((*property, codec.parse(text.as_str())?));
            }
        }
        Some(())
    }
}
