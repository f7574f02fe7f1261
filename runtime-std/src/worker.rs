//! The client's thread.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use thingwire_core::handle::{Client, Rest, Worker};
use thingwire_core::{Options, SetupError};

use crate::net::{self, CHUNK, Net, Sleeper};
use crate::wait::Threads;

/// An idle client on a thread of its own. When its last handle is dropped, that waits for the thread's end.
pub(crate) fn start(options: Options) -> Result<Client, SetupError> {
    let (net, sleeper) = net::set_up()?;
    let worker = Worker::new(options, net, Arc::new(Threads))?;
    sleeper.hear(worker.bell());
    let thread = Arc::new(Mutex::new(None));
    let ending = Arc::clone(&thread);
    let client = worker.client(move || join(ending.lock().unwrap_or_else(PoisonError::into_inner).take()));
    let running = thread::Builder::new().name("thingwire".to_owned()).spawn(move || run(worker, sleeper));
    let running = running.map_err(|error| SetupError::System { why: format!("no thread for the client: {error}") })?;
    *thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    Ok(client)
}

/// Runs until the last handle is gone.
fn run(mut worker: Worker<Net>, mut sleeper: Sleeper) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let limit = match worker.turn(&mut chunk) {
            Rest::Sleep { until, .. } => until.map(|until| until.since(worker.now())),
            Rest::Yield => Some(Duration::ZERO),
            Rest::End => return,
        };
        sleeper.sleep(limit, |ready| {
            worker.line().ready(|socket| ready.socket(socket));
            worker.ports(|port, _| ready.port(port));
        });
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    // A handle that is dropped on the client's own thread cannot wait for that thread.
    let own = |thread: &JoinHandle<()>| thread.thread().id() == thread::current().id();
    if let Some(thread) = thread.filter(|thread| !own(thread)) {
        // A panic in it was logged there.
        let _ = thread.join();
    }
}
