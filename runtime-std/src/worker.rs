//! The client's thread.

use std::time::Duration;

use log::Level;
use mio::{Events, Poll};
use thingwire_core::{Instant, Notice, Phase};

use crate::callbacks::Job;
use crate::machine;
use crate::shared::{Shared, State};

/// Notices taken before the lock is given free: others want it too.
const NOTICES_PER_TURN: usize = 256;

/// Runs until the last handle is gone.
pub(crate) fn run(shared: &Shared, mut poll: Poll) {
    let _end = End(shared);
    let mut events = Events::with_capacity(8);
    while let Rest::Sleep(limit) = turn(shared, &events) {
        machine::sleep(&mut poll, &mut events, limit);
    }
}

/// What to do after a turn.
enum Rest {
    /// Sleep so long, or until an event.
    Sleep(Option<Duration>),
    /// Nobody needs this thread any more.
    End,
}

fn turn(shared: &Shared, events: &Events) -> Rest {
    let mut jobs = Vec::new();
    let (rest, journal) = shared.look(|state| {
        let now = state.machine.now();
        let full = state.lacks_room();
        state.machine.client().pause_input(full);
        state.machine.turn(now, events);
        let drained = drain(state, now, &mut jobs);
        let rest = if drained { rest(state) } else { Rest::Sleep(Some(Duration::ZERO)) };
        (rest, state.machine.journal.take())
    });
    journal.write();
    shared.notify();
    shared.callbacks.run_all(jobs);
    rest
}

/// Passes on what there is to tell; false when there is more.
fn drain(state: &mut State, now: Instant, jobs: &mut Vec<Job>) -> bool {
    for _ in 0..NOTICES_PER_TURN {
        let Some(notice) = state.machine.next_notice(now) else { return true };
        pass_on(state, notice, jobs);
    }
    false
}

fn pass_on(state: &mut State, notice: Notice, jobs: &mut Vec<Job>) {
    match &notice {
        Notice::Done { .. } | Notice::Message(_) => {}
        Notice::Online { .. } => state.last_error = None,
        Notice::Failed { why: Some(why), .. } | Notice::Offline { why: Some(why), .. } => {
            state.last_error = Some(why.clone());
        }
        // Somebody may have started it again since.
        Notice::Stopped => state.running = state.phase() != Phase::Idle,
        _ => {}
    }
    match notice {
        Notice::Done { ticket, outcome } => jobs.extend(state.done(ticket, outcome)),
        Notice::Message(message) => match state.routes.deliver(message) {
            Ok(full) => {
                if full {
                    state.machine.client().pause_input(true);
                }
            }
            Err(message) => {
                let topic = &message.topic;
                let journal = &mut state.machine.journal;
                journal
                    .note(Level::Debug, format_args!("a message on {topic} belongs to no subscription of this client"));
                state.tell(Notice::Message(message));
            }
        },
        Notice::Shadow(notice) => match state.watches.deliver(notice) {
            Ok(full) => {
                if full {
                    state.machine.client().pause_input(true);
                }
            }
            Err(notice) => state.tell(Notice::Shadow(notice)),
        },
        other => state.tell(other),
    }
}

fn rest(state: &mut State) -> Rest {
    let now = state.machine.now();
    let goodbye = match state.leaving {
        Some(give_up_at) if !state.running || give_up_at <= now => return Rest::End,
        leaving => leaving.map(|give_up_at| give_up_at.since(now)),
    };
    let limit = state.machine.sleep_limit(now).into_iter().chain(goodbye).min();
    state.sleeping = limit != Some(Duration::ZERO);
    Rest::Sleep(limit)
}

/// Ends the client, also when the thread panics: nobody is to wait for a thread that is not there.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let Self(shared) = self;
        if std::thread::panicking() {
            log::error!("the client's thread has panicked");
        }
        let jobs = shared.look(State::end);
        shared.notify();
        shared.callbacks.run_all(jobs);
    }
}
