//! What is read when credentials are asked for.

use serde::de::IgnoredAny;
use thingwire_core::internal::{
    Answerer, Response, credentials_answer, http_response, other_answers, secret_of, shared_file,
};

use crate::input::{Input, pieces};

/// The most bytes of a body.
const BODY_LEN_MAX: usize = 64 * 1024;

/// Laws of what is read when credentials are asked for: a response means the same however it is cut, its body is what
/// stands behind its head, and no error repeats a secret; credentials are those that another reading of the JSON finds.
///
/// # Panics
///
/// When a law is broken.
pub fn http(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(4) {
        0 => {
            let lens = input.bytes(4);
            response(input.rest(), lens);
        }
        1 => {
            let from = input.pick(&[Answerer::Process, Answerer::Iot, Answerer::Cognito]);
            answer(from, input.rest());
        }
        2 => {
            let text = input.rest();
            let (said, id) = other_answers(text);
            assert!(said.is_none_or(|said| !said.contains('\n')), "one line");
            assert!(id.is_err() || id.is_ok_and(|id| !id.is_empty()));
        }
        _ => {
            let (config, name) = (input.flag(), input.pick(&["default", "other"]));
            let file = input.rest();
            // Any answer is right but a panic; a file without the name in it has no such profile.
            let found = shared_file(file, config, name);
            let has_name = file.windows(name.len()).any(|window| window == name.as_bytes());
            assert!(has_name || found != Ok(true), "{found:?}");
        }
    }
}

fn response(stream: &[u8], lens: &[u8]) {
    let whole = http_response([stream]);
    let cut = http_response(pieces(stream, lens));
    assert_eq!(whole, cut, "cut by {lens:?}");
    let Ok(Response { status, body, .. }) = whole else { return };
    assert!((200..=999).contains(&status), "{status} is no final status");
    assert!(body.len() <= BODY_LEN_MAX);
    let text = String::from_utf8_lossy(stream).to_ascii_lowercase();
    if !text.contains("transfer-encoding") {
        let found = body.is_empty() || stream.windows(body.len()).any(|window| window == body);
        assert!(found, "the body is a part of the stream");
    }
}

fn answer(from: Answerer, text: &[u8]) {
    let read = credentials_answer(from, text);
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(text) else {
        // What a member says that nobody asks for is not looked at: half of a surrogate pair makes no difference there.
        let is_json = serde_json::from_slice::<IgnoredAny>(text).is_ok();
        return assert!(read.is_err() || is_json, "{from:?} took what is no JSON");
    };
    let (inner, names) = match from {
        Answerer::Process => (&json, ["AccessKeyId", "SecretAccessKey"]),
        Answerer::Iot => (&json["credentials"], ["accessKeyId", "secretAccessKey"]),
        Answerer::Cognito => (&json["Credentials"], ["AccessKeyId", "SecretKey"]),
    };
    let [id, secret] = names.map(|name| inner[name].as_str());
    match read {
        Ok(credentials) => {
            assert_eq!(Some(credentials.access_key_id()), id);
            assert_eq!(Some(secret_of(&credentials)), secret);
            let shown = format!("{credentials:?}");
            let secret = secret.unwrap_or_default();
            assert!(secret.len() < 8 || !shown.contains(secret), "{shown}");
        }
        Err(words) => {
            let secret = secret.filter(|secret| secret.len() >= 8 && !"credentials".contains(secret));
            // A name of a member may be the value of another.
            let own = |secret: &str| names.iter().any(|name| name.contains(secret));
            assert!(secret.is_none_or(|secret| own(secret) || !words.contains(secret)), "{words}");
        }
    }
}
