//! Writes down what happens to a client.

use core::fmt;

use bytes::BytesMut;

use super::format::{CHECK, END, FORMAT, LAYOUT, MAGIC, STEPS_PER_CHECK, Start};
use super::{Answer, Call, chain};
use crate::wire::filler::{self, Filler};
use crate::wire::{Output, Wire, put_text};
use crate::{
    AckToken, Action, Config, Filter, Instant, Link, LinkError, Publish, Qos, Refusal, ShadowRequest, ShadowWatch,
    Ticket,
};

/// What is recorded, and how much of it is kept.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordOptions {
    /// Bytes of memory for steps and states, and so about the size of the file. At least 16 KiB. Default: 1 MiB.
    pub bytes_max: usize,
    /// Whether payloads are recorded as they are. Default: false; then each is replaced by another of the same length,
    /// equal ones by equal ones.
    pub with_payloads: bool,
    /// The key of that replacement: unpredictable, and kept by nobody. It is not recorded.
    pub key: [u64; 2],
}

impl RecordOptions {
    /// The defaults, with this key.
    pub fn new(key: [u64; 2]) -> Self {
        Self { bytes_max: 1024 * 1024, with_payloads: false, key }
    }
}

/// Without the key.
impl fmt::Debug for RecordOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes_max, with_payloads, .. } = self;
        f.debug_struct("RecordOptions")
            .field("bytes_max", bytes_max)
            .field("with_payloads", with_payloads)
            .finish_non_exhaustive()
    }
}

/// Two generations of steps, each after the state that it begins with: what is kept is the younger one and whatever is
/// there of the older. So memory is bounded, and the last half of it at least can always be replayed.
#[derive(Debug)]
pub(crate) struct Recorder {
    header: Vec<u8>,
    half: usize,
    packet_len_max: usize,
    user_name_len: usize,
    /// What is written now; the filler is in it.
    output: Output,
    /// The last step's, or the state's.
    now: Instant,
    steps: u64,
    steps_unchecked: u32,
    /// Where in `output` the bytes begin that no check covers.
    unchecked_from: usize,
    hash: u64,
    /// Bytes of the state that `output` begins with.
    state_len: usize,
    /// The generation before, whole.
    older: Option<(Vec<u8>, u64)>,
    /// The state has outgrown the memory: nothing more is written.
    stopped: bool,
    scratch: Output,
}

impl Recorder {
    pub(crate) fn new(options: &RecordOptions, config: &Config) -> Self {
        let filler = (!options.with_payloads).then(|| Filler::new(options.key));
        let mut header = Output { bytes: MAGIC.to_vec(), filler: filler.clone() };
        header.bytes.extend_from_slice(&FORMAT.to_le_bytes());
        put_text(env!("CARGO_PKG_VERSION"), &mut header);
        LAYOUT.put(&mut header);
        filler.is_none().put(&mut header);
        config.put(&mut header);
        Self {
            header: header.bytes,
            half: options.bytes_max.max(16 * 1024) / 2,
            packet_len_max: config.limits.packet_len_max,
            user_name_len: config.user_name.as_ref().map_or(0, String::len),
            output: Output { bytes: Vec::new(), filler: filler.clone() },
            now: Instant::EPOCH,
            steps: 0,
            steps_unchecked: 0,
            unchecked_from: 0,
            hash: 0,
            state_len: 0,
            older: None,
            stopped: false,
            scratch: Output { bytes: Vec::new(), filler },
        }
    }

    /// Whether a new generation is due, and with it [`begin`](Self::begin).
    pub(crate) fn is_full(&self) -> bool {
        self.output.bytes.len() >= self.half && !self.stopped
    }

    /// Begins with a client that nothing has happened to, or with this state of one.
    pub(crate) fn begin(&mut self, now: Instant, seed: Option<u64>, state: impl FnOnce(&mut Output)) {
        self.check();
        let spare = self.older.take().map_or_else(Vec::new, |(bytes, _)| bytes);
        let done = core::mem::replace(&mut self.output.bytes, spare);
        self.older = (!done.is_empty()).then_some((done, self.steps));
        self.output.bytes.clear();
        (self.steps, self.hash, self.unchecked_from, self.now) = (0, 0, 0, now);
        now.put(&mut self.output);
        match seed {
            Some(seed) => Start::Fresh { seed }.put(&mut self.output),
            None => {
                self.scratch.bytes.clear();
                state(&mut self.scratch);
                Start::put_state(&self.scratch.bytes, &mut self.output);
            }
        }
        self.state_len = self.output.bytes.len();
        if self.state_len > self.half / 2 {
            // The steps before it can still be replayed.
            let (bytes, steps) = self.older.take().unwrap_or_default();
            (self.output.bytes, self.steps, self.stopped) = (bytes, steps, true);
        }
    }

    /// The trace as it stands: a whole file.
    pub(crate) fn file(&mut self) -> Vec<u8> {
        self.check();
        let mut file = self.header.clone();
        let mut steps = self.steps;
        let younger = (!self.output.bytes.is_empty()).then_some(&self.output.bytes);
        if let Some((older, count)) = &self.older {
            Start::open(older.len(), &mut file);
            file.extend_from_slice(older);
            steps += count;
        }
        if let Some(younger) = younger {
            Start::open(younger.len(), &mut file);
            file.extend_from_slice(younger);
        }
        let mut end = Output { bytes: file, filler: None };
        end.bytes.push(END);
        steps.put(&mut end);
        self.stopped.put(&mut end);
        let hash = chain(0, &end.bytes);
        end.bytes.extend_from_slice(&hash.to_le_bytes());
        end.bytes
    }

    /// Closes the bytes so far with their hash, which goes on from the check before.
    fn check(&mut self) {
        if self.unchecked_from < self.output.bytes.len() && !self.stopped {
            self.output.bytes.push(0);
            self.output.bytes.push(CHECK);
            self.hash = chain(self.hash, &self.output.bytes[self.unchecked_from..]);
            self.output.bytes.extend_from_slice(&self.hash.to_le_bytes());
            self.unchecked_from = self.output.bytes.len();
            self.steps_unchecked = 0;
        }
    }

    /// A call at `now`. False when nothing is written any more.
    fn step(&mut self, now: Instant) -> bool {
        if self.stopped {
            return false;
        }
        if self.steps_unchecked == STEPS_PER_CHECK {
            self.check();
        }
        self.steps += 1;
        self.steps_unchecked += 1;
        let passed = now.as_micros().saturating_sub(self.now.as_micros());
        self.now = self.now.max(now);
        passed.put(&mut self.output);
        true
    }

    fn call(&mut self, now: Instant, call: &Call, answer: &Answer) {
        if self.step(now) {
            call.put(&mut self.output);
            answer.put(&mut self.output);
        }
    }
}

/// What the client tells.
impl Recorder {
    pub(crate) fn start(&mut self, now: Instant) {
        self.call(now, &Call::Start, &Answer::Nothing);
    }

    pub(crate) fn stop(&mut self, now: Instant) {
        self.call(now, &Call::Stop, &Answer::Nothing);
    }

    /// Followed by [`requested`](Self::requested), as the others that are asked for.
    pub(crate) fn publish(&mut self, now: Instant, publish: &Publish) {
        if self.step(now) {
            self.output.bytes.push(Call::PUBLISH);
            publish.put(&mut self.output);
        }
    }

    pub(crate) fn subscribe(&mut self, now: Instant, filters: &[(Filter, Qos)]) {
        if self.step(now) {
            Call::Subscribe(filters.to_vec()).put(&mut self.output);
        }
    }

    pub(crate) fn unsubscribe(&mut self, now: Instant, filters: &[Filter]) {
        if self.step(now) {
            Call::Unsubscribe(filters.to_vec()).put(&mut self.output);
        }
    }

    pub(crate) fn shadow(&mut self, now: Instant, request: &ShadowRequest) {
        if self.step(now) {
            Call::Shadow(request.clone()).put(&mut self.output);
        }
    }

    pub(crate) fn watch_shadow(&mut self, now: Instant, watch: &ShadowWatch) {
        if self.step(now) {
            Call::WatchShadow(watch.clone()).put(&mut self.output);
        }
    }

    pub(crate) fn unwatch_shadow(&mut self, now: Instant, watch: Ticket) {
        self.call(now, &Call::UnwatchShadow(watch), &Answer::Nothing);
    }

    pub(crate) fn requested(&mut self, answer: Result<Ticket, &Refusal>) {
        if !self.stopped {
            Answer::of_request(answer).put(&mut self.output);
        }
    }

    pub(crate) fn discarded(&mut self, now: Instant, ticket: Ticket, in_time: bool) {
        self.call(now, &Call::Discard(ticket), &Answer::Discarded(in_time));
    }

    pub(crate) fn ack(&mut self, now: Instant, token: AckToken) {
        self.call(now, &Call::Ack(token), &Answer::Nothing);
    }

    pub(crate) fn pause_input(&mut self, paused: bool) {
        self.call(self.now, &Call::PauseInput(paused), &Answer::Nothing);
    }

    pub(crate) fn link_up(&mut self, now: Instant, link: Link) {
        self.call(now, &Call::LinkUp(link), &Answer::Nothing);
    }

    pub(crate) fn link_down(&mut self, now: Instant, link: Link, why: &LinkError) {
        self.call(now, &Call::LinkDown(link, why.clone()), &Answer::Nothing);
    }

    /// What the client may take. Nothing is copied while the packet at the front is not whole: then nothing of it is
    /// taken, or all of it without a look.
    pub(crate) fn look(&mut self, bytes: &BytesMut) {
        self.scratch.bytes.clear();
        if crate::frame::validate(bytes, self.packet_len_max) != Ok(None) && !self.stopped {
            self.scratch.bytes.extend_from_slice(bytes);
        }
    }

    /// What it took.
    pub(crate) fn received(&mut self, now: Instant, link: Link, taken: usize) {
        if !self.step(now) {
            return;
        }
        self.scratch.bytes.resize(taken, 0);
        if let Some(filler) = &self.scratch.filler {
            filler::fill_received(filler, &mut self.scratch.bytes, self.packet_len_max);
        }
        self.output.bytes.push(Call::RECEIVED);
        link.put(&mut self.output);
        taken.put(&mut self.output);
        self.output.bytes.extend_from_slice(&self.scratch.bytes);
        Answer::Nothing.put(&mut self.output);
    }

    pub(crate) fn wake(&mut self, now: Instant) {
        self.call(now, &Call::Wake, &Answer::Nothing);
    }

    pub(crate) fn transmitted(&mut self, now: Instant, budget: usize, bytes: &[u8]) {
        self.scratch.bytes.clear();
        self.scratch.bytes.extend_from_slice(bytes);
        filler::fill_sent(self.scratch.filler.as_ref(), &mut self.scratch.bytes, self.user_name_len);
        let answer = Answer::of_bytes(&self.scratch.bytes);
        self.call(now, &Call::PollTransmit(budget), &answer);
    }

    pub(crate) fn action(&mut self, action: &Action) {
        if !self.stopped {
            let answer = Answer::of_action(action, &mut self.scratch);
            self.call(self.now, &Call::PollAction, &answer);
        }
    }
}
