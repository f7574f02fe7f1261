//! One device shadow, as a handle.

use std::time::Duration;

use thingwire_core::{
    Document, NameError, Refused, ShadowError, ShadowName, ShadowRequest, ShadowUpdate, ShadowWatch, Ticket,
    WhenOffline, handle,
};

use super::client::Client;
use super::shadow_events::{Deltas, ShadowEvents};
use super::wait::wait;

/// A device shadow. Clones are handles of the same shadow, and handles of its [`Client`] too.
///
/// ```no_run
/// use std::error::Error;
/// use std::time::Duration;
///
/// use serde_json::json;
/// use thingwire_std::{Client, Delta, Shadow, ShadowError, ShadowUpdate, WhenOffline};
///
/// fn run(client: &Client) -> Result<(), Box<dyn Error>> {
///     let shadow = client.shadow("pump-7")?.timeout(Duration::from_secs(5));
///
///     // What was asked for while nobody was looking, and from now on whatever is asked for.
///     shadow.deltas()?.deliver_to(|shadow, delta| {
///         if let Err(error) = follow(shadow, &delta) {
///             eprintln!("version {}: {error}", delta.version);
///         }
///     })?;
///
///     match shadow.get()?.answer() {
///         Ok(document) => println!("version {:?}: {:?}", document.version, document.reported),
///         Err(ShadowError::Rejected(why)) if why.status() == Some(404) => println!("there is none yet"),
///         Err(error) => return Err(error.into()),
///     }
///
///     // Only if nobody was faster, and later if there is no connection now.
///     let update = ShadowUpdate::desired(&json!({ "flow": 3.5 }))?.version(17);
///     shadow.when_offline(WhenOffline::Wait).update(update)?.on_done(|answer| println!("{answer:?}"));
///     Ok(())
/// }
///
/// /// Does what is wanted, and says so.
/// fn follow(shadow: &Shadow, delta: &Delta) -> Result<(), Box<dyn Error>> {
///     if let Some(flow) = delta.state.get::<f64>("flow") {
///         let flow = flow?; // another type than a number is an error that names the member
///         // Set the pump.
///         shadow.update(ShadowUpdate::reported(&json!({ "flow": flow }))?)?.answer()?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Shadow {
    client: Client,
    inner: handle::Shadow,
}

/// Device shadows.
impl Client {
    /// The classic shadow of a thing.
    pub fn shadow(&self, thing: &str) -> Result<Shadow, NameError> {
        self.inner.shadow(thing).map(Shadow::new)
    }

    /// A named shadow of a thing.
    pub fn named_shadow(&self, thing: &str, shadow: &str) -> Result<Shadow, NameError> {
        self.inner.named_shadow(thing, shadow).map(Shadow::new)
    }

    /// The shadow of this name.
    pub fn shadow_of(&self, name: ShadowName) -> Shadow {
        Shadow::new(self.inner.shadow_of(name))
    }
}

impl Shadow {
    pub(crate) fn new(inner: handle::Shadow) -> Self {
        Self { client: Client { inner: inner.client().clone() }, inner }
    }

    /// The same shadow with this long from each call to its outcome, instead of
    /// [`RequestConfig::timeout`](crate::RequestConfig::timeout).
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { inner: self.inner.timeout(timeout), ..self }
    }

    /// The same shadow, whose requests wait while there is no connection, or are refused, which is the default.
    #[must_use]
    pub fn when_offline(self, when_offline: WhenOffline) -> Self {
        Self { inner: self.inner.when_offline(when_offline), ..self }
    }

    /// Which shadow it is.
    pub fn name(&self) -> &ShadowName {
        self.inner.name()
    }

    /// The client that it belongs to.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Reads the whole shadow.
    pub fn get(&self) -> Result<ShadowPending, Refused<ShadowRequest>> {
        self.inner.get().map(ShadowPending::new)
    }

    /// Changes the shadow, or makes it. The answer has what was changed, and the new version.
    pub fn update(&self, update: ShadowUpdate) -> Result<ShadowPending, Refused<ShadowRequest>> {
        self.inner.update(update).map(ShadowPending::new)
    }

    /// Removes the shadow. The answer has the version that is gone.
    pub fn delete(&self) -> Result<ShadowPending, Refused<ShadowRequest>> {
        self.inner.delete().map(ShadowPending::new)
    }

    /// Its deltas: the one that there is now, and all from now on. See [`ShadowEvents`] for what is promised.
    pub fn deltas(&self) -> Result<Deltas, Refused<ShadowWatch>> {
        self.inner.deltas().map(Deltas::new)
    }

    /// Everything that there is to be told of it. `change` switches on what else than deltas that is, as in
    /// `shadow.watch(|watch| watch.documents(true).deletions(true))`.
    pub fn watch(&self, change: impl FnOnce(ShadowWatch) -> ShadowWatch) -> Result<ShadowEvents, Refused<ShadowWatch>> {
        self.inner.watch(change).map(ShadowEvents::new)
    }
}

/// An accepted request to a shadow. It ends by its deadline, whatever happens. Dropping this changes nothing: the
/// request goes on.
#[derive(Debug)]
pub struct ShadowPending {
    inner: handle::ShadowPending,
}

impl ShadowPending {
    pub(crate) fn new(inner: handle::ShadowPending) -> Self {
        Self { inner }
    }

    /// The request's name.
    pub fn ticket(&self) -> Ticket {
        self.inner.ticket()
    }

    /// The request's client token. The service repeats it in what it tells everybody about the change: so one can tell
    /// one's own changes in [`Delta::client_token`](crate::Delta::client_token).
    pub fn token(&self) -> &str {
        self.inner.token()
    }

    /// Waits for the end, which comes by the request's deadline, and is always the same.
    pub fn answer(&self) -> Result<Document, ShadowError> {
        wait(self.inner.answer(), None).unwrap_or(Err(ShadowError::Gone))
    }

    /// Waits for the end, at most for `timeout`; `None` when it is not known then.
    pub fn wait(&self, timeout: Duration) -> Option<Result<Document, ShadowError>> {
        wait(self.inner.answer(), Some(timeout))
    }

    /// The end, if it is known.
    pub fn try_answer(&self) -> Option<Result<Document, ShadowError>> {
        self.inner.try_answer()
    }

    /// Calls `callback` once with the end, as [`Pending::on_done`](crate::Pending::on_done) does: it may use the shadow,
    /// block or panic.
    pub fn on_done(self, callback: impl FnOnce(Result<Document, ShadowError>) + Send + 'static) {
        self.inner.on_done(callback);
    }
}
