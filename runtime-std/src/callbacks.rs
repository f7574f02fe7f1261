//! Running the application's callbacks where they can stall nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::thread;

use crate::sync::lock;

/// One callback with its argument.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// A thread for callbacks, started with the first of them; it ends when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    jobs: Mutex<Option<Sender<Job>>>,
}

impl Callbacks {
    pub(crate) fn run_all(&self, jobs: Vec<Job>) {
        for job in jobs {
            self.run(job);
        }
    }

    /// Runs `job` on the callback thread, after all earlier ones.
    pub(crate) fn run(&self, job: Job) {
        let sender = lock(&self.jobs).get_or_insert_with(start).clone();
        // Without the lock: dropping a job that cannot run may drop whatever it holds.
        if sender.send(job).is_err() {
            log::error!("a callback was lost: there is no thread to run it");
            *lock(&self.jobs) = None;
        }
    }
}

fn start() -> Sender<Job> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let run = move || jobs.into_iter().for_each(|job| guarded("a callback", job));
    if let Err(error) = thread::Builder::new().name("thingwire-callbacks".to_owned()).spawn(run) {
        log::error!("no thread for callbacks: {error}");
    }
    sender
}

/// Calls code of the application; a panic in it goes no further.
pub(crate) fn guarded(what: &str, code: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(code)).is_err() {
        log::error!("{what} has panicked");
    }
}
