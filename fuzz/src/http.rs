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
    let places = match from {
        Answerer::Process => ["/AccessKeyId", "/SecretAccessKey"],
        Answerer::Iot => ["/credentials/accessKeyId", "/credentials/secretAccessKey"],
        Answerer::Cognito => ["/Credentials/AccessKeyId", "/Credentials/SecretKey"],
    };
    let [id, secret] = places.map(|place| json.pointer(place).and_then(|value| value.as_str()));
    let with_other_secret = || {
        let mut other = json.clone();
        if let (Some(place), Some(secret)) = (other.pointer_mut(places[1]), secret) {
            *place = secret.replace(char::is_alphanumeric, "#").into();
        }
        credentials_answer(from, other.to_string().as_bytes())
    };
    match read {
        Ok(credentials) => {
            assert_eq!(Some(credentials.access_key_id()), id);
            assert_eq!(Some(secret_of(&credentials)), secret);
            let other = with_other_secret().expect("it is as good");
            assert_eq!(format!("{credentials:?}"), format!("{other:?}"), "no secret in it");
        }
        Err(words) => {
            let Some(secret) = secret.filter(|secret| secret.len() >= 8 && words.contains(secret)) else { return };
            // They may be words of our own: then they are said of another secret as well.
            assert!(with_other_secret().is_err_and(|words| words.contains(secret)), "{words}");
        }
    }
}
