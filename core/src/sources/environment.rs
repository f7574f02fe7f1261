//! The environment.

use std::sync::Arc;

use crate::transport::{Credentials, CredentialsProvider, NoCredentials};

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";

/// Environment variables: the process's, or others. Cheap to clone.
#[derive(Clone)]
pub struct Variables(Arc<Look>);

type Look = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Variables {
    /// Those of this process. One that is not Unicode counts as not set.
    pub fn of_process() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// What `look` says of each name.
    pub fn new(look: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    /// One that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

/// Shows no value.
impl core::fmt::Debug for Variables {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Variables")
    }
}

pub(super) struct Environment(pub(super) Variables);

impl CredentialsProvider for Environment {
    fn credentials(&self, _: u64) -> Result<Credentials, NoCredentials> {
        let broken = |why: String| NoCredentials::broken(format!("environment: {why}"));
        let half = |set: &str, missing: &str| {
            broken(format!("{set} is set, but {missing} is not; set both, or neither to use another source"))
        };
        match (self.0.get(ID), self.0.get(SECRET), self.0.get(TOKEN)) {
            (Some(id), Some(secret), token) => {
                let made = Credentials::new(id, secret).and_then(|credentials| match token {
                    Some(token) => credentials.with_session_token(token),
                    None => Ok(credentials),
                });
                made.map_err(|error| broken(format!("{error}; check the variables {ID}, {SECRET} and {TOKEN}")))
            }
            (Some(_), None, _) => Err(half(ID, SECRET)),
            (None, Some(_), _) => Err(half(SECRET, ID)),
            (None, None, Some(_)) => Err(half(TOKEN, ID)),
            (None, None, None) => Err(NoCredentials::absent(format!("environment: {ID} is not set"))),
        }
    }
}
