//! What the service says about a shadow, as it said it.

use core::fmt;

use bytes::Bytes;
use serde_core::de::DeserializeOwned;

use crate::json::{self, JsonError};
use crate::unshown::debug_without;

/// A shadow's document, or the part of it that an answer is about.
///
/// Everything is kept as the service wrote it: numbers of any size, members that nobody knew of when this was written.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Document {
    /// The whole message: JSON text.
    pub raw: Bytes,
    /// What somebody wants the thing to be.
    pub desired: Option<Section>,
    /// What the thing says it is.
    pub reported: Option<Section>,
    /// Where the two differ: the desired values. Only in the answer to a get.
    pub delta: Option<Section>,
    /// When each value was set last: JSON text.
    pub metadata: Option<Section>,
    /// Which state of the shadow this is: 1 more with every accepted update.
    pub version: Option<u64>,
    /// When the service wrote this, in seconds since 1970 (UTC).
    pub timestamp_secs: Option<u64>,
    /// The token of the request.
    pub client_token: Option<String>,
}

debug_without!(Document { desired, reported, delta, metadata, version, timestamp_secs, client_token; raw });

impl Document {
    /// Reads the answer to a get, an update or a delete.
    pub fn parse(raw: Bytes) -> Result<Self, JsonError> {
        let [state, metadata, version, timestamp, token] =
            json::pick(&raw, ["state", "metadata", "version", "timestamp", "clientToken"])?;
        let sections = ["desired", "reported", "delta"];
        let [desired, reported, delta] = match state.filter(|state| !json::is_null(state)) {
            Some(state) => json::pick(state.as_bytes(), sections)?,
            None => [None; 3],
        };
        Ok(Self {
            desired: Section::of(&raw, desired),
            reported: Section::of(&raw, reported),
            delta: Section::of(&raw, delta),
            metadata: Section::of(&raw, metadata),
            version: version.and_then(json::number),
            timestamp_secs: timestamp.and_then(json::number),
            client_token: token.and_then(json::string).map(Into::into),
            raw,
        })
    }
}

/// What differs between what is wanted and what is: published by the service after every accepted update that leaves a
/// difference (S-22).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delta {
    /// The whole message: JSON text. When the difference was found in the answer to a get, that answer.
    pub raw: Bytes,
    /// The desired values that differ.
    pub state: Section,
    /// When each of them was set.
    pub metadata: Option<Section>,
    /// The shadow's version.
    pub version: u64,
    /// When the service wrote this, in seconds since 1970 (UTC).
    pub timestamp_secs: Option<u64>,
    /// The token of the update that caused it, whoever sent that (S-44). Never in what was found in the answer to a get.
    pub client_token: Option<String>,
}

debug_without!(Delta { state, metadata, version, timestamp_secs, client_token; raw });

impl Delta {
    /// Reads a message of the topic `update/delta`. One without a state or a version is an error: its place in the
    /// sequence could not be told.
    pub fn parse(raw: Bytes) -> Result<Self, JsonError> {
        let [state, metadata, version, timestamp, token] =
            json::pick(&raw, ["state", "metadata", "version", "timestamp", "clientToken"])?;
        let version = version.and_then(json::number).ok_or_else(|| JsonError::expected("a version"))?;
        Ok(Self {
            state: Section::of(&raw, state).ok_or_else(|| JsonError::expected("a state"))?,
            metadata: Section::of(&raw, metadata),
            version,
            timestamp_secs: timestamp.and_then(json::number),
            client_token: token.and_then(json::string).map(Into::into),
            raw,
        })
    }

    /// The difference that a whole document shows.
    pub(crate) fn in_document(document: &Document) -> Option<Self> {
        let metadata = document.metadata.as_ref().and_then(|metadata| metadata.section("delta"));
        Some(Self {
            raw: document.raw.clone(),
            state: document.delta.clone()?,
            metadata,
            version: document.version?,
            timestamp_secs: document.timestamp_secs,
            client_token: None,
        })
    }
}

/// A change as a whole: the shadow before an accepted update and after it (S-21).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Documents {
    /// The whole message: JSON text.
    pub raw: Bytes,
    /// The shadow before; `None` when the update made it.
    pub previous: Option<Snapshot>,
    /// The shadow after.
    pub current: Snapshot,
    /// When the service wrote this, in seconds since 1970 (UTC).
    pub timestamp_secs: Option<u64>,
    /// The token of the update, whoever sent it.
    pub client_token: Option<String>,
}

debug_without!(Documents { previous, current, timestamp_secs, client_token; raw });

/// One side of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// What somebody wants the thing to be.
    pub desired: Option<Section>,
    /// What the thing says it is.
    pub reported: Option<Section>,
    /// When each value was set last.
    pub metadata: Option<Section>,
    /// The shadow's version.
    pub version: u64,
}

impl Documents {
    /// Reads a message of the topic `update/documents`. One without a current version is an error.
    pub fn parse(raw: Bytes) -> Result<Self, JsonError> {
        let [previous, current, timestamp, token] =
            json::pick(&raw, ["previous", "current", "timestamp", "clientToken"])?;
        let current = current.ok_or_else(|| JsonError::expected("a current document"))?;
        let previous = previous.filter(|previous| !json::is_null(previous));
        Ok(Self {
            previous: previous.map(|previous| Snapshot::read(&raw, previous)).transpose()?,
            current: Snapshot::read(&raw, current)?,
            timestamp_secs: timestamp.and_then(json::number),
            client_token: token.and_then(json::string).map(Into::into),
            raw,
        })
    }
}

impl Snapshot {
    fn read(raw: &Bytes, text: &str) -> Result<Self, JsonError> {
        let [state, metadata, version] = json::pick(text.as_bytes(), ["state", "metadata", "version"])?;
        let [desired, reported] = match state.filter(|state| !json::is_null(state)) {
            Some(state) => json::pick(state.as_bytes(), ["desired", "reported"])?,
            None => [None; 2],
        };
        Ok(Self {
            desired: Section::of(raw, desired),
            reported: Section::of(raw, reported),
            metadata: Section::of(raw, metadata),
            version: version.and_then(json::number).ok_or_else(|| JsonError::expected("a version"))?,
        })
    }
}

/// A JSON object in a message, as the text it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Section(Bytes);

impl Section {
    /// The part `text` of `raw`; `None` when it is missing or no object.
    fn of(raw: &Bytes, text: Option<&str>) -> Option<Self> {
        text.filter(|text| text.starts_with('{')).map(|text| Self(raw.slice_ref(text.as_bytes())))
    }

    /// The JSON text. It shares memory with the whole message.
    pub fn json(&self) -> &str {
        // It was cut out of a text.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The section as a type of yours. The error names the member that does not fit.
    ///
    /// Members that the type does not know are left out; [`json`](Self::json) has them.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, WrongType> {
        serde_json::from_str(self.json()).map_err(|error| {
            let key = self.key_at(error.line(), error.column());
            WrongType { key, why: error.to_string() }
        })
    }

    /// One member as a type of yours; `None` when it is not there. So one that does not fit leaves the others readable.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<Result<T, WrongType>> {
        let text = self.member(key)?;
        let wrong = |error: serde_json::Error| WrongType { key: Some(key.to_owned()), why: error.to_string() };
        Some(serde_json::from_str(text).map_err(wrong))
    }

    /// The names of the members, in their order.
    pub fn keys(&self) -> Vec<String> {
        self.members().into_iter().map(|(key, _)| key).collect()
    }

    /// The members as JSON texts, in their order.
    pub fn members(&self) -> Vec<(String, &str)> {
        let mut members = Vec::new();
        // It was checked when it was cut out.
        let _checked = json::each_member(&self.0, |key, value| {
            members.push((key.into_owned(), value));
            Ok(())
        });
        members
    }

    fn member(&self, wanted: &str) -> Option<&str> {
        self.members().into_iter().find(|(key, _)| key == wanted).map(|(_, value)| value)
    }

    fn section(&self, key: &str) -> Option<Self> {
        Self::of(&self.0, self.member(key))
    }

    /// The member in which an error is that serde found.
    fn key_at(&self, line: usize, column: usize) -> Option<String> {
        let text = self.json();
        let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let error_at = before + column;
        let start = |value: &str| value.as_ptr() as usize - text.as_ptr() as usize;
        let members = self.members();
        let hit =
            members.into_iter().find(|(_, value)| (start(value)..=start(value) + value.len()).contains(&error_at));
        hit.map(|(key, _)| key)
    }
}

/// Its length: what it says is the application's.
impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.json().len())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.json())
    }
}

/// A part of a shadow's state is not of the type it was read as.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrongType {
    /// The member at fault, where it is one: a missing one is in none.
    pub key: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key:?}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl core::error::Error for WrongType {}
