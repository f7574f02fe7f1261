//! What a sample writes that nobody asked it to keep.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{io, thread};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tempfile::TempDir;

static FOLDER: Mutex<Option<TempDir>> = Mutex::new(None);

/// The folder for it, which is gone after [`remove`], and where a signal ends the sample.
pub(crate) fn folder() -> io::Result<PathBuf> {
    let mut folder = lock();
    if let Some(folder) = &*folder {
        return Ok(folder.path().to_owned());
    }
    // Before there is anything to leave behind.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            // Held to the end, so that nothing is made anew.
            let mut folder = lock();
            drop(folder.take());
            // Where it does not end the process, the next one is waited for.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
    let made = tempfile::Builder::new().prefix("thingwire-sample-").tempdir()?;
    Ok(folder.insert(made).path().to_owned())
}

pub(crate) fn remove() {
    drop(lock().take());
}

fn lock() -> MutexGuard<'static, Option<TempDir>> {
    FOLDER.lock().unwrap_or_else(PoisonError::into_inner)
}
