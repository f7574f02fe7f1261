//! One device shadow, as a handle.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::client::Client;
use super::pending::Pending;
use super::shadow_events::{Deltas, ShadowEvents};
use crate::{
    Document, NameError, Outcome, Refused, ShadowError, ShadowName, ShadowRequest, ShadowUpdate, ShadowWatch, Ticket,
    WhenOffline,
};

/// A device shadow. Clones are handles of the same shadow, and handles of its [`Client`] too.
///
/// ```
/// use std::error::Error;
///
/// use serde_json::json;
/// use thingwire_core::handle::{Client, Shadow};
/// use thingwire_core::{Delta, ShadowError, ShadowUpdate, WhenOffline};
///
/// async fn run(client: &Client) -> Result<(), Box<dyn Error>> {
///     let shadow = client.shadow("pump-7")?;
///     match shadow.get()?.await {
///         Ok(document) => println!("version {:?}: {:?}", document.version, document.reported),
///         Err(ShadowError::Rejected(why)) if why.status() == Some(404) => println!("there is none yet"),
///         Err(error) => return Err(error.into()),
///     }
///
///     // What was asked for while nobody was looking, and from now on whatever is asked for.
///     let deltas = shadow.deltas()?;
///     while let Some(delta) = deltas.recv().await {
///         follow(&shadow, &delta).await?;
///     }
///     Ok(())
/// }
///
/// /// Does what is wanted, and says so, also if there is no connection now.
/// async fn follow(shadow: &Shadow, delta: &Delta) -> Result<(), Box<dyn Error>> {
///     if let Some(flow) = delta.state.get::<f64>("flow") {
///         let flow = flow?; // another type than a number is an error that names the member
///         // Set the pump.
///         let update = ShadowUpdate::reported(&json!({ "flow": flow }))?;
///         shadow.clone().when_offline(WhenOffline::Wait).update(update)?.await?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Shadow {
    client: Client,
    settings: Settings,
}

/// A shadow without its client.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) name: ShadowName,
    timeout: Option<Duration>,
    when_offline: WhenOffline,
}

/// Device shadows.
impl Client {
    /// The classic shadow of a thing.
    pub fn shadow(&self, thing: &str) -> Result<Shadow, NameError> {
        ShadowName::classic(thing).map(|name| self.shadow_of(name))
    }

    /// A named shadow of a thing.
    pub fn named_shadow(&self, thing: &str, shadow: &str) -> Result<Shadow, NameError> {
        ShadowName::named(thing, shadow).map(|name| self.shadow_of(name))
    }

    /// The shadow of this name.
    pub fn shadow_of(&self, name: ShadowName) -> Shadow {
        Shadow::new(self.clone(), Settings::of(name))
    }
}

impl Settings {
    pub(crate) fn of(name: ShadowName) -> Self {
        Self { name, timeout: None, when_offline: WhenOffline::default() }
    }
}

impl Shadow {
    pub(crate) fn new(client: Client, settings: Settings) -> Self {
        Self { client, settings }
    }

    /// The same shadow with this long from each call to its outcome, instead of
    /// [`RequestConfig::timeout`](crate::RequestConfig::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Some(timeout);
        self
    }

    /// The same shadow, whose requests wait while there is no connection, or are refused, which is the default.
    #[must_use]
    pub fn when_offline(mut self, when_offline: WhenOffline) -> Self {
        self.settings.when_offline = when_offline;
        self
    }

    /// Which shadow it is.
    pub fn name(&self) -> &ShadowName {
        &self.settings.name
    }

    /// The client that it belongs to.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Reads the whole shadow.
    pub fn get(&self) -> Result<ShadowPending, Refused<ShadowRequest>> {
        self.ask(ShadowRequest::get(self.name().clone()))
    }

    /// Changes the shadow, or makes it. The answer has what was changed, and the new version.
    pub fn update(&self, update: ShadowUpdate) -> Result<ShadowPending, Refused<ShadowRequest>> {
        self.ask(ShadowRequest::update(self.name().clone(), update))
    }

    /// Removes the shadow. The answer has the version that is gone.
    pub fn delete(&self) -> Result<ShadowPending, Refused<ShadowRequest>> {
        self.ask(ShadowRequest::delete(self.name().clone()))
    }

    /// Its deltas: the one that there is now, and all from now on. See [`ShadowEvents`] for what is promised.
    pub fn deltas(&self) -> Result<Deltas, Refused<ShadowWatch>> {
        self.watch(|watch| watch).map(Deltas::new)
    }

    /// Everything that there is to be told of it. `change` switches on what else than deltas that is, as in
    /// `shadow.watch(|watch| watch.documents(true).deletions(true))`.
    pub fn watch(&self, change: impl FnOnce(ShadowWatch) -> ShadowWatch) -> Result<ShadowEvents, Refused<ShadowWatch>> {
        let watch = change(ShadowWatch::deltas(self.name().clone()));
        let settings = Settings { name: watch.shadow.clone(), ..self.settings };
        self.client.watch_shadow(watch).map(|events| events.with(settings))
    }

    fn ask(&self, mut request: ShadowRequest) -> Result<ShadowPending, Refused<ShadowRequest>> {
        request.timeout = self.settings.timeout;
        request.when_offline = self.settings.when_offline;
        self.client.ask_shadow(request)
    }
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { name, timeout, when_offline } = &self.settings;
        f.debug_struct("Shadow")
            .field("name", name)
            .field("timeout", timeout)
            .field("when_offline", when_offline)
            .finish_non_exhaustive()
    }
}

/// An accepted request to a shadow, and a future of its end. It ends by its deadline, whatever happens.
///
/// Dropping this changes nothing: the request goes on. Awaited again, it gives the same.
#[derive(Debug)]
pub struct ShadowPending {
    pending: Pending,
    token: String,
}

impl ShadowPending {
    pub(crate) fn new(pending: Pending, token: String) -> Self {
        Self { pending, token }
    }

    /// The request's name.
    pub fn ticket(&self) -> Ticket {
        self.pending.ticket()
    }

    /// The request's client token. The service repeats it in what it tells everybody about the change: so one can tell
    /// one's own changes in [`Delta::client_token`](crate::Delta::client_token).
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Waits for the end, as awaiting this does. It comes by the request's deadline, and is always the same.
    ///
    /// Cancel safe: dropping the future changes nothing.
    pub async fn answer(&self) -> Result<Document, ShadowError> {
        typed(self.pending.wait().await)
    }

    /// The end, if it is known.
    pub fn try_answer(&self) -> Option<Result<Document, ShadowError>> {
        let outcome = self.pending.try_wait();
        (outcome.is_some() || self.pending.is_gone()).then(|| typed(outcome))
    }

    /// Calls `callback` once with the end, as [`Pending::on_done`] does: it may use the shadow, block or panic.
    pub fn on_done(self, callback: impl FnOnce(Result<Document, ShadowError>) + Send + 'static) {
        self.pending.on_done(|outcome| callback(typed(outcome)));
    }
}

impl Future for ShadowPending {
    type Output = Result<Document, ShadowError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.get_mut().pending).poll(context).map(typed)
    }
}

fn typed(outcome: Option<Outcome>) -> Result<Document, ShadowError> {
    outcome.map_or(Err(ShadowError::Gone), Outcome::into_document)
}
