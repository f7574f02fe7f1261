//! Name resolution and credentials, where they may block: the operating system's resolver and a source of credentials
//! cannot be interrupted.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::lock::Lock;
use super::net::Spawn;
use super::wakers::Bell;
use crate::LinkError;
use crate::dial::{Prepared, Route, resolve_timeout};

type Answer = Result<Prepared, LinkError>;

/// Prepares one route, at most one lookup at a time.
///
/// A lookup that outlives its link serves the next one: the question is always the same, and a resolver that hangs
/// never piles up threads.
#[derive(Debug)]
pub(crate) struct Lookup {
    route: Route,
    spawn: Arc<dyn Spawn>,
    /// Rung when an answer is there.
    bell: Bell,
    running: Option<Arc<Place>>,
}

/// Where a lookup leaves what it finds.
#[derive(Debug, Default)]
struct Place {
    /// Whether the name has its addresses, and only credentials are waited for.
    resolved: AtomicBool,
    answer: Lock<Option<Answer>>,
}

impl Lookup {
    pub(crate) fn new(route: Route, spawn: Arc<dyn Spawn>, bell: Bell) -> Self {
        Self { route, spawn, bell, running: None }
    }

    /// The answer, where nobody has to be asked; otherwise begins a lookup, unless one is running.
    pub(crate) fn ask(&mut self) -> Result<Option<Prepared>, LinkError> {
        if let Some(prepared) = self.route.at_once() {
            return prepared.map(Some);
        }
        if self.running.is_some() {
            return Ok(None);
        }
        let place = Arc::new(Place::default());
        let asked = Asked { route: self.route.clone(), place: Arc::clone(&place), bell: self.bell.clone() };
        let lookup = Box::pin(async move {
            let answer = catch_unwind(AssertUnwindSafe(|| asked.prepare()));
            *asked.place.answer.lock() = Some(answer.unwrap_or_else(|_| {
                Err(failed(&asked.route, "looking up the address or the credentials has panicked"))
            }));
        });
        match self.spawn.spawn("thingwire-dns", lookup) {
            Ok(()) => {
                self.running = Some(place);
                Ok(None)
            }
            Err(error) => Err(failed(&self.route, &format!("no thread for the resolver: {error}"))),
        }
    }

    /// The answer, once.
    pub(crate) fn poll(&mut self) -> Option<Answer> {
        let answer = self.running.as_ref()?.answer.lock().take()?;
        self.running = None;
        Some(answer)
    }
}

impl Lookup {
    /// Whether a lookup is under way that has no addresses yet.
    pub(crate) fn is_resolving(&self) -> bool {
        self.running.as_ref().is_some_and(|place| !place.resolved.load(Ordering::Acquire))
    }

    /// What is to be said of a name that has had its time. Its lookup goes on.
    pub(crate) fn unanswered(&self, connect_timeout: Duration) -> LinkError {
        let limit = resolve_timeout(connect_timeout);
        failed(&self.route, &format!("no answer within {} s", limit.as_secs_f32()))
    }
}

/// A lookup on its way. However it ends, the loop is to look at it.
struct Asked {
    route: Route,
    place: Arc<Place>,
    bell: Bell,
}

impl Asked {
    fn prepare(&self) -> Answer {
        let addresses = self.route.addresses()?;
        self.place.resolved.store(true, Ordering::Release);
        // The credentials last, and the time with them: a resolver may have taken long.
        Ok(Prepared { addresses, supplies: self.route.supplies()? })
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // Whoever was to wait for the operating system may have let it go.
        self.place.answer.lock().get_or_insert_with(|| Err(failed(&self.route, "the resolver failed")));
        self.bell.ring();
    }
}

fn failed(route: &Route, why: &str) -> LinkError {
    LinkError::Resolve { host: route.first_hop().host().to_owned(), why: why.to_owned() }
}
