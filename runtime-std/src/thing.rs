//! A thing that runs beside a client.

use std::time::Duration;

use serde_json::Value;
use thingwire_core::ShadowName;
use thingwire_core::handle::{self, PropertyState, ThingError, ThingNews, ThingOptions};
use thingwire_core::thing::WishError;

use super::client::Client;
use super::wait::wait;

/// A thing that runs on the thread of a [`Client`]: its ports are opened and opened again, its shadow is kept in step with
/// its devices, and its memory is written. Clones are handles of the same thing.
///
/// When the last handle is dropped, it ends as [`stop`](Self::stop) does. It keeps its client.
///
/// Rules and components run on that thread: they must neither call nor keep a handle of their own thing or client, which
/// would wait for the thread, and it for them.
///
/// As an iterator it waits for all that happens, and ends with the thing.
///
/// ```no_run
/// use std::time::Duration;
/// use thingwire_core::ShadowName;
/// use thingwire_core::handle::ThingOptions;
/// use thingwire_core::thing::lines::{Lines, words};
/// use thingwire_core::thing::{Port, Thing};
/// # use thingwire_std::{Client, Options};
///
/// # let client = Client::new(Options::plain("localhost", "relay-one")?)?;
/// let relay = Lines::new("relay")
///     .property("relayState", words([("ON", true), ("OFF", false)]))
///     .query("RELAY?", "RELAY{relayState}")
///     .command("relayState", "RELAY{relayState}")
///     .poll_every(Duration::from_secs(5));
/// let thing = Thing::builder().component("relay", relay.build()?);
/// let options = ThingOptions::new(thing, ShadowName::classic("relay-one")?)
///     .port("relay", Port::serial("/dev/serial/by-id/usb-relay").baud(9600))
///     .memory("/var/lib/relay.memory");
/// for news in client.run_thing(options)? {
///     println!("{news}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "dropping the last handle ends it"]
pub struct RunningThing {
    client: Client,
    inner: handle::RunningThing,
}

/// Things.
impl Client {
    /// Runs a thing beside whatever else the client does, on the same thread; there may be several. It reads the thing's
    /// memory now, and fails when the thing contradicts itself.
    pub fn run_thing(&self, options: ThingOptions) -> Result<RunningThing, ThingError> {
        let inner = self.inner.run_thing(options)?;
        Ok(RunningThing { client: self.clone(), inner })
    }
}

impl RunningThing {
    /// The program wants a property to become this, as [`Thing::set`](thingwire_core::thing::Thing::set) says. Whether and
    /// when it did comes with the [news](Self::news).
    pub fn set(&self, property: &str, value: impl Into<Value>) -> Result<(), WishError> {
        self.inner.set(property, value)
    }

    /// What a property is, and is to become; `None` when there is none of this name, or the thing has ended.
    pub fn property(&self, name: &str) -> Option<PropertyState> {
        self.inner.property(name)
    }

    /// The names of all properties, in the order of the components.
    pub fn properties(&self) -> Vec<String> {
        self.inner.properties()
    }

    /// Reads all devices as soon as may be.
    pub fn refresh(&self) {
        self.inner.refresh();
    }

    /// The shadow.
    pub fn shadow(&self) -> &ShadowName {
        self.inner.shadow()
    }

    /// The client on whose thread it runs.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What happens next; `None` when nothing does within `timeout`, or, at once, when the thing has ended. Everything
    /// since the beginning is told, once, to whichever handle takes it first. When nobody does, the oldest of 1,024 are
    /// dropped, and [counted](Self::dropped).
    pub fn news(&self, timeout: Duration) -> Option<ThingNews> {
        wait(self.inner.news(), Some(timeout)).flatten()
    }

    /// What has happened next, if it is there already.
    pub fn try_news(&self) -> Option<ThingNews> {
        self.inner.try_news()
    }

    /// How much was dropped so far because nobody took it in time.
    pub fn dropped(&self) -> u64 {
        self.inner.dropped()
    }

    /// Ends it: its ports are closed, its shadow is not watched any more, its memory is written. What is wished in the
    /// cloud stays there.
    ///
    /// Tells whether that was done within `timeout`; if not, it goes on.
    pub fn stop(&self, timeout: Duration) -> bool {
        wait(self.inner.stop(), Some(timeout)).is_some()
    }
}

impl Iterator for RunningThing {
    type Item = ThingNews;

    fn next(&mut self) -> Option<ThingNews> {
        wait(self.inner.news(), None).flatten()
    }
}
