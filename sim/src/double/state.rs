//! What a double keeps in a directory, so that it can go on after its end, however that came.
//!
//! The whole state is written to a file beside the old one, brought to the disk, and only then given the old one's name: whoever
//! reads finds one or the other. A lock keeps two doubles from one directory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::broker::Saved;

/// The number of this format; a file with another is not read.
const FORMAT: u32 = 1;

/// The directory of a double's state.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    path: PathBuf,
    /// Held as long as the double lives.
    _lock: File,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents<S> {
    format: u32,
    state: S,
}

/// The beginning of any format's file.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl Store {
    /// Opens a directory, which is created if need be, and reads what is in it.
    pub(super) fn open(dir: &Path) -> io::Result<(Self, Option<Saved>)> {
        fs::create_dir_all(dir).map_err(|error| named("cannot use directory", dir, &error))?;
        let lock = lock(&dir.join("lock"))?;
        let store = Self { dir: dir.to_owned(), path: dir.join("state.json"), _lock: lock };
        let saved = store.read()?;
        Ok((store, saved))
    }

    /// Writes the state, as a whole or not at all.
    pub(super) fn write(&self, saved: &Saved) -> io::Result<()> {
        let fresh = self.dir.join("state.json.new");
        let written = || {
            let mut text = serde_json::to_vec(&Contents { format: FORMAT, state: saved })?;
            text.push(b'\n');
            let mut file = File::create(&fresh)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&fresh, &self.path)?;
            sync_directory(&self.dir)
        };
        written().map_err(|error| named("cannot write the state to", &self.path, &error))
    }

    /// An error about what was read.
    pub(super) fn corrupt(&self, why: &str) -> io::Error {
        let what =
            format!("cannot go on from {}: {why} (hint: mend it, or remove it to begin anew)", self.path.display());
        io::Error::new(io::ErrorKind::InvalidData, what)
    }

    fn read(&self) -> io::Result<Option<Saved>> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(named("cannot read", &self.path, &error)),
        };
        let head: Head = serde_json::from_slice(&text).map_err(|error| self.corrupt(&error.to_string()))?;
        if head.format != FORMAT {
            return Err(self.corrupt(&format!("its format is {}, not {FORMAT}", head.format)));
        }
        let contents: Contents<Saved> =
            serde_json::from_slice(&text).map_err(|error| self.corrupt(&error.to_string()))?;
        Ok(Some(contents.state))
    }
}

/// The same error with its place.
fn named(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {}: {error}", path.display()))
}

/// A lock that ends with its file, or with the process.
fn lock(path: &Path) -> io::Result<File> {
    let file = File::create(path).map_err(|error| named("cannot use", path, &error))?;
    #[cfg(unix)]
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        let dir = path.parent().unwrap_or(path).display();
        let what = match error {
            rustix::io::Errno::WOULDBLOCK => format!("the state in {dir} is in use by another process"),
            error => format!("cannot lock {}: {error}", path.display()),
        };
        io::Error::new(io::ErrorKind::ResourceBusy, what)
    })?;
    Ok(file)
}

/// Brings a new name to the disk.
fn sync_directory(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
