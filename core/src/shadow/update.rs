//! What to change in a shadow.

use core::fmt;

use bytes::Bytes;
use serde_core::Serialize;

use crate::json::{self, JsonError};
use crate::unshown::debug_without;

/// A change of a shadow: values to be set, and with `null` values to be removed (S-12).
///
/// ```
/// use thingwire_core::ShadowUpdate;
///
/// let update = ShadowUpdate::from_json(r#"{"state": {"reported": {"flow": 3.5, "alarm": null}}}"#)?.version(17);
/// # Ok::<(), thingwire_core::UpdateError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct ShadowUpdate {
    /// The request without version and token: a JSON object with at least its state.
    pub(crate) body: Bytes,
    pub(crate) version: Option<u64>,
    pub(crate) token: Option<String>,
    /// Bytes of the state that the service counts.
    pub(crate) len: usize,
    /// Levels of nesting in a section.
    pub(crate) levels: usize,
}

debug_without!(ShadowUpdate { version, token, len, levels; body });

impl ShadowUpdate {
    /// A request as the service takes it: a JSON object with a `state` that has `desired`, `reported` or both, and
    /// perhaps a `version` and a `clientToken`. Everything else in it goes along as it is.
    pub fn from_json(text: impl AsRef<[u8]>) -> Result<Self, UpdateError> {
        let text = text.as_ref();
        let [state, version, token] = json::pick(text, ["state", "version", "clientToken"])?;
        let (len, levels) = measure(state.ok_or(UpdateError::NoState)?)?;
        let version = version.map(|text| json::number(text).ok_or(UpdateError::BadVersion)).transpose()?;
        let token = token.map(|text| json::string(text).ok_or(UpdateError::BadToken)).transpose()?;
        let mut body = String::new();
        json::each_member(text, |name, value| {
            if name != "version" && name != "clientToken" {
                let joint = if body.is_empty() { "{" } else { "," };
                body.extend([joint, &json::quoted(&name), ":", value]);
            }
            Ok(())
        })?;
        body.push('}');
        Ok(Self { body: body.into(), version, token: token.map(Into::into), len, levels })
    }

    /// Sets what the thing is: an object of any type that serde can write.
    pub fn reported(state: &impl Serialize) -> Result<Self, UpdateError> {
        Self::sections(None::<&()>, Some(state))
    }

    /// Sets what the thing should be.
    pub fn desired(state: &impl Serialize) -> Result<Self, UpdateError> {
        Self::sections(Some(state), None::<&()>)
    }

    /// Sets both at once.
    pub fn both(desired: &impl Serialize, reported: &impl Serialize) -> Result<Self, UpdateError> {
        Self::sections(Some(desired), Some(reported))
    }

    fn sections(desired: Option<&impl Serialize>, reported: Option<&impl Serialize>) -> Result<Self, UpdateError> {
        let text = |name: &str, text: String| format!("\"{name}\":{text}");
        let desired = desired.map(serde_json::to_string).transpose()?.map(|json| text("desired", json));
        let reported = reported.map(serde_json::to_string).transpose()?.map(|json| text("reported", json));
        let sections: Vec<_> = desired.into_iter().chain(reported).collect();
        Self::from_json(format!("{{\"state\":{{{}}}}}", sections.join(",")))
    }

    /// The same, to be accepted only while the shadow has this version; otherwise the service rejects it with 409
    /// (S-5).
    pub fn version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// The request as JSON text, with its version and without a token.
    pub fn to_json(&self) -> String {
        let version = self.version.map(|version| format!(",\"version\":{version}")).unwrap_or_default();
        let open = &self.body[..self.body.len() - 1];
        // It was made from text.
        format!("{}{version}}}", String::from_utf8_lossy(open))
    }

    /// The request with its version and this token.
    pub(crate) fn payload(&self, token: &str) -> Bytes {
        let version = self.version.map(|version| format!(",\"version\":{version}")).unwrap_or_default();
        let body = &self.body[..self.body.len() - 1];
        [body, version.as_bytes(), b",\"clientToken\":", json::quoted(token).as_bytes(), b"}"].concat().into()
    }
}

/// The bytes that count for the service's limit, and how deep a section is nested.
fn measure(state: &str) -> Result<(usize, usize), UpdateError> {
    if json::is_null(state) {
        return Ok((0, 0));
    }
    let mut measured = (0, 0);
    let mut wrong = None;
    json::pick(state.as_bytes(), ["desired", "reported"])
        .map_err(|error| if state.starts_with('{') { error.into() } else { UpdateError::NoState })?;
    json::each_member(state.as_bytes(), |name, section| {
        let known = name == "desired" || name == "reported";
        if !known || !(json::is_null(section) || section.starts_with('{')) {
            wrong.get_or_insert(UpdateError::NoSection { name: name.into_owned(), known });
            return Ok(());
        }
        match json::shape(section) {
            Ok(shape) if shape.null_in_array => drop(wrong.get_or_insert(UpdateError::NullInArray)),
            Ok(shape) => measured = (measured.0 + json::compact_len(section), measured.1.max(shape.levels)),
            Err(error) => drop(wrong.get_or_insert(error.into())),
        }
        Ok(())
    })?;
    wrong.map_or(Ok(measured), Err)
}

/// Why something is no change of a shadow. The service would reject it with 400.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateError {
    /// It is no JSON object.
    Json(JsonError),
    /// It has no `state`, or one that is neither an object nor `null`.
    NoState,
    /// The state has something else than the objects, or `null`, `desired` and `reported`.
    NoSection {
        /// What it has.
        name: String,
        /// Whether the name would be right.
        known: bool,
    },
    /// An array has a `null` in it (S-7).
    NullInArray,
    /// The version is no whole number.
    BadVersion,
    /// The token is no string.
    BadToken,
}

impl From<JsonError> for UpdateError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<serde_json::Error> for UpdateError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.into())
    }
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "not a JSON object: {error}"),
            Self::NoState => {
                f.write_str("no \"state\" that is an object: {\"state\": {\"reported\": {...}}} is expected")
            }
            Self::NoSection { name, known: true } => write!(f, "{name:?} in \"state\" is neither an object nor null"),
            Self::NoSection { name, known: false } => {
                write!(f, "{name:?} in \"state\": only \"desired\" and \"reported\" may be there")
            }
            Self::NullInArray => f.write_str("an array with a null in it, which the service does not take"),
            Self::BadVersion => f.write_str("the \"version\" is no whole number"),
            Self::BadToken => f.write_str("the \"clientToken\" is no string"),
        }
    }
}

impl core::error::Error for UpdateError {}
