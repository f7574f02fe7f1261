//! What the application asks of a shadow.

use core::time::Duration;

use super::{ShadowName, ShadowUpdate};

/// One request to a device shadow, for [`Client::ask_shadow`](crate::Client::ask_shadow).
///
/// ```
/// use core::time::Duration;
/// use thingwire_core::{ShadowName, ShadowRequest, ShadowUpdate, WhenOffline};
///
/// let update = ShadowUpdate::from_json(r#"{"state": {"reported": {"flow": 3.5}}}"#)?;
/// let request = ShadowRequest::update(ShadowName::classic("pump")?, update)
///     .timeout(Duration::from_secs(10))
///     .when_offline(WhenOffline::Refuse);
/// # let _ = request;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct ShadowRequest {
    /// Which shadow.
    pub shadow: ShadowName,
    /// What to do with it.
    pub operation: ShadowOperation,
    /// From the call to the outcome. `None` for [`RequestConfig::timeout`](crate::RequestConfig::timeout).
    pub timeout: Option<Duration>,
    /// What to do while there is no connection.
    pub when_offline: WhenOffline,
    /// The token that the service repeats in its answer and in what it tells others about the change: 1 to 64 bytes.
    /// `None` for one made by the client, or given with an update's JSON text.
    pub token: Option<String>,
}

/// What to do with a shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShadowOperation {
    /// Read it.
    Get,
    /// Change it, or make it.
    Update(Box<ShadowUpdate>),
    /// Remove it.
    Delete,
}

/// What becomes of a request while there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenOffline {
    /// It is refused at the call: what is asked for is worth something now or never.
    #[default]
    Refuse,
    /// It waits, while its deadline runs.
    Wait,
}

impl ShadowRequest {
    /// Reads a shadow.
    pub fn get(shadow: ShadowName) -> Self {
        Self::new(shadow, ShadowOperation::Get)
    }

    /// Changes a shadow.
    pub fn update(shadow: ShadowName, update: ShadowUpdate) -> Self {
        Self::new(shadow, ShadowOperation::Update(Box::new(update)))
    }

    /// Removes a shadow.
    pub fn delete(shadow: ShadowName) -> Self {
        Self::new(shadow, ShadowOperation::Delete)
    }

    fn new(shadow: ShadowName, operation: ShadowOperation) -> Self {
        Self { shadow, operation, timeout: None, when_offline: WhenOffline::Refuse, token: None }
    }

    /// The same request, with this long until its outcome.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The same request, which waits while there is no connection, or does not.
    pub fn when_offline(mut self, when_offline: WhenOffline) -> Self {
        self.when_offline = when_offline;
        self
    }

    /// The same request with this token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }
}

/// What to be told of a shadow, for [`Client::watch_shadow`](crate::Client::watch_shadow): its deltas, and what else is
/// switched on.
///
/// ```
/// use thingwire_core::{ShadowName, ShadowWatch};
///
/// let watch = ShadowWatch::deltas(ShadowName::named("pump", "settings")?).deletions(true);
/// # let _ = watch;
/// # Ok::<(), thingwire_core::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct ShadowWatch {
    /// Which shadow.
    pub shadow: ShadowName,
    /// Whether every accepted update is told as a whole. Default: false.
    pub documents: bool,
    /// Whether to be told when somebody deletes the shadow. Default: false: then it shows at the next get, unless the
    /// client itself deletes it.
    pub deletions: bool,
    /// Whether the shadow is read when the watch begins, and again whenever notifications may have been lost.
    /// Default: true. Without it, a delta that is missed stays missed.
    pub get: bool,
}

impl ShadowWatch {
    /// Its deltas.
    pub fn deltas(shadow: ShadowName) -> Self {
        Self { shadow, documents: false, deletions: false, get: true }
    }

    /// The same, with every accepted update as a whole, or without.
    pub fn documents(mut self, documents: bool) -> Self {
        self.documents = documents;
        self
    }

    /// The same, with deletions, or without.
    pub fn deletions(mut self, deletions: bool) -> Self {
        self.deletions = deletions;
        self
    }

    /// The same, with the shadow read first and again whenever something may have been missed, or not.
    pub fn get_first(mut self, get: bool) -> Self {
        self.get = get;
        self
    }
}
