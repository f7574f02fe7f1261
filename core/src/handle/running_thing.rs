//! A thing that runs, as a handle to clone and share.

use core::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::client::Client;
use super::outlet::Outlet;
use super::shared::State;
use super::thing_options::{ThingError, ThingOptions};
use super::things::{ThingNews, prepare};
use crate::ShadowName;
use crate::thing::{Cause, Failure, WishError};

/// A thing that runs in the loop of a [`Client`]: its ports are opened and opened again, its shadow is kept in step with
/// its devices, and its memory is written. Clones are handles of the same thing.
///
/// When the last handle is dropped, it ends as [`stop`](Self::stop) does. It keeps its client; when the client's loop
/// ends, so does the thing, at once.
///
/// Rules and components run in the loop: they must neither call nor keep a handle of their own thing or client, which
/// would wait for the loop, and it for them.
#[derive(Clone)]
#[must_use = "dropping the last handle ends it"]
pub struct RunningThing {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    id: u64,
    shadow: ShadowName,
    news: Outlet<ThingNews>,
}

/// What a property is, and is to become.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PropertyState {
    /// What it is; `None` when nothing is known of it.
    pub actual: Option<Value>,
    /// Why it is that.
    pub cause: Cause,
    /// What it is to become, if it is to become something.
    pub wanted: Option<Value>,
    /// What the cloud holds in `desired`, as far as known.
    pub desired: Option<Value>,
    /// What the cloud holds in `reported`, as far as known.
    pub reported: Option<Value>,
}

/// Things.
impl Client {
    /// Runs a thing in this client's loop, beside whatever else the client does; there may be several. No thread is
    /// started for it or its ports, but one for each port that is being opened and one for its memory that is being
    /// written, while that takes; and those of ports that have to be pumped.
    ///
    /// It reads the thing's memory now, and fails when the thing contradicts itself.
    pub fn run_thing(&self, options: ThingOptions) -> Result<RunningThing, ThingError> {
        let shadow = options.shadow.clone();
        let hosted = prepare(options)?;
        let inbox = Arc::clone(&hosted.news);
        let id = self.shared().command(|state, _| state.add_thing(hosted));
        let news = Outlet::new(inbox, Arc::clone(self.shared()));
        Ok(RunningThing { inner: Arc::new(Inner { client: self.clone(), id, shadow, news }) })
    }
}

impl RunningThing {
    /// The program wants a property to become this, as [`Thing::set`](crate::thing::Thing::set) says. Whether and when it
    /// did comes with the [news](Self::news).
    pub fn set(&self, property: &str, value: impl Into<Value>) -> Result<(), WishError> {
        let value = value.into();
        self.inner.client.shared().command(|state, now| {
            let thing = state.things.thing(self.inner.id).ok_or(WishError::Device(Failure::Down))?;
            thing.set(now, property, value)
        })
    }

    /// What a property is, and is to become; `None` when there is none of this name, or the thing has ended.
    pub fn property(&self, name: &str) -> Option<PropertyState> {
        self.look(|state| {
            let view = state.things.thing(self.inner.id)?.property(name)?;
            Some(PropertyState {
                actual: view.actual.cloned(),
                cause: view.cause,
                wanted: view.wanted.cloned(),
                desired: view.desired.cloned(),
                reported: view.reported.cloned(),
            })
        })
    }

    /// The names of all properties, in the order of the components.
    pub fn properties(&self) -> Vec<String> {
        self.look(|state| {
            let thing = state.things.thing(self.inner.id);
            thing.into_iter().flat_map(|thing| thing.properties().map(str::to_owned).collect::<Vec<_>>()).collect()
        })
    }

    /// Reads all devices as soon as may be.
    pub fn refresh(&self) {
        self.inner.client.shared().command(|state, now| {
            if let Some(thing) = state.things.thing(self.inner.id) {
                thing.refresh(now);
            }
        });
    }

    /// The shadow.
    pub fn shadow(&self) -> &ShadowName {
        &self.inner.shadow
    }

    /// The client in whose loop it runs.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Waits for what happens next; `None` when the thing has ended. Everything since the beginning is told, once, to
    /// whichever handle takes it first. When nobody does, the oldest of 1,024 are dropped, and
    /// [counted](Self::dropped).
    ///
    /// Cancel safe: a future that is dropped has taken nothing.
    pub async fn news(&self) -> Option<ThingNews> {
        self.inner.news.recv().await
    }

    /// What has happened next, if it is there already.
    pub fn try_news(&self) -> Option<ThingNews> {
        self.inner.news.try_recv()
    }

    /// How much was dropped so far because nobody took it in time.
    pub fn dropped(&self) -> u64 {
        self.inner.news.inbox.dropped()
    }

    /// Ends it: its ports are closed, its shadow is not watched any more, its memory is written. What is wished in the
    /// cloud stays there.
    ///
    /// It begins with this call. The future waits for its end; dropping it changes nothing.
    pub fn stop(&self) -> impl Future<Output = ()> + Send + use<'_> {
        self.inner.leave();
        async { self.inner.ended().await }
    }

    fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        self.inner.client.shared().look(look)
    }
}

impl Inner {
    fn leave(&self) {
        self.client.shared().command(|state, _| state.things.leave(self.id));
    }

    async fn ended(&self) {
        let gone = |state: &mut State| state.things.find(self.id).is_none().then_some(());
        self.client.shared().until(gone).await.unwrap_or_default();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for RunningThing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningThing").field("shadow", &self.inner.shadow).finish_non_exhaustive()
    }
}
