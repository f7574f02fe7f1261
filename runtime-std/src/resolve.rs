//! Name resolution, on a thread of its own: the operating system's resolver blocks and cannot be interrupted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use thingwire_core::transport::Endpoint;
use thingwire_core::{LinkError, dial};

use crate::sync::wake_up;

type Answer = Result<Vec<SocketAddr>, LinkError>;

/// Resolves one host, at most one lookup at a time.
///
/// A lookup that outlives its link serves the next one: the question is always the same, and a resolver that hangs
/// never piles up threads.
#[derive(Debug)]
pub(crate) struct Resolver {
    endpoint: Endpoint,
    /// Called when an answer is there.
    waker: Arc<mio::Waker>,
    lookup: Option<Receiver<Answer>>,
}

impl Resolver {
    pub(crate) fn new(endpoint: Endpoint, waker: Arc<mio::Waker>) -> Self {
        Self { endpoint, waker, lookup: None }
    }

    /// Begins a lookup, unless one is running.
    pub(crate) fn ask(&mut self) -> Result<(), LinkError> {
        if self.lookup.is_some() {
            return Ok(());
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let (endpoint, waker) = (self.endpoint.clone(), Arc::clone(&self.waker));
        let lookup = move || {
            // The receiver is gone when the client is: then nobody wants to know.
            let _ = sender.send(dial::look_up(&endpoint));
            wake_up(&waker);
        };
        match thread::Builder::new().name("thingwire-dns".to_owned()).spawn(lookup) {
            Ok(_detached) => {
                self.lookup = Some(receiver);
                Ok(())
            }
            Err(error) => Err(failed(&self.endpoint, format!("no thread for the resolver: {error}"))),
        }
    }

    /// The answer, once.
    pub(crate) fn poll(&mut self) -> Option<Answer> {
        let answer = match self.lookup.as_ref()?.try_recv() {
            Ok(answer) => answer,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(failed(&self.endpoint, "the resolver failed".to_owned())),
        };
        self.lookup = None;
        Some(answer)
    }
}

fn failed(endpoint: &Endpoint, why: String) -> LinkError {
    LinkError::Resolve { host: endpoint.host().to_owned(), why }
}
