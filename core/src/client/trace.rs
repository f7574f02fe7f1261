//! The client recorded, and made again from what was recorded.

use core::num::NonZeroU64;

use super::{Client, ConnectState, Ping};
use crate::tape::Tape;
use crate::trace::{RecordOptions, Recorder};
use crate::wire::{Bad, Input, Output, Wire, fields, variants};
use crate::{Config, Instant, Phase, Totals};

fields!(ConnectState { sent, attempted_at, accepted_at });
variants!(Ping { 0 = Idle, 1 = Due, 2 = Outstanding, });

/// What a state is made of: all but the configuration, which a trace has once, what only saves work, and the recorder.
macro_rules! state {
    ($($field:ident)*) => {
        impl Client {
            fn put_state(&self, output: &mut Output) {
                let Self { $($field,)* config: _, last_topic: _, tape: _ } = self;
                $($field.put(output);)*
            }

            pub(crate) fn get_state(config: Config, input: &mut Input<'_>) -> Result<Self, Bad> {
                Ok(Self { $($field: Wire::get(input)?,)* config, last_topic: None, tape: Tape::default() })
            }
        }
    };
}

state! {
    phase link backoff rng timers actions session subscriptions suspects requests shadows queue next_ticket drainer pacing drain_until
    connect restoring start_again ping ping_due_at last_sent last_received phase_since last_error totals now
    input_paused input_held
}

/// Recording (feature `trace`).
impl Client {
    /// Records from now on what happens to the client, in memory; an earlier recording is forgotten. See
    /// [`trace`](crate::trace) for what is kept and what it costs.
    pub fn record(&mut self, options: &RecordOptions) {
        self.tape.recorder = Some(Box::new(Recorder::new(options, &self.config)));
        self.begin_recording();
    }

    /// The recording so far: a whole trace, to be written to a file. `None` when none was asked for. Recording goes on.
    pub fn recording(&mut self) -> Option<Vec<u8>> {
        self.tape.recorder.as_mut().map(|recorder| recorder.file())
    }

    /// Ends the recording, and returns it.
    pub fn end_recording(&mut self) -> Option<Vec<u8>> {
        let recording = self.recording();
        self.tape.recorder = None;
        recording
    }

    /// The state in which a call at `now` finds the client.
    pub(crate) fn put_state_at(&mut self, now: Instant, output: &mut Output) {
        self.advance(now);
        self.put_state(output);
    }

    /// Before a step: makes room for it.
    pub(super) fn renew_recording(&mut self) {
        if self.tape.recorder.as_ref().is_some_and(|recorder| recorder.is_full()) {
            self.begin_recording();
        }
    }

    fn begin_recording(&mut self) {
        let seed = self.is_fresh().then(|| self.rng.state());
        // Of a client that nothing has happened to, all of time so far is nothing.
        let since = if seed.is_some() { self.phase_since } else { self.now };
        // For the moment the recorder is outside of what it writes down.
        if let Some(mut recorder) = self.tape.recorder.take() {
            recorder.begin(since, seed, |output| self.put_state(output));
            self.tape.recorder = Some(recorder);
        }
    }

    /// Whether nothing has happened since [`new`](Self::new).
    fn is_fresh(&self) -> bool {
        self.phase == Phase::Idle
            && self.link.number() == 0
            && self.next_ticket == NonZeroU64::MIN
            && self.totals == Totals::default()
            && !self.input_held
            && !self.input_paused
    }
}
