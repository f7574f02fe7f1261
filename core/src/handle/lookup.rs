//! Name resolution and credentials, where they may block: the operating system's resolver and a source of credentials
//! cannot be interrupted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::lock::Lock;
use super::net::Spawn;
use super::wakers::Bell;
use crate::LinkError;
use crate::dial::{Prepared, Route};

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
    running: Option<Arc<Lock<Option<Answer>>>>,
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
        let place = Arc::new(Lock::default());
        let asked = Asked { route: self.route.clone(), place: Arc::clone(&place), bell: self.bell.clone() };
        let lookup = Box::pin(async move {
            let answer = catch_unwind(AssertUnwindSafe(|| asked.route.prepare()));
            *asked.place.lock() =
                Some(answer.unwrap_or_else(|_| Err(failed(&asked.route, "the resolver has panicked"))));
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
        let place = self.running.as_ref()?;
        // In this order: an answer is there before its place is left.
        let given_up = Arc::strong_count(place) == 1;
        let answer = place.lock().take();
        if answer.is_none() && !given_up {
            return None;
        }
        self.running = None;
        answer.or_else(|| Some(Err(failed(&self.route, "the resolver failed"))))
    }
}

/// A lookup on its way. However it ends, the loop is to look at it.
struct Asked {
    route: Route,
    place: Arc<Lock<Option<Answer>>>,
    bell: Bell,
}

impl Drop for Asked {
    fn drop(&mut self) {
        let answered = self.place.lock().is_some();
        if !answered {
            // Nobody else will: let go of the place first, so that this is seen.
            self.place = Arc::default();
        }
        self.bell.ring();
    }
}

fn failed(route: &Route, why: &str) -> LinkError {
    LinkError::Resolve { host: route.first_hop().host().to_owned(), why: why.to_owned() }
}
