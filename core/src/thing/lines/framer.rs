//! Cuts bytes into lines.

use core::time::Duration;

use super::wire::{Framing, LINE_MAX, Wire};
use crate::Instant;

/// Cuts bytes into lines. It keeps at most one unfinished line, of at most [`Wire::line_max`] bytes and a terminator.
///
/// How the bytes are cut into pieces on their way makes no difference, as long as no silence is too long.
///
/// ```
/// use core::time::Duration;
/// use thingwire_core::Instant;
/// use thingwire_core::thing::lines::{Framed, Framer, Wire};
///
/// let mut framer = Framer::new(&Wire::default(), Duration::from_secs(1));
/// let (now, mut bytes) = (Instant::EPOCH, &b"POWER ON\r\nVOL"[..]);
/// assert_eq!(framer.next(now, &mut bytes), Some(Framed::Line(b"POWER ON")));
/// assert_eq!(framer.next(now, &mut bytes), None);
/// let later = now + Duration::from_secs(1); // nothing more came: half a line is none
/// assert_eq!(framer.expire(later), Some(Framed::Broken(b"VOL")));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Framer {
    mode: Mode,
    line_max: usize,
    /// The longest silence within a line.
    silence: Duration,
    buffer: Vec<u8>,
    /// What is in the buffer was handed out.
    handed_out: bool,
    /// Everything is dropped up to the next end of a line.
    skipping: bool,
    last_byte: Instant,
}

#[derive(Debug, Clone, Default)]
enum Mode {
    #[default]
    Newline,
    Terminator(Vec<u8>),
    Length(usize),
    IdleGap,
}

/// What the framer found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed<'a> {
    /// A line, without its terminator.
    Line(&'a [u8]),
    /// A line longer than any may be; nothing of it is kept. Said once for each.
    TooLong,
    /// The beginning of a line, after which nothing came for too long. What still comes of it is dropped.
    Broken(&'a [u8]),
}

impl Framer {
    /// Nothing came yet. A line within which there is silence for `byte_timeout` is broken, unless silence is what ends
    /// lines.
    ///
    /// Of what no table may say of a wire, it takes the nearest that one may: no terminator is any end of a line, and
    /// lengths are within their bounds.
    pub fn new(wire: &Wire, byte_timeout: Duration) -> Self {
        let (mut silence, mut bytes) = (byte_timeout, Vec::new());
        let line_max = wire.line_max.clamp(1, LINE_MAX);
        let mode = match &wire.framing {
            Framing::Newline => Mode::Newline,
            Framing::Terminator(terminator) => {
                // A table whose terminator cannot be encoded is not built.
                let _ = wire.encoding.encode(terminator, &mut bytes);
                if bytes.is_empty() { Mode::Newline } else { Mode::Terminator(bytes) }
            }
            Framing::Length(len) => Mode::Length((*len).clamp(1, line_max)),
            Framing::IdleGap(gap) => {
                silence = *gap;
                Mode::IdleGap
            }
        };
        let (buffer, last_byte) = (Vec::new(), Instant::EPOCH);
        Self { mode, line_max, silence, buffer, handed_out: false, skipping: false, last_byte }
    }

    /// Forgets everything: the stream begins anew.
    pub fn reset(&mut self) {
        self.buffer.clear();
        (self.handed_out, self.skipping) = (false, false);
    }

    /// Takes bytes off `input` up to the end of the next line; `None` when all were taken. First ask
    /// [`expire`](Self::expire), or silence is overheard.
    pub fn next<'a, 'i: 'a>(&'a mut self, now: Instant, input: &mut &'i [u8]) -> Option<Framed<'a>> {
        if core::mem::take(&mut self.handed_out) {
            self.buffer.clear();
        }
        if !input.is_empty() {
            self.last_byte = now;
        }
        match self.mode {
            Mode::Newline | Mode::Terminator(_) => self.next_line(input),
            Mode::Length(len) => self.next_of_length(len, input),
            Mode::IdleGap => self.take_all(input),
        }
    }

    fn next_line<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Framed<'a>> {
        while !input.is_empty() {
            let (taken, ending) = self.take_to_end(input);
            if self.skipping {
                self.skip(taken, ending.is_some());
                continue;
            }
            let content = self.buffer.len() + taken.len() - ending.unwrap_or(0);
            // What is not ended yet may hold most of a terminator.
            if content > self.line_max + ending.map_or(self.end_len() - 1, |_| 0) {
                self.skipping = true;
                self.skip(taken, ending.is_some());
                return Some(Framed::TooLong);
            }
            let Some(ending) = ending else {
                self.buffer.extend_from_slice(taken);
                continue;
            };
            if self.buffer.is_empty() {
                let line = &taken[..taken.len() - ending];
                if line.is_empty() && matches!(self.mode, Mode::Newline) {
                    continue;
                }
                return Some(Framed::Line(line));
            }
            self.buffer.extend_from_slice(taken);
            self.buffer.truncate(content);
            self.handed_out = true;
            return Some(Framed::Line(&self.buffer));
        }
        None
    }

    /// Takes bytes up to what may be the end of a line, and says how long that end is, if it is one.
    fn take_to_end<'a>(&self, input: &mut &'a [u8]) -> (&'a [u8], Option<usize>) {
        let last = match &self.mode {
            Mode::Terminator(terminator) => terminator.last().copied(),
            Mode::Newline | Mode::Length(_) | Mode::IdleGap => None,
        };
        let is_last = |&byte: &u8| last.map_or(byte == b'\n' || byte == b'\r', |last| byte == last);
        let Some(at) = input.iter().position(is_last) else {
            return (core::mem::take(input), None);
        };
        let (taken, rest) = input.split_at(at + 1);
        *input = rest;
        let ended = match &self.mode {
            Mode::Terminator(terminator) => {
                let here = terminator.len().min(taken.len());
                let (before, within) = terminator.split_at(terminator.len() - here);
                taken.ends_with(within) && (before.is_empty() || self.buffer.ends_with(before))
            }
            Mode::Newline | Mode::Length(_) | Mode::IdleGap => true,
        };
        (taken, ended.then_some(self.end_len()))
    }

    fn end_len(&self) -> usize {
        if let Mode::Terminator(terminator) = &self.mode { terminator.len() } else { 1 }
    }

    /// Drops what was taken, but for what may be the beginning of a terminator.
    fn skip(&mut self, taken: &[u8], ended: bool) {
        if ended {
            self.reset();
            return;
        }
        let keep = self.end_len();
        self.buffer.extend_from_slice(&taken[taken.len().saturating_sub(keep)..]);
        self.buffer.drain(..self.buffer.len().saturating_sub(keep));
    }

    fn next_of_length<'a, 'i: 'a>(&'a mut self, len: usize, input: &mut &'i [u8]) -> Option<Framed<'a>> {
        let missing = len - self.buffer.len();
        let (taken, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        if taken.len() == len {
            return Some(Framed::Line(taken));
        }
        self.buffer.extend_from_slice(taken);
        self.handed_out = self.buffer.len() == len;
        self.handed_out.then_some(Framed::Line(&self.buffer))
    }

    fn take_all(&mut self, input: &mut &[u8]) -> Option<Framed<'_>> {
        let taken = core::mem::take(input);
        if self.skipping {
            return None;
        }
        self.skipping = self.buffer.len() + taken.len() > self.line_max;
        if self.skipping {
            self.buffer.clear();
            return Some(Framed::TooLong);
        }
        self.buffer.extend_from_slice(taken);
        None
    }

    /// Whether a line has begun and not ended.
    pub fn in_line(&self) -> bool {
        !self.buffer.is_empty() && !self.handed_out && !self.skipping
    }

    /// When silence means something.
    pub fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.in_line() || (self.skipping && matches!(self.mode, Mode::IdleGap));
        waiting.then(|| self.last_byte + self.silence)
    }

    /// What silence means at `now`: the end of a line, or that it is broken.
    pub fn expire(&mut self, now: Instant) -> Option<Framed<'_>> {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        if !matches!(self.mode, Mode::IdleGap) {
            return self.break_off();
        }
        if core::mem::take(&mut self.skipping) {
            return None;
        }
        self.handed_out = true;
        Some(Framed::Line(&self.buffer))
    }

    /// Gives up the line that has begun, if one has. What still comes of it is no line either: it is dropped up to the
    /// next end of a line. Nobody could tell it from a line that says something else.
    pub fn break_off(&mut self) -> Option<Framed<'_>> {
        if !self.in_line() {
            return None;
        }
        self.handed_out = true;
        self.skipping = matches!(self.mode, Mode::Newline | Mode::Terminator(_));
        Some(Framed::Broken(&self.buffer))
    }
}
