//! A client's loop, between two sleeps.

use std::sync::Arc;

use log::Level;

use super::callbacks::Later;
use super::client::Client;
use super::line::{Line, Wants};
use super::net::{PortNet, Spawn};
use super::ports::Ports;
use super::shared::{Shared, State};
use super::things::Tools;
use super::wakers::Bell;
use crate::host::{self, Clock};
use crate::{Engine, Instant, Notice, Options, Phase, SetupError};

/// Notices taken before the lock is given free: others want it too.
const NOTICES_PER_TURN: usize = 256;
/// How often things and the client give each other something to do before others have their turn.
const ROUNDS_PER_TURN: usize = 16;

/// The part of a client that a runtime keeps going. Dropping it ends the client, whoever still has a handle.
#[derive(Debug)]
pub struct Worker<N: PortNet> {
    shared: Arc<Shared>,
    /// Whether a turn has begun and not come to its end: after a panic in it nothing is as it should be.
    in_turn: bool,
    line: Line<N>,
    ports: Ports<N>,
}

/// What to do after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Sleep, up to the next [turn](Worker::turn).
    Sleep {
        /// Not longer than until then.
        until: Option<Instant>,
        /// Not longer than until the socket is ready for this.
        wants: Wants,
    },
    /// There was more to do than fits in a turn. Let others have theirs, and come back.
    Yield,
    /// Nobody needs this loop any more.
    End,
}

impl<N: PortNet> Worker<N> {
    /// The loop of an idle client.
    pub fn new(options: Options, net: N, spawn: Arc<dyn Spawn>) -> Result<Self, SetupError> {
        let (clock, bell) = (Clock::start(), Bell::default());
        let line = Line::new(&options, net, Arc::clone(&spawn), bell.clone());
        let engine = Engine::new(options, host::seed()?, clock.now())?;
        Ok(Self {
            shared: Arc::new(Shared::new(engine, clock, bell, spawn)),
            in_turn: false,
            line,
            ports: Ports::default(),
        })
    }

    /// The first handle of the client. `farewell` is called when it is dropped, with all its clones, and the loop is
    /// told to say goodbye.
    pub fn client(&self, farewell: impl FnOnce() + Send + 'static) -> Client {
        Client::new(Arc::clone(&self.shared), Box::new(farewell))
    }

    /// What is rung when there is something to do for a loop that sleeps.
    pub fn bell(&self) -> &Bell {
        self.shared.bell()
    }

    /// The socket, to be told what it is ready for.
    pub fn line(&mut self) -> &mut Line<N> {
        &mut self.line
    }

    /// The ports of things: `ready` is told what each is to be waited for, and tells whether it may be read from, and
    /// whether it may be written to, or has failed. What was said before still holds.
    pub fn ports(&mut self, ready: impl FnMut(&mut N::Port, Wants) -> (bool, bool)) {
        self.ports.ready(ready);
    }

    /// The client's time.
    pub fn now(&self) -> Instant {
        self.shared.now()
    }

    /// Does what there is to do. `chunk` as in [`Line::turn`].
    pub fn turn(&mut self, chunk: &mut [u8]) -> Rest {
        let mut later = Later::default();
        self.in_turn = true;
        let Self { shared, line, ports, .. } = self;
        let tools = Tools { spawn: shared.callbacks.spawn(), bell: shared.bell() };
        let rest = shared.look(|state| {
            let now = shared.now();
            state.sleeping = false;
            let full = state.lacks_room();
            state.client().pause_input(full);
            line.turn(&mut state.engine, now, chunk);
            ports.turn(&mut state.things, line.net(), now, chunk, tools, &mut later);
            let done = work(state, line, ports, now, chunk, tools, &mut later);
            if done { rest(state, line, ports, shared.now()) } else { Rest::Yield }
        });
        ports.journal.take().write();
        line.journal().write();
        shared.changed(&mut later.wakers);
        later.run(&shared.callbacks);
        self.in_turn = false;
        rest
    }
}

/// Passes on what there is to tell, and has the things do what comes of it; false when there is more.
fn work<N: PortNet>(
    state: &mut State,
    line: &mut Line<N>,
    ports: &mut Ports<N>,
    now: Instant,
    chunk: &mut [u8],
    tools: Tools<'_>,
    later: &mut Later,
) -> bool {
    let mut acted = false;
    for _ in 0..ROUNDS_PER_TURN {
        let Some(told) = drain(state, line, now, chunk, later) else { return false };
        if state.things.is_empty() || (acted && !told) {
            return true;
        }
        // What they ask of the client is sent by the next round.
        let State { engine, things, .. } = state;
        loop {
            let send = |thing, component, bytes: Vec<u8>| ports.send(thing, component, &bytes);
            things.act(now, engine.client(), tools, later, send);
            if !ports.flush(things, now, later) {
                break;
            }
        }
        acted = true;
    }
    false
}

/// Passes on what there is to tell: whether there was anything; `None` when there is more.
fn drain<N: PortNet>(
    state: &mut State,
    line: &mut Line<N>,
    now: Instant,
    chunk: &mut [u8],
    later: &mut Later,
) -> Option<bool> {
    for count in 0..NOTICES_PER_TURN {
        let Some(notice) = line.next_notice(&mut state.engine, now, chunk) else { return Some(count > 0) };
        remember(state, &notice);
        if state.things.on_notice(now, &notice) {
            continue;
        }
        match notice {
            Notice::Done { ticket, outcome } => state.done(ticket, outcome, later),
            Notice::Message(message) => match state.routes.deliver(message, later) {
                Ok(full) => pause(state, full),
                Err(message) => {
                    let topic = &message.topic;
                    line.note(
                        Level::Debug,
                        format_args!("a message on {topic} belongs to no subscription of this client"),
                    );
                    state.tell(Notice::Message(message), later);
                }
            },
            Notice::Shadow(notice) => match state.watches.deliver(notice, later) {
                Ok(full) => pause(state, full),
                Err(notice) => state.tell(Notice::Shadow(notice), later),
            },
            other @ (Notice::Attempting { .. }
            | Notice::Failed { .. }
            | Notice::Online { .. }
            | Notice::Offline { .. }
            | Notice::Ready
            | Notice::Stopped
            | Notice::SubscriptionLost { .. }) => state.tell(other, later),
        }
    }
    None
}

fn remember(state: &mut State, notice: &Notice) {
    match notice {
        Notice::Online { .. } => state.last_error = None,
        Notice::Failed { why: Some(why), .. } | Notice::Offline { why: Some(why), .. } => {
            state.last_error = Some(why.clone());
        }
        // Somebody may have started it again since.
        Notice::Stopped => state.running = state.phase() != Phase::Idle,
        Notice::Failed { why: None, .. }
        | Notice::Offline { why: None, .. }
        | Notice::Attempting { .. }
        | Notice::Ready
        | Notice::Message(_)
        | Notice::SubscriptionLost { .. }
        | Notice::Shadow(_)
        | Notice::Done { .. } => {}
    }
}

fn pause(state: &mut State, full: bool) {
    if full {
        state.client().pause_input(true);
    }
}

fn rest<N: PortNet>(state: &mut State, line: &Line<N>, ports: &Ports<N>, now: Instant) -> Rest {
    let said_all = !state.running && state.things.is_empty();
    if state.leaving.is_some_and(|give_up_at| said_all || give_up_at <= now) {
        return Rest::End;
    }
    let of_things = state.things.next_deadline().into_iter().chain(ports.next_deadline());
    let until = line.sleep_until(&state.engine, now).into_iter().chain(state.leaving).chain(of_things).min();
    if ports.has_more() || until.is_some_and(|until| until <= now) {
        return Rest::Yield;
    }
    state.sleeping = true;
    Rest::Sleep { until, wants: line.wants(&state.engine) }
}

/// Also when the loop panics: nobody is to wait for a loop that is not there.
impl<N: PortNet> Drop for Worker<N> {
    fn drop(&mut self) {
        let mut later = Later::default();
        let Self { shared, in_turn, line, .. } = self;
        if *in_turn {
            log::error!("the client's loop has panicked");
        } else {
            shared.look(|state| line.cut(&mut state.engine, shared.now()));
        }
        shared.look(|state| state.end(&mut later));
        shared.changed(&mut later.wakers);
        later.run(&shared.callbacks);
    }
}
