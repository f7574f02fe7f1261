//! Name resolution and credentials, on a thread of their own: the operating system's resolver and a source of
//! credentials block and cannot be interrupted.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use thingwire_core::LinkError;
use thingwire_core::dial::{Prepared, Route};

use crate::sync::wake_up;

type Answer = Result<Prepared, LinkError>;

/// Prepares one route, at most one lookup at a time.
///
/// A lookup that outlives its link serves the next one: the question is always the same, and a resolver that hangs
/// never piles up threads.
#[derive(Debug)]
pub(crate) struct Resolver {
    route: Route,
    /// Called when an answer is there.
    waker: Arc<mio::Waker>,
    lookup: Option<Receiver<Answer>>,
}

impl Resolver {
    pub(crate) fn new(route: Route, waker: Arc<mio::Waker>) -> Self {
        Self { route, waker, lookup: None }
    }

    /// The answer, where nobody has to be asked; otherwise begins a lookup, unless one is running.
    pub(crate) fn ask(&mut self) -> Result<Option<Prepared>, LinkError> {
        if let Some(prepared) = self.route.at_once() {
            return prepared.map(Some);
        }
        if self.lookup.is_some() {
            return Ok(None);
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let (route, waker) = (self.route.clone(), Arc::clone(&self.waker));
        let lookup = move || {
            // The receiver is gone when the client is: then nobody wants to know.
            let _ = sender.send(route.prepare());
            wake_up(&waker);
        };
        match thread::Builder::new().name("thingwire-dns".to_owned()).spawn(lookup) {
            Ok(_detached) => {
                self.lookup = Some(receiver);
                Ok(None)
            }
            Err(error) => Err(failed(&self.route, format!("no thread for the resolver: {error}"))),
        }
    }

    /// The answer, once.
    pub(crate) fn poll(&mut self) -> Option<Answer> {
        let answer = match self.lookup.as_ref()?.try_recv() {
            Ok(answer) => answer,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(failed(&self.route, "the resolver failed".to_owned())),
        };
        self.lookup = None;
        Some(answer)
    }
}

fn failed(route: &Route, why: String) -> LinkError {
    LinkError::Resolve { host: route.first_hop().host().to_owned(), why }
}
