//! What was given before, for as long as it is good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::transport::{Credentials, CredentialsProvider, CredentialsSource, NoCredentials};

/// How long before their end credentials are renewed: clocks may be as far apart.
const MARGIN_SECONDS: u64 = 300;

/// A source with a memory. Whoever comes while it is being asked waits for the same answer.
pub(super) struct Cache {
    source: CredentialsSource,
    held: Mutex<Option<Credentials>>,
    /// Not behind the lock: who says so must not wait.
    refused: AtomicBool,
}

impl Cache {
    pub(super) fn new(source: CredentialsSource) -> Self {
        Self { source, held: Mutex::default(), refused: AtomicBool::new(false) }
    }
}

impl CredentialsProvider for Cache {
    fn credentials(&self, unix_seconds: u64) -> Result<Credentials, NoCredentials> {
        // What is held is whole at any time, so that a panic of the source leaves nothing broken.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if self.refused.swap(false, Ordering::AcqRel) {
            *held = None;
        }
        let left =
            |credentials: &Credentials| credentials.expires_at_secs().map(|end| end.saturating_sub(unix_seconds));
        if let Some(credentials) = held.as_ref().filter(|held| left(held) > Some(MARGIN_SECONDS)) {
            return Ok(credentials.clone());
        }
        match self.source.find(unix_seconds) {
            Ok(credentials) => {
                credentials
                    .check_validity(unix_seconds)
                    .map_err(|why| NoCredentials::broken(format!("the source gave some, but {why}")))?;
                *held = credentials.expires_at_secs().and(Some(credentials.clone()));
                Ok(credentials)
            }
            Err(error) => match held.as_ref().filter(|held| left(held) > Some(0)) {
                Some(credentials) => {
                    log::warn!("AWS credentials cannot be renewed yet, and are used until they expire: {error}");
                    Ok(credentials.clone())
                }
                None => Err(error),
            },
        }
    }

    fn refused(&self) {
        self.refused.store(true, Ordering::Release);
        self.source.refused();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const START: u64 = 1_000_000;

    /// A cached source that gives what the script says, one answer after the other.
    fn scripted(script: Vec<Result<Option<u64>, &'static str>>) -> (CredentialsSource, Arc<Mutex<usize>>) {
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        let source = CredentialsSource::from_fn(move || {
            let mut asked = count.lock().unwrap();
            *asked += 1;
            let credentials = Credentials::new(format!("AKID{asked}"), "secret").unwrap();
            match script[*asked - 1] {
                Ok(Some(end)) => Ok(credentials.with_expiry(end)),
                Ok(None) => Ok(credentials),
                Err(why) => Err(why.to_owned()),
            }
        });
        (source.cached(), asked)
    }

    fn id(source: &CredentialsSource, at: u64) -> Result<String, String> {
        source.find(at).map(|credentials| credentials.access_key_id().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_expires_is_kept_until_shortly_before() {
        let (source, _) = scripted(vec![Ok(Some(START + 3_600)), Ok(Some(START + 7_200))]);
        for at in [0, 1, 3_299] {
            assert_eq!(id(&source, START + at).unwrap(), "AKID1", "{at}");
        }
        assert_eq!(id(&source.clone(), START + 3_300).unwrap(), "AKID2");
        assert_eq!(id(&source, START + 3_301).unwrap(), "AKID2", "clones share it");
    }

    #[test]
    fn what_does_not_expire_is_asked_for_every_time() {
        let (source, asked) = scripted(vec![Ok(None), Ok(None)]);
        assert_eq!([id(&source, START).unwrap(), id(&source, START).unwrap()], ["AKID1", "AKID2"]);
        assert_eq!(*asked.lock().unwrap(), 2);
    }

    #[test]
    fn what_was_refused_is_not_given_again_even_if_nothing_else_is_there() {
        let (source, _) = scripted(vec![Ok(Some(START + 3_600)), Err("down"), Ok(Some(START + 3_600))]);
        assert_eq!(id(&source, START).unwrap(), "AKID1");
        source.refused();
        assert_eq!(id(&source, START).unwrap_err(), "down");
        assert_eq!(id(&source, START).unwrap(), "AKID3");
    }

    #[test]
    fn a_failed_renewal_falls_back_on_what_is_valid_and_on_nothing_that_is_not() {
        let (source, asked) = scripted(vec![
            Ok(Some(START + 600)),
            Err("down"),
            Err("down"),
            Ok(Some(START + 700)),
            Ok(Some(START + 4_000)),
        ]);
        assert_eq!(id(&source, START).unwrap(), "AKID1");
        assert_eq!(id(&source, START + 599).unwrap(), "AKID1");
        assert_eq!(id(&source, START + 600).unwrap_err(), "down");
        let stale = id(&source, START + 700).unwrap_err();
        assert!(stale.contains("expired at 1970-01-12 13:58:20 UTC"), "{stale}");
        assert_eq!(id(&source, START + 700).unwrap(), "AKID5");
        assert_eq!(*asked.lock().unwrap(), 5);
    }
}
