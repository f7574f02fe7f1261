//! `--record`: what happened, in a file for `thingwire-sim replay`.

use std::path::{Path, PathBuf};

use thingwire_std::thingwire_core::{Client, host};

use crate::failure::Failure;

/// What is kept of a recording.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where the recording goes, if there is one.
#[derive(Debug)]
pub(crate) struct Recording {
    path: Option<PathBuf>,
}

impl Recording {
    pub(crate) fn begin(client: &mut Client, path: Option<&Path>) -> Result<Self, Failure> {
        let recording = Self { path: path.map(Path::to_owned) };
        if let Some(path) = path {
            let mut options = host::record_options()?;
            options.bytes_max = BYTES_MAX;
            client.record(&options);
            // What cannot be written is known now. A recording of nothing must not outlive a command that is killed.
            recording.save(client).map_err(Failure::usage)?;
            let _ = std::fs::remove_file(path);
        }
        Ok(recording)
    }

    /// What it fails with is a line for the user.
    pub(crate) fn save(&self, client: &mut Client) -> Result<(), String> {
        let Some(path) = &self.path else { return Ok(()) };
        let Some(recording) = client.recording() else { return Ok(()) };
        host::save(path, &recording).map_err(|error| format!("--record: cannot write {}: {error}", path.display()))
    }
}
