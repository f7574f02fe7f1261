//! `--record`: what happened, in a file for `thingwire-sim replay`.

use std::path::{Path, PathBuf};

use thingwire_std::thingwire_core::{Client, host};
use thingwire_std::{RecordOptions, SetupError};

use crate::failure::Failure;

/// What is kept of a recording.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where the recording goes, if there is one.
#[derive(Debug)]
pub(crate) struct Recording {
    path: Option<PathBuf>,
}

impl Recording {
    /// Records a client that is at hand.
    pub(crate) fn begin(client: &mut Client, path: Option<&Path>) -> Result<Self, Failure> {
        Self::begin_with(path, |change| {
            let mut options = host::record_options()?;
            change(&mut options);
            client.record(&options);
            Ok(client.recording())
        })
    }

    /// `record` begins to record with what is changed of its options, and gives the recording so far.
    pub(crate) fn begin_with(
        path: Option<&Path>,
        record: impl FnOnce(fn(&mut RecordOptions)) -> Result<Option<Vec<u8>>, SetupError>,
    ) -> Result<Self, Failure> {
        let recording = Self { path: path.map(Path::to_owned) };
        if let Some(path) = path {
            let begun = record(|options| options.bytes_max = BYTES_MAX)?;
            // What cannot be written is known now. A recording of nothing must not outlive a command that is killed.
            recording.save(begun).map_err(Failure::usage)?;
            let _ = std::fs::remove_file(path);
        }
        Ok(recording)
    }

    /// What it fails with is a line for the user.
    pub(crate) fn save(&self, recording: Option<Vec<u8>>) -> Result<(), String> {
        let (Some(path), Some(recording)) = (&self.path, recording) else { return Ok(()) };
        host::save(path, &recording).map_err(|error| format!("--record: cannot write {}: {error}", path.display()))
    }
}
