//! What a request says, checked in the order of the service: the payload as a whole, its state, its token, its version, its depth.

use serde_json::{Map, Value};

use super::tree::{depth, has_null_in_array};
use super::{Rejection, ShadowRules};

/// The longest client token, in bytes (S-3).
const TOKEN_MAX: usize = 64;

/// What an update wants.
#[derive(Debug)]
pub(super) struct Update {
    /// An object with at most `desired` and `reported`, each an object or null; or null (S-10).
    pub(super) state: Value,
    /// The version that it expects to find.
    pub(super) version: Option<u64>,
}

impl Update {
    /// S-1 to S-4 and S-7. Arrays are looked at last among what the payload alone can tell; a conflict with what is stored comes
    /// after that.
    pub(super) fn parse(payload: &[u8], rules: &ShadowRules) -> Result<Self, Rejection> {
        if payload.is_empty() {
            return Err(Rejection::bad("Missing update payload"));
        }
        let mut request = object(payload, rules)?;
        let mut state = request.remove("state").ok_or_else(|| Rejection::bad("Missing required node: state"))?;
        if let Some(sections) = state.as_object_mut().filter(|_| rules.delta_ignored) {
            sections.remove("delta");
        }
        check_state(&state)?;
        check_token(&request)?;
        let version = version(&request)?;
        for section in state.as_object().into_iter().flat_map(Map::values) {
            if depth(section) > rules.depth_max {
                return Err(too_deep(rules));
            }
            if has_null_in_array(section) {
                return Err(Rejection::bad("Arrays must not contain null"));
            }
        }
        Ok(Self { state, version })
    }
}

/// The body of a get: nothing, or an object.
pub(super) fn check_get(payload: &[u8], rules: &ShadowRules) -> Result<(), Rejection> {
    if payload.is_empty() {
        return Ok(());
    }
    object(payload, rules).and_then(|request| check_token(&request))
}

/// The token of a request, as far as it can be read: it is in every answer, whatever else is wrong with the request (S-8).
pub(super) fn token(payload: &[u8]) -> Option<String> {
    let request: Map<String, Value> = serde_json::from_slice(payload).ok()?;
    check_token(&request).ok()?;
    request.get("clientToken")?.as_str().map(str::to_owned)
}

/// S-1.
fn object(payload: &[u8], rules: &ShadowRules) -> Result<Map<String, Value>, Rejection> {
    let text = core::str::from_utf8(payload).map_err(|_| Rejection::of(415))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(request)) => Ok(request),
        Ok(_) => Err(Rejection::bad("Invalid JSON: the payload is not an object")),
        // The parser has a limit of its own, far beyond any that makes sense here.
        Err(error) if error.to_string().starts_with("recursion limit") => Err(too_deep(rules)),
        Err(error) => Err(Rejection::bad(format!("Invalid JSON: {error}"))),
    }
}

/// S-2 and S-3.
fn check_state(state: &Value) -> Result<(), Rejection> {
    let sections = match state {
        Value::Null => return Ok(()),
        Value::Object(sections) => sections,
        _ => return Err(Rejection::bad("State node must be an object")),
    };
    if let Some(stranger) = sections.keys().find(|key| !matches!(key.as_str(), "desired" | "reported")) {
        return Err(Rejection::bad(format!("State contains an invalid node: '{stranger}'")));
    }
    for (key, message) in
        [("desired", "Desired node must be an object"), ("reported", "Reported node must be an object")]
    {
        if sections.get(key).is_some_and(|section| !section.is_object() && !section.is_null()) {
            return Err(Rejection::bad(message));
        }
    }
    Ok(())
}

fn check_token(request: &Map<String, Value>) -> Result<(), Rejection> {
    match request.get("clientToken") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(token)) if token.len() <= TOKEN_MAX => Ok(()),
        Some(_) => Err(Rejection::bad("Invalid clientToken")),
    }
}

fn version(request: &Map<String, Value>) -> Result<Option<u64>, Rejection> {
    match request.get("version") {
        None | Some(Value::Null) => Ok(None),
        Some(version) => whole(version).map(Some).ok_or_else(|| Rejection::bad("Invalid version")),
    }
}

/// A number that is whole, however it is written.
fn whole(number: &Value) -> Option<u64> {
    /// All whole numbers up to here have a float of their own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = || number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=EXACT).contains(float));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in range")]
    number.as_u64().or_else(|| float().map(|float| float as u64))
}

fn too_deep(rules: &ShadowRules) -> Rejection {
    Rejection::bad(format!("JSON contains too many levels of nesting; maximum is {}", rules.depth_max))
}
