//! What the service says.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::Rejection;
use super::document::{Document, Views};
use super::tree::{self, Fields};

/// The document of a message, of any kind; the fields in the order in which they are written.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(flatten)]
    documents: Option<Documents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u64>,
    timestamp: u64,
    #[serde(rename = "clientToken", skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
}

/// What an update has made of a shadow.
#[derive(Debug, Clone, Serialize)]
struct Documents {
    /// Null when the shadow is new.
    previous: Option<Whole>,
    current: Whole,
}

#[derive(Debug, Clone, Serialize)]
struct Whole {
    state: Value,
    metadata: Value,
    version: u64,
}

impl Body {
    /// S-8.
    pub(super) fn rejected(rejection: Rejection, timestamp: u64) -> Self {
        Self { code: Some(rejection.code), message: Some(rejection.message), timestamp, ..Self::default() }
    }

    /// S-20: what the request had, and when that was written.
    pub(super) fn updated(state: &Value, version: u64, timestamp: u64) -> Self {
        let metadata = tree::stamp(state, timestamp);
        Self::of(Views { state: state.clone(), metadata }, version, timestamp)
    }

    /// The whole shadow, with the time of the answer.
    pub(super) fn got(document: &Document, timestamp: u64) -> Self {
        Self::of(document.views_with_delta(), document.version, timestamp)
    }

    pub(super) fn deleted(version: u64, timestamp: u64) -> Self {
        Self { version: Some(version), timestamp, ..Self::default() }
    }

    /// S-22.
    pub(super) fn delta(delta: &Fields, version: u64, timestamp: u64) -> Self {
        Self::of(Views { state: tree::state(delta), metadata: tree::metadata(delta) }, version, timestamp)
    }

    /// S-21.
    pub(super) fn documents(previous: Option<&Document>, current: &Document) -> Self {
        let whole = |document: &Document| {
            let Views { state, metadata } = document.views();
            Whole { state, metadata, version: document.version }
        };
        let documents = Documents { previous: previous.map(whole), current: whole(current) };
        Self { documents: Some(documents), timestamp: current.timestamp, ..Self::default() }
    }

    fn of(views: Views, version: u64, timestamp: u64) -> Self {
        Self {
            state: Some(views.state),
            metadata: Some(views.metadata),
            version: Some(version),
            timestamp,
            ..Self::default()
        }
    }

    pub(super) fn to_bytes(&self) -> Bytes {
        // Nothing in here can fail to be JSON.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}
