//! The files that AWS's tools share.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::environment::Variables;
use super::process::Process;
use crate::transport::credentials::profile::{self, FileKind, Offer, Profile, ProfileFault};
use crate::transport::{Credentials, CredentialsProvider, NoCredentials};

/// The most bytes of one file.
const LEN_MAX: u64 = 1024 * 1024;
const DEFAULT: &str = "default";
/// What v1 of the device SDK takes when there is no [`DEFAULT`].
const OLD_DEFAULT: &str = "DEFAULT";

/// A profile of the files that AWS's tools share: its keys, or those that its `credential_process` gives.
///
/// The files are `~/.aws/credentials` and `~/.aws/config`, or what the variables `AWS_SHARED_CREDENTIALS_FILE` and
/// `AWS_CONFIG_FILE` name; where both have a setting, the former counts. Profiles that assume a role or log in to a
/// browser are refused by name: let a `credential_process` do that.
#[derive(Debug, Clone)]
pub struct SharedFiles {
    profile: Option<String>,
    variables: Variables,
}

impl Default for SharedFiles {
    fn default() -> Self {
        Self::new()
    }
}

impl SharedFiles {
    /// The profile that the variable `AWS_PROFILE` names, otherwise `default`.
    pub fn new() -> Self {
        Self { profile: None, variables: Variables::of_process() }
    }

    /// The profile of this name.
    #[must_use]
    pub fn with_profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// With other variables than those of this process: `AWS_PROFILE`, `AWS_SHARED_CREDENTIALS_FILE`,
    /// `AWS_CONFIG_FILE`, `HOME` and, on Windows, `USERPROFILE`.
    #[must_use]
    pub fn with_variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    fn path(&self, variable: &str, name: &str) -> Option<PathBuf> {
        let home = || self.variables.get("HOME").or_else(|| self.variables.get("USERPROFILE")).map(PathBuf::from);
        match self.variables.get(variable) {
            Some(path) => match path.strip_prefix("~/") {
                Some(inside) => home().map(|home| home.join(inside)),
                None => Some(path.into()),
            },
            None => home().map(|home| home.join(".aws").join(name)),
        }
    }
}

impl CredentialsProvider for SharedFiles {
    fn credentials(&self, unix_seconds: u64) -> Result<Credentials, NoCredentials> {
        let asked = self.profile.clone().or_else(|| self.variables.get("AWS_PROFILE"));
        let name = asked.as_deref().unwrap_or(DEFAULT);
        let paths = [
            self.path("AWS_SHARED_CREDENTIALS_FILE", "credentials").map(|path| (path, FileKind::Credentials)),
            self.path("AWS_CONFIG_FILE", "config").map(|path| (path, FileKind::Config)),
        ];
        let places: Vec<_> = paths.into_iter().flatten().collect();
        let shown: Vec<_> = places.iter().map(|(path, _)| path.display().to_string()).collect();
        let shown = shown.join(" and ");
        if places.is_empty() {
            return Err(absent(asked.is_some(), "shared files: HOME is not set, so there are none".to_owned()));
        }
        let mut found: Option<Profile> = None;
        for (path, kind) in &places {
            if let Some(profile) = look(path, *kind, name)? {
                found = Some(match found {
                    Some(first) => first.or(profile),
                    None => profile,
                });
            }
        }
        let Some(found) = found else {
            return Err(absent(asked.is_some(), format!("shared files: no profile {name:?} in {shown}")));
        };
        let broken = |why: String| NoCredentials::broken(format!("shared files: profile {name:?} in {shown}: {why}"));
        match found.offer() {
            Ok(Offer::Keys(credentials)) => Ok(credentials),
            Ok(Offer::Process(command)) => Process::new(command).credentials(unix_seconds),
            Err(ProfileFault::Nothing) => {
                let why = "it has neither aws_access_key_id nor credential_process";
                Err(absent(asked.is_some(), format!("shared files: profile {name:?} in {shown}: {why}")))
            }
            Err(ProfileFault::Half { missing }) => Err(broken(format!("{missing} is missing"))),
            Err(ProfileFault::Malformed(error)) => Err(broken(error.to_string())),
            Err(ProfileFault::Unsupported { setting }) => Err(broken(format!(
                "{setting} is not supported; make a profile with credential_process = aws configure export-credentials \
                 --profile {name:?}"
            ))),
        }
    }
}

/// A profile that was asked for by name has to be there.
fn absent(is_asked_for: bool, why: String) -> NoCredentials {
    if is_asked_for { NoCredentials::broken(why + "; check its name") } else { NoCredentials::absent(why) }
}

fn look(path: &Path, kind: FileKind, name: &str) -> Result<Option<Profile>, NoCredentials> {
    let broken = |why: String| NoCredentials::broken(format!("shared files: {}: {why}", path.display()));
    let Some(text) =
        read(path).map_err(|error| broken(format!("cannot be read: {error}; check the path and its permissions")))?
    else {
        return Ok(None);
    };
    if text.len() as u64 > LEN_MAX {
        return Err(broken(format!("it has more than {LEN_MAX} bytes; check that it is the right file")));
    }
    let find = |name| profile::find(&text, kind, name).map_err(|fault| broken(fault.to_string()));
    match find(name)? {
        None if name == DEFAULT && kind == FileKind::Credentials => find(OLD_DEFAULT),
        found => Ok(found),
    }
}

/// What a file holds; `None` when it is not there.
fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let len = file.metadata()?.len().min(LEN_MAX);
    // In one piece from the beginning, so that no copies of it stay behind.
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(len).unwrap_or(0) + 1));
    file.take(LEN_MAX + 1).read_to_end(&mut text)?;
    Ok(Some(text))
}
