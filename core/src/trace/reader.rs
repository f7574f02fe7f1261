//! Reads a trace. Any bytes are either a trace or an error with its place, and nothing is trusted before its hash was.

use super::format::{CHECK, END, FORMAT, GENERATION, LAYOUT, MAGIC, Start};
use super::{Answer, Call, TraceError, chain};
use crate::wire::{Bad, Input, Wire};
use crate::{Config, Instant};

/// A trace whose every byte was checked.
#[derive(Debug, Clone)]
pub struct Trace<'a> {
    pub(crate) config: Config,
    recorded_by: String,
    layout: u32,
    with_payloads: bool,
    stopped: bool,
    steps: u64,
    generations: Vec<Generation<'a>>,
}

/// Steps from one state on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generation<'a> {
    pub(crate) at: Instant,
    pub(crate) start: Start<'a>,
    /// Ends with the generation; begins with its first step.
    steps: Input<'a>,
    /// Where in the file the generation's bytes begin.
    pub(crate) offset: usize,
}

/// A call and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// When, on the client's clock.
    pub at: Instant,
    /// The call.
    pub call: Call,
    /// What it gave.
    pub answer: Answer,
    /// Where in the file it stands.
    pub offset: usize,
}

impl<'a> Trace<'a> {
    /// Reads a whole file, and checks all of it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TraceError> {
        let mut input = Input::new(bytes);
        match input.array() {
            Ok(MAGIC) => {}
            Ok(_) => return Err(TraceError::NotATrace),
            Err(_) if MAGIC.starts_with(bytes) && !bytes.is_empty() => return Err(placed(Bad::End, 0, &input)),
            Err(_) => return Err(TraceError::NotATrace),
        }
        let found = read(&mut input, Input::array).map(u16::from_le_bytes)?;
        if found != FORMAT {
            return Err(TraceError::Format { found, known: FORMAT });
        }
        let recorded_by = read(&mut input, String::get)?;
        let layout = read(&mut input, u32::get)?;
        let with_payloads = read(&mut input, bool::get)?;
        let config = read(&mut input, Config::get)?;
        let mut generations = Vec::new();
        let mut counted = 0;
        loop {
            let at = input.at;
            match read(&mut input, Input::byte)? {
                GENERATION => {
                    let sized = read(&mut input, Input::sized)?;
                    let generation = Generation::read(sized, input.at - sized.len())?;
                    counted += generation.check()?;
                    generations.push(generation);
                }
                END => break,
                _ => return Err(TraceError::Malformed { at, what: "generation" }),
            }
        }
        let counted_at = input.at;
        let steps = read(&mut input, u64::get)?;
        let stopped = read(&mut input, bool::get)?;
        let hash = chain(0, &bytes[..input.at]);
        if read(&mut input, Input::array)? != hash.to_le_bytes() {
            // Or the hash itself is.
            return Err(TraceError::Damaged { from: 0, to: input.at });
        }
        if input.at != bytes.len() {
            return Err(TraceError::Trailing { at: input.at });
        }
        if steps != counted {
            return Err(TraceError::Malformed { at: counted_at, what: "count of steps" });
        }
        config.validate()?;
        Ok(Self { config, recorded_by, layout, with_payloads, stopped, steps, generations })
    }

    /// The configuration of the client; of its login no more than the lengths.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The version of the core that recorded it.
    pub fn recorded_by(&self) -> &str {
        &self.recorded_by
    }

    /// Whether it was recorded by this version of the core. A trace of another one can be replayed all the same, to
    /// compare the two.
    pub fn is_of_this_version(&self) -> bool {
        self.recorded_by == env!("CARGO_PKG_VERSION")
    }

    /// Whether the payloads are those that were sent and received.
    pub fn with_payloads(&self) -> bool {
        self.with_payloads
    }

    /// Whether it begins with the client's first moment; otherwise what was before is forgotten.
    pub fn is_whole(&self) -> bool {
        matches!(self.generations.first(), Some(Generation { start: Start::Fresh { .. }, .. }))
    }

    /// Whether it ends before its client did, because the client's state had outgrown the recorder's memory.
    pub fn is_cut_short(&self) -> bool {
        self.stopped
    }

    /// How many steps it has.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn generations(&self) -> &[Generation<'a>] {
        &self.generations
    }

    /// Whether this build can read the states in it.
    pub(crate) fn knows_states(&self) -> Result<(), TraceError> {
        if self.layout == LAYOUT {
            Ok(())
        } else {
            let recorded_by = self.recorded_by.clone();
            Err(TraceError::State { found: self.layout, known: LAYOUT, recorded_by })
        }
    }
}

impl<'a> Generation<'a> {
    /// `offset` is where in the file `bytes` begin.
    fn read(bytes: &'a [u8], offset: usize) -> Result<Self, TraceError> {
        let mut steps = Input::new(bytes);
        let at = read(&mut steps, Instant::get).map_err(|error| error.moved(offset))?;
        let start = read(&mut steps, Start::get).map_err(|error| error.moved(offset))?;
        Ok(Self { at, start, steps, offset })
    }

    pub(crate) fn steps(&self) -> Steps<'a> {
        Steps { input: self.steps, offset: self.offset, now: self.at, hash: 0, checked: 0, ended: false }
    }

    /// How many steps it has, all of them checked.
    fn check(&self) -> Result<u64, TraceError> {
        let (mut steps, mut count) = (self.steps(), 0);
        for step in steps.by_ref() {
            step?;
            count += 1;
        }
        // The last bytes are a check, or nobody vouches for them.
        if steps.checked == steps.input.bytes.len() {
            Ok(count)
        } else {
            Err(TraceError::Malformed { at: self.offset + steps.input.at, what: "check" })
        }
    }
}

/// The steps of a generation, in order, up to the first error.
#[derive(Debug, Clone)]
pub struct Steps<'a> {
    input: Input<'a>,
    offset: usize,
    now: Instant,
    hash: u64,
    /// Up to where the bytes are known to be right.
    checked: usize,
    ended: bool,
}

impl Iterator for Steps<'_> {
    type Item = Result<Step, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step().map_err(|error| error.moved(self.offset)).transpose();
        self.ended = !matches!(step, Some(Ok(_)));
        step
    }
}

impl Steps<'_> {
    /// There are no more.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    fn step(&mut self) -> Result<Option<Step>, TraceError> {
        while self.input.at < self.input.bytes.len() {
            let from = self.input.at;
            let passed = read(&mut self.input, u64::get)?;
            if self.input.bytes.get(self.input.at) == Some(&CHECK) {
                self.input.at += 1;
                self.check()?;
                continue;
            }
            let call = read(&mut self.input, Call::get)?;
            let answer = read(&mut self.input, Answer::get)?;
            self.now = Instant::from_micros(self.now.as_micros().saturating_add(passed));
            return Ok(Some(Step { at: self.now, call, answer, offset: self.offset + from }));
        }
        Ok(None)
    }

    fn check(&mut self) -> Result<(), TraceError> {
        let (from, to) = (self.checked, self.input.at);
        let hash = read(&mut self.input, Input::array).map(u64::from_le_bytes)?;
        self.hash = chain(self.hash, &self.input.bytes[from..to]);
        self.checked = self.input.at;
        if hash == self.hash { Ok(()) } else { Err(TraceError::Damaged { from, to: self.checked }) }
    }
}

fn read<'a, T>(input: &mut Input<'a>, get: impl FnOnce(&mut Input<'a>) -> Result<T, Bad>) -> Result<T, TraceError> {
    let from = input.at;
    get(input).map_err(|bad| placed(bad, from, input))
}

fn placed(bad: Bad, from: usize, input: &Input<'_>) -> TraceError {
    match bad {
        Bad::End => TraceError::Truncated { at: input.bytes.len(), from },
        Bad::Value(what) => TraceError::Malformed { at: from, what },
    }
}

impl TraceError {
    /// The same, in a file of which the bytes so far begin at `offset`.
    fn moved(self, offset: usize) -> Self {
        match self {
            Self::Truncated { at, from } => Self::Truncated { at: at + offset, from: from + offset },
            Self::Malformed { at, what } => Self::Malformed { at: at + offset, what },
            Self::Damaged { from, to } => Self::Damaged { from: from + offset, to: to + offset },
            Self::NotATrace | Self::Format { .. } | Self::Trailing { .. } | Self::Config(_) | Self::State { .. } => {
                self
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;

    use super::*;
    use crate::replay::{Replay, ReplayError, replay};
    use crate::trace::RecordOptions;
    use crate::{Action, Client, Event, Filter, LinkError, Publish, Qos, Topic};

    /// A life with a bit of everything, that begins with its first moment.
    fn life() -> Vec<u8> {
        let mut now = Instant::EPOCH;
        let mut client = Client::new(Config::new("device"), 1, now).unwrap();
        client.record(&RecordOptions::new([1, 2]));
        client.start(now);
        client.subscribe(now, vec![(Filter::new("in/#").unwrap(), Qos::AtLeastOnce)]).unwrap();
        let mut link = None;
        for round in 0..12_u8 {
            let ticket = client.publish(now, Publish::new(Topic::new("out").unwrap(), vec![round; 4]));
            if round == 7 {
                client.discard(now, ticket.unwrap());
            }
            let mut out = BytesMut::new();
            while let (written, Some(action)) = (client.poll_transmit(now, &mut out, 100), client.poll_action()) {
                if let Action::Open(opened) = action {
                    link = Some(opened);
                    client.handle(now, Event::LinkUp(opened));
                }
                let _ = written;
            }
            let answers: &[u8] = match round % 6 {
                0 => &[0x20, 2, 0, 0],
                1 => &[0x90, 3, 0, 1, 1],
                4 => &[0x32, 10, 0, 4, b'i', b'n', b'/', b'1', 0, 9, b'h', b'i'],
                id => &[[0x40, 2, 0, 2], [0x40, 2, 0, 3]][usize::from(id % 2)],
            };
            client.handle(now, Event::Received(link.unwrap(), &mut BytesMut::from(answers)));
            if round == 5 {
                client.handle(now, Event::LinkDown(link.unwrap(), LinkError::KeepAlive));
            }
            now = client.next_deadline().map_or(now, |(deadline, _)| deadline);
            client.handle(now, Event::Wake);
        }
        client.stop(now);
        client.recording().unwrap()
    }

    /// A life whose beginning is forgotten.
    fn long_life(seed: u64) -> Vec<u8> {
        let now = Instant::EPOCH;
        let mut client = Client::new(Config::new("device"), seed, now).unwrap();
        let mut options = RecordOptions::new([1, 2]);
        options.bytes_max = 8 * 1024;
        client.record(&options);
        for _ in 0..400 {
            let ticket = client.publish(now, Publish::new(Topic::new("out").unwrap(), "payload")).unwrap();
            assert!(client.discard(now, ticket));
        }
        client.recording().unwrap()
    }

    #[test]
    fn a_state_that_does_not_follow_from_what_was_before_is_a_divergence() {
        let files = [long_life(1), long_life(2)];
        let [one, other] = files.each_ref().map(|file| Trace::parse(file).unwrap());
        let ends = |generations: Vec<Generation<'_>>| {
            let spliced = Trace { generations, ..one.clone() };
            let mut replay = Replay::new(&spliced).unwrap();
            core::iter::from_fn(|| replay.next_step()).find_map(Result::err).map(|error| error.to_string())
        };
        assert_eq!(ends(one.generations.clone()), None);
        let error = ends(vec![one.generations[0], other.generations[1]]).unwrap();
        assert!(error.contains("the whole state"), "{error}");
    }

    #[test]
    fn a_state_of_another_layout_is_refused_and_a_life_from_its_first_moment_is_lived() {
        let file = long_life(1);
        let trace = Trace::parse(&file).unwrap();
        let recorded_by = || "0.0.1".to_owned();
        let other = Trace { recorded_by: recorded_by(), layout: LAYOUT + 1, ..trace.clone() };
        assert_eq!((trace.is_of_this_version(), other.is_of_this_version()), (true, false));
        let mut replay = Replay::new(&other).unwrap();
        assert!(core::iter::from_fn(|| replay.next_step()).all(|step| step.is_ok()));

        let overwritten = Trace { generations: other.generations[1..].to_vec(), ..other };
        let expected = TraceError::State { found: LAYOUT + 1, known: LAYOUT, recorded_by: recorded_by() };
        assert_eq!(Replay::new(&overwritten).err(), Some(expected));
    }

    #[test]
    fn steps_that_no_check_covers_are_an_error_where_they_end() {
        let file = life();
        let trace = Trace::parse(&file).unwrap();
        let Generation { steps: Input { bytes, at }, offset, .. } = trace.generations[0];
        // Without the last check: no time, its number, and the hash.
        let bytes = &bytes[..bytes.len() - 10];
        let unchecked = Generation { steps: Input { bytes, at }, ..trace.generations[0] };
        let expected = TraceError::Malformed { at: offset + bytes.len(), what: "check" };
        assert_eq!(unchecked.check().unwrap_err(), expected);
    }

    /// Gives every check the hash that it should have, as far as the file can still be read. Its one generation begins at
    /// `from`.
    fn forge(file: &mut [u8], from: usize) {
        while let Err(TraceError::Damaged { from: begin, to }) = Trace::parse(file) {
            let at = to - 8;
            let before = if begin == 0 || begin == from { [0; 8] } else { file[begin - 8..begin].try_into().unwrap() };
            let hash = chain(u64::from_le_bytes(before), &file[begin..at]);
            if file[at..at + 8] == hash.to_le_bytes() {
                return;
            }
            file[at..at + 8].copy_from_slice(&hash.to_le_bytes());
        }
    }

    proptest! {
        /// Hashes prove nothing to those who can write them. A forged life is lived, or refused, or diverges.
        #[test]
        fn a_forged_trace_is_no_reason_to_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 8),
        ) {
            let file = life();
            let from = Trace::parse(&file).unwrap().generations[0].offset;
            for (index, byte) in changes {
                let mut forged = file.clone();
                forged[index.index(file.len())] = byte;
                forge(&mut forged, from);
                let _ = replay(&forged);
            }
        }
    }

    #[test]
    fn a_life_that_was_not_forged_is_whole() {
        let mut file = life();
        let steps = replay(&file).unwrap();
        assert!(steps > 60, "{steps} steps");
        let at = file.len() / 2;
        file[at] ^= 1;
        assert!(matches!(Trace::parse(&file), Err(TraceError::Damaged { .. } | TraceError::Malformed { .. })));
        file[at] ^= 1;
        assert_eq!(replay(&file), Ok(steps));

        let from = Trace::parse(&file).unwrap().generations[0].offset;
        let payload = 5 + file.windows(5).position(|window| window == [3, b'o', b'u', b't', 4]).unwrap();
        file[payload] ^= 1;
        forge(&mut file, from);
        assert_eq!(Trace::parse(&file).unwrap().steps(), steps, "the hashes are right");
        assert!(matches!(replay(&file), Err(ReplayError::Diverged(_))), "other bytes are sent");
    }
}
