//! The files that AWS's tools share: `credentials` and `config` (AWS SDKs and Tools reference guide, "Format of the
//! shared config and credentials files").

use core::fmt;
use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{Credentials, CredentialsError};

/// Settings that name another way to credentials than keys and processes. With those of the first group, keys in the
/// same profile would be somebody else's.
const ASSUMED: [&str; 2] = ["role_arn", "web_identity_token_file"];
const ELSEWHERE: [&str; 4] = ["sso_session", "sso_start_url", "login_session", "credential_source"];

/// Which of the two files a text is: they name profiles differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// `[NAME]`
    Credentials,
    /// `[profile NAME]`, and `[default]`.
    Config,
}

/// Why a text is not such a file. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileFault {
    /// It is not UTF-8.
    NotText,
    /// This line, from 1, is neither a section nor a setting nor a comment.
    Line(usize),
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("it is not UTF-8 text; save it as UTF-8"),
            Self::Line(line) => write!(f, "line {line} is neither [a section] nor name = value nor # a comment"),
        }
    }
}

/// The settings of one profile. `Debug` is not there: it would show secrets.
#[derive(Default)]
pub(crate) struct Profile(BTreeMap<String, Zeroizing<String>>);

/// What a profile offers.
pub(crate) enum Offer {
    Keys(Credentials),
    /// The command line of a program that gives credentials.
    Process(String),
}

/// Why a profile offers nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ProfileFault {
    /// It has neither keys nor a program.
    Nothing,
    /// One half of the key is there, the other is not.
    Half {
        missing: &'static str,
    },
    Malformed(CredentialsError),
    /// It names a way to credentials that is not supported.
    Unsupported {
        setting: &'static str,
    },
}

/// The profile of this name; `None` when the file does not have it. Of several sections with one name, and of several
/// settings, the later ones count. The whole file has to be well-formed.
pub(crate) fn find(file: &[u8], kind: FileKind, name: &str) -> Result<Option<Profile>, FileFault> {
    let text = core::str::from_utf8(file).map_err(|_| FileFault::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\0') {
        return Err(FileFault::NotText);
    }
    let mut found = None;
    let mut wanted = false;
    // Below a setting without a value, indented lines are settings of its own.
    let mut nests = false;
    let mut has_section = false;
    for (index, line) in text.lines().enumerate() {
        let fault = FileFault::Line(index + 1);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            let (section, rest) = rest.split_once(']').ok_or(fault)?;
            let rest = rest.trim_start();
            if !rest.is_empty() && !rest.starts_with(['#', ';']) {
                return Err(fault);
            }
            (has_section, nests) = (true, false);
            wanted = is_section(section, kind, name);
            if wanted {
                found.get_or_insert_with(Profile::default);
            }
            continue;
        }
        if nests && line.starts_with([' ', '\t']) {
            continue;
        }
        let (key, value) = trimmed.split_once('=').filter(|_| has_section).ok_or(fault)?;
        let value = without_comment(value).trim();
        nests = value.is_empty();
        if let Some(profile) = found.as_mut().filter(|_| wanted) {
            profile.0.insert(key.trim().to_ascii_lowercase(), Zeroizing::new(value.to_owned()));
        }
    }
    Ok(found)
}

fn is_section(section: &str, kind: FileKind, name: &str) -> bool {
    let section = section.trim();
    match kind {
        FileKind::Credentials => section == name,
        FileKind::Config => {
            let named = section.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t']));
            named.map(|rest| unquoted(rest.trim())) == Some(name) || name == "default" && section == name
        }
    }
}

/// A comment behind a value begins with a blank.
fn without_comment(value: &str) -> &str {
    let begins =
        |(at, _): &(usize, char)| value[*at..].starts_with([' ', '\t']) && value[at + 1..].starts_with(['#', ';']);
    value.char_indices().find(begins).map_or(value, |(at, _)| &value[..at])
}

/// People put keys into quotes, though no tool of AWS writes them there.
fn unquoted(value: &str) -> &str {
    let within = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

impl Profile {
    /// Both files' settings; those of `self` count where both have one.
    pub(crate) fn or(mut self, other: Self) -> Self {
        for (key, value) in other.0 {
            self.0.entry(key).or_insert(value);
        }
        self
    }

    /// Keys before a program, as AWS's own tools have it.
    pub(crate) fn offer(&self) -> Result<Offer, ProfileFault> {
        if let Some(setting) = ASSUMED.into_iter().find(|setting| self.get(setting).is_some()) {
            return Err(ProfileFault::Unsupported { setting });
        }
        match (self.get("aws_access_key_id"), self.get("aws_secret_access_key")) {
            (Some(id), Some(secret)) => {
                let keys = keys(id, secret, self.get("aws_session_token"));
                return keys.map(Offer::Keys).map_err(ProfileFault::Malformed);
            }
            (Some(_), None) => return Err(ProfileFault::Half { missing: "aws_secret_access_key" }),
            (None, Some(_)) => return Err(ProfileFault::Half { missing: "aws_access_key_id" }),
            (None, None) if self.get("aws_session_token").is_some() => {
                return Err(ProfileFault::Half { missing: "aws_access_key_id" });
            }
            (None, None) => {}
        }
        if let Some(command) = self.get("credential_process") {
            return Ok(Offer::Process(command.to_owned()));
        }
        match ELSEWHERE.into_iter().find(|setting| self.get(setting).is_some()) {
            Some(setting) => Err(ProfileFault::Unsupported { setting }),
            None => Err(ProfileFault::Nothing),
        }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.as_str()).filter(|value| !value.is_empty())
    }
}

fn keys(id: &str, secret: &str, token: Option<&str>) -> Result<Credentials, CredentialsError> {
    let credentials = Credentials::new(unquoted(id), unquoted(secret))?;
    match token {
        Some(token) => credentials.with_session_token(unquoted(token)),
        None => Ok(credentials),
    }
}

#[cfg(test)]
mod tests;
