//! Keeps the memory of a thing in a file, where that may block.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lock::Lock;
use super::net::Spawn;
use super::wakers::Bell;
use crate::{Instant, host};

/// From a failure to the next attempt.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The newest memory is in the file, or on its way there, or was told to be not.
#[derive(Debug)]
pub(crate) struct Keeper {
    path: PathBuf,
    desk: Arc<Desk>,
    /// What could not be written, and when it is tried again.
    failed: Option<(Vec<u8>, Instant)>,
    /// Whether somebody was told that it could not.
    told: bool,
}

/// Where one memory waits while another one is written.
#[derive(Debug, Default)]
struct Desk {
    state: Lock<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Option<Vec<u8>>,
    /// Somebody writes, and looks here again afterwards.
    busy: bool,
    written: Option<Result<(), (Vec<u8>, String)>>,
}

/// What has become of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is written again, after it was not.
    Again,
    /// It could not be written; told once.
    Not { why: String },
}

impl Keeper {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, desk: Arc::default(), failed: None, told: false }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Has this written; what still waits is out of date.
    pub(crate) fn keep(&mut self, memory: Vec<u8>, spawn: &dyn Spawn, bell: &Bell) {
        self.failed = None;
        let mut state = self.desk.state.lock();
        state.waiting = Some(memory);
        if state.busy {
            return;
        }
        state.busy = true;
        drop(state);
        let (desk, path, bell) = (Arc::clone(&self.desk), self.path.clone(), bell.clone());
        let write = async move {
            while let Some(memory) = desk.next() {
                let written = catch_unwind(AssertUnwindSafe(|| host::save(&path, &memory)));
                let failed = match written {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error.to_string()),
                    Err(_) => Some("writing it has panicked".to_owned()),
                };
                desk.state.lock().written = Some(failed.map_or(Ok(()), |why| Err((memory, why))));
                bell.ring();
            }
            bell.ring();
        };
        if let Err(error) = spawn.spawn("thingwire-memory", Box::pin(write)) {
            let mut state = self.desk.state.lock();
            state.busy = false;
            let memory = state.waiting.take().unwrap_or_default();
            state.written = Some(Err((memory, format!("no thread to write it: {error}"))));
        }
    }

    /// Looks at what has become of it, and tries again what is due.
    pub(crate) fn turn(&mut self, now: Instant, spawn: &dyn Spawn, bell: &Bell) -> Option<Kept> {
        if let Some((memory, at)) = self.failed.take() {
            if at <= now {
                self.keep(memory, spawn, bell);
            } else {
                self.failed = Some((memory, at));
            }
        }
        let written = self.desk.state.lock().written.take()?;
        let news = match written {
            Ok(()) => self.told.then_some(Kept::Again),
            Err((memory, why)) => {
                self.failed = Some((memory, now + AGAIN_AFTER));
                (!self.told).then_some(Kept::Not { why })
            }
        };
        if let Some(news) = &news {
            self.told = matches!(news, Kept::Not { .. });
        }
        news
    }

    /// Whether nothing is being written.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.desk.state.lock();
        !state.busy && state.written.is_none()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.failed.as_ref().map(|(_, at)| *at)
    }
}

impl Desk {
    /// What is to be written next; when there is nothing, nobody writes any more.
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        let next = state.waiting.take();
        state.busy = next.is_some();
        next
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::super::net::Work;
    use super::super::ports::tests::AtOnce;
    use super::*;
    use crate::host::remembered;

    #[derive(Debug)]
    struct NoThread;

    impl Spawn for NoThread {
        fn spawn(&self, _: &'static str, _: Work) -> std::io::Result<()> {
            Err(std::io::Error::other("too many"))
        }
    }

    #[test]
    fn what_cannot_be_kept_is_tried_again_after_a_while_and_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory");
        std::fs::create_dir_all(path.join("in the way")).unwrap();
        let mut keeper = Keeper::new(path.clone());
        let (bell, start) = (Bell::default(), Instant::EPOCH);
        assert_eq!((keeper.next_deadline(), keeper.is_idle()), (None, true));
        keeper.keep(b"first".to_vec(), &AtOnce, &bell);
        assert!(!keeper.is_idle(), "it has not been told");
        assert!(matches!(keeper.turn(start, &AtOnce, &bell), Some(Kept::Not { .. })));
        assert_eq!((keeper.next_deadline(), keeper.is_idle()), (Some(start + AGAIN_AFTER), true));
        let soon = Instant::from_micros((start + AGAIN_AFTER).as_micros() - 1);
        assert_eq!(keeper.turn(soon, &AtOnce, &bell), None);
        assert_eq!(keeper.turn(start + AGAIN_AFTER, &AtOnce, &bell), None, "told already");
        assert_eq!(keeper.next_deadline(), Some(start + AGAIN_AFTER * 2));
        std::fs::remove_dir_all(&path).unwrap();
        assert_eq!(keeper.turn(start + AGAIN_AFTER * 2, &AtOnce, &bell), Some(Kept::Again));
        assert_eq!(remembered(&path).unwrap(), b"first");
        assert_eq!(keeper.next_deadline(), None);
        keeper.keep(b"second".to_vec(), &AtOnce, &bell);
        assert_eq!(keeper.turn(start, &AtOnce, &bell), None, "as it should be");
        assert_eq!(remembered(&path).unwrap(), b"second");
    }

    #[test]
    fn without_a_thread_it_waits_and_what_is_newer_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory");
        let mut keeper = Keeper::new(path.clone());
        let (bell, start) = (Bell::default(), Instant::EPOCH);
        keeper.keep(b"old".to_vec(), &NoThread, &bell);
        let told = keeper.turn(start, &NoThread, &bell);
        assert_eq!(told, Some(Kept::Not { why: "no thread to write it: too many".to_owned() }));
        keeper.keep(b"new".to_vec(), &AtOnce, &bell);
        assert_eq!(keeper.turn(start + AGAIN_AFTER, &AtOnce, &bell), Some(Kept::Again));
        assert_eq!((remembered(&path).unwrap(), keeper.next_deadline()), (b"new".to_vec(), None));
    }
}
