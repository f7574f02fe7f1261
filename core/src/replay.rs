//! Replays a trace: the same calls at the same times, and the same answers, or the first that is not.

use core::fmt;

use bytes::BytesMut;

use crate::trace::{Answer, Call, Digest, Start, Step, Steps, Trace, TraceError};
use crate::wire::{Input, Output};
use crate::{Action, Client, ConfigError, Event, Instant};

/// A client that lives through a trace again, step by step.
///
/// What it gave in the last step is in [`written`](Self::written) and [`action`](Self::action), and
/// [`client`](Self::client) may be looked at.
///
/// ```no_run
/// use thingwire_core::replay::Replay;
/// use thingwire_core::trace::Trace;
///
/// let file = std::fs::read("device.trace")?;
/// let trace = Trace::parse(&file)?;
/// let mut replay = Replay::new(&trace)?;
/// while let Some(step) = replay.next_step() {
///     step?;
///     println!("{}: {}", replay.steps_done(), replay.client().phase());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Replay<'a> {
    trace: &'a Trace<'a>,
    client: Client,
    steps: Steps<'a>,
    /// Which generation the steps are of.
    generation: usize,
    /// Steps done.
    done: u64,
    written: BytesMut,
    action: Option<Action>,
    scratch: Output,
}

/// Where this build and the trace part.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// Which step, from 1.
    pub number: u64,
    /// When, on the client's clock.
    pub at: Instant,
    /// Where in the file the step stands.
    pub offset: usize,
    /// The call.
    pub call: String,
    /// What it gave when it was recorded.
    pub recorded: String,
    /// What it gives now.
    pub now: String,
}

/// Why a trace was not replayed to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// It cannot be read.
    Trace(TraceError),
    /// This build behaves differently.
    Diverged(Divergence),
}

/// Replays a whole trace; returns how many steps it has.
pub fn replay(file: &[u8]) -> Result<u64, ReplayError> {
    let trace = Trace::parse(file)?;
    let mut replay = Replay::new(&trace)?;
    while let Some(step) = replay.next_step() {
        step?;
    }
    Ok(replay.steps_done())
}

impl<'a> Replay<'a> {
    /// Stands before the first step.
    pub fn new(trace: &'a Trace<'a>) -> Result<Self, TraceError> {
        let first = trace.generations().first().ok_or(TraceError::Malformed { at: 0, what: "generation" })?;
        let client = match first.start {
            Start::Fresh { seed } => Client::new(trace.config.clone(), seed, first.at)?,
            Start::State(state) => {
                trace.knows_states()?;
                let mut input = Input::new(state);
                let client = Client::get_state(trace.config.clone(), &mut input);
                let bad = TraceError::Malformed { at: first.offset, what: "state" };
                client.ok().filter(|_| input.at == state.len()).ok_or(bad)?
            }
        };
        Ok(Self {
            trace,
            client,
            steps: first.steps(),
            generation: 0,
            done: 0,
            written: BytesMut::new(),
            action: None,
            scratch: Output::default(),
        })
    }

    /// Does the next step; `None` after the last. After an error there is no next.
    #[must_use]
    pub fn next_step(&mut self) -> Option<Result<Step, ReplayError>> {
        loop {
            match self.steps.next() {
                Some(Ok(step)) => return Some(self.take(step)),
                Some(Err(error)) => return Some(Err(error.into())),
                None => {}
            }
            let next = self.trace.generations().get(self.generation + 1)?;
            self.generation += 1;
            self.steps = next.steps();
            if let Start::State(state) = next.start {
                if let Err(divergence) = self.compare_state(state, next.at, next.offset) {
                    self.generation = self.trace.generations().len();
                    return Some(Err(divergence.into()));
                }
            }
        }
    }

    /// The client as it stands.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How many steps were done.
    pub fn steps_done(&self) -> u64 {
        self.done
    }

    /// The bytes that the last step gave.
    pub fn written(&self) -> &[u8] {
        &self.written
    }

    /// The action that the last step gave.
    pub fn action(&self) -> Option<&Action> {
        self.action.as_ref()
    }

    fn take(&mut self, step: Step) -> Result<Step, ReplayError> {
        self.done += 1;
        let now = self.call(step.at, &step.call);
        if now == step.answer {
            return Ok(step);
        }
        self.steps.end();
        self.generation = self.trace.generations().len();
        let Step { at, call, answer, offset } = step;
        let (call, recorded, now) = (call.to_string(), answer.to_string(), now.to_string());
        Err(Divergence { number: self.done, at, offset, call, recorded, now }.into())
    }

    fn call(&mut self, at: Instant, call: &Call) -> Answer {
        self.written.clear();
        self.action = None;
        let client = &mut self.client;
        match call {
            Call::Start => client.start(at),
            Call::Stop => client.stop(at),
            Call::Publish(publish) => {
                let answer = client.publish(at, publish.clone());
                return Answer::of_request(answer.as_ref().copied().map_err(|refused| &refused.why));
            }
            Call::Subscribe(filters) => {
                let answer = client.subscribe(at, filters.clone());
                return Answer::of_request(answer.as_ref().copied().map_err(|refused| &refused.why));
            }
            Call::Unsubscribe(filters) => {
                let answer = client.unsubscribe(at, filters.clone());
                return Answer::of_request(answer.as_ref().copied().map_err(|refused| &refused.why));
            }
            Call::Shadow(request) => {
                let answer = client.ask_shadow(at, request.clone());
                return Answer::of_request(answer.as_ref().copied().map_err(|refused| &refused.why));
            }
            Call::WatchShadow(watch) => {
                let answer = client.watch_shadow(at, watch.clone());
                return Answer::of_request(answer.as_ref().copied().map_err(|refused| &refused.why));
            }
            Call::UnwatchShadow(watch) => drop(client.unwatch_shadow(at, *watch)),
            Call::Discard(ticket) => return Answer::Discarded(client.discard(at, *ticket)),
            Call::Ack(token) => client.ack(at, *token),
            Call::PauseInput(paused) => client.pause_input(*paused),
            Call::LinkUp(link) => client.handle(at, Event::LinkUp(*link)),
            Call::Received(link, bytes) => {
                let mut left = BytesMut::from(&bytes[..]);
                client.handle(at, Event::Received(*link, &mut left));
                if !left.is_empty() {
                    return Answer::Taken(bytes.len() - left.len());
                }
            }
            Call::LinkDown(link, why) => client.handle(at, Event::LinkDown(*link, why.clone())),
            Call::Wake => client.handle(at, Event::Wake),
            Call::PollTransmit(budget) => {
                client.poll_transmit(at, &mut self.written, *budget);
                return Answer::of_bytes(&self.written);
            }
            Call::PollAction => {
                self.action = client.poll_action();
                let answer = self.action.as_ref().map(|action| Answer::of_action(action, &mut self.scratch));
                return answer.unwrap_or(Answer::Nothing);
            }
        }
        Answer::Nothing
    }

    /// The client must stand where it stood when the next generation began.
    fn compare_state(&mut self, recorded: &[u8], at: Instant, offset: usize) -> Result<(), Divergence> {
        self.scratch.bytes.clear();
        self.client.put_state_at(at, &mut self.scratch);
        if self.scratch.bytes == recorded || self.trace.knows_states().is_err() {
            return Ok(());
        }
        let show = |bytes: &[u8]| Answer::Bytes(Digest::of(bytes)).to_string();
        Err(Divergence {
            number: self.done,
            at,
            offset,
            call: "the whole state".to_owned(),
            recorded: show(recorded),
            now: show(&self.scratch.bytes),
        })
    }
}

impl From<TraceError> for ReplayError {
    fn from(error: TraceError) -> Self {
        Self::Trace(error)
    }
}

impl From<ConfigError> for ReplayError {
    fn from(error: ConfigError) -> Self {
        Self::Trace(error.into())
    }
}

impl From<Divergence> for ReplayError {
    fn from(divergence: Divergence) -> Self {
        Self::Diverged(divergence)
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace(error) => error.fmt(f),
            Self::Diverged(divergence) => divergence.fmt(f),
        }
    }
}

/// Both sides, one below the other.
impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, at, offset, call, recorded, now } = self;
        let secs = core::time::Duration::from_micros(at.as_micros()).as_secs_f64();
        write!(f, "step {number} at {secs:.6} s (byte {offset}), {call}:\n  recorded  {recorded}\n  now       {now}")
    }
}

impl core::error::Error for ReplayError {}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::trace::RecordOptions;
    use crate::{Config, Jitter, LinkError};

    #[test]
    fn the_first_difference_is_shown_from_both_sides_and_is_the_last() {
        let mut config = Config::new("device");
        config.backoff.jitter = Jitter::None;
        let mut client = Client::new(config, 1, Instant::EPOCH).unwrap();
        client.record(&RecordOptions::new([1, 2]));
        client.start(Instant::EPOCH);
        while let Some(action) = client.poll_action() {
            if let Action::Open(link) = action {
                client.handle(Instant::from_micros(12_500), Event::LinkDown(link, LinkError::Closed));
            }
        }
        client.stop(Instant::from_micros(12_500));
        let file = client.recording().unwrap();

        // As if this build took the same configuration for another.
        let mut trace = Trace::parse(&file).unwrap();
        trace.config.backoff.base = Duration::from_secs(3);
        let mut replay = Replay::new(&trace).unwrap();
        let error = loop {
            match replay.next_step().unwrap() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(replay.next_step().is_none(), "there is no going on");
        let ReplayError::Diverged(divergence) = &error else { panic!("{error}") };
        assert_eq!((divergence.number, divergence.at), (5, Instant::from_micros(12_500)));
        let shown = error.to_string();
        let [first, recorded, now] = shown.lines().collect::<Vec<_>>()[..] else { panic!("{shown}") };
        assert!(first.starts_with("step 5 at 0.012500 s (byte ") && first.ends_with("), poll_action:"), "{first}");
        assert!(recorded.starts_with("  recorded  ") && recorded.ends_with("next attempt in 1.0 s"), "{recorded}");
        assert!(now.starts_with("  now       ") && now.ends_with("next attempt in 3.0 s"), "{now}");
    }

    #[test]
    fn input_that_is_not_taken_any_more_is_a_difference() {
        let now = Instant::EPOCH;
        let mut client = Client::new(Config::new("device"), 1, now).unwrap();
        client.record(&RecordOptions::new([1, 2]));
        client.start(now);
        let tell = |client: &mut Client| core::iter::from_fn(|| client.poll_action()).last();
        let Some(Action::Open(link)) = tell(&mut client) else { panic!("a link is wanted") };
        client.handle(now, Event::LinkUp(link));
        client.poll_transmit(now, &mut BytesMut::new(), 1);
        client.handle(now, Event::Received(link, &mut BytesMut::from(&[0x20, 2, 0, 0][..])));
        tell(&mut client);
        let message = [0x30, 4, 0, 1, b't', b'x'];
        client.handle(now, Event::Received(link, &mut BytesMut::from(&message.repeat(3)[..])));
        let file = client.recording().unwrap();

        // As if this build had room for one message where the other one had more.
        let mut trace = Trace::parse(&file).unwrap();
        trace.config.actions_max = 1;
        let mut replay = Replay::new(&trace).unwrap();
        let error = core::iter::from_fn(|| replay.next_step()).find_map(Result::err).unwrap();
        let ReplayError::Diverged(divergence) = error else { panic!("{error}") };
        assert_eq!((&divergence.recorded[..], &divergence.now[..]), ("nothing", "6 bytes taken"));
    }
}
