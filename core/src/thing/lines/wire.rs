//! How lines travel: their ends, their characters, and what is dangerous in them.

use core::time::Duration;

use crate::thing::Unfit;

/// How lines travel between a component and its device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wire {
    /// How what the device says is cut into lines. Default: [`Framing::Newline`].
    pub framing: Framing,
    /// What is put behind every line to the device. Default: `"\n"`.
    pub ending: String,
    /// How characters are bytes. Default: UTF-8.
    pub encoding: Encoding,
    /// The longest line, in bytes, either way. What is longer is dropped as a whole. Default: 1,024.
    pub line_max: usize,
    /// Whether the device says every line back to whoever said it. Default: no.
    pub echoes: bool,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            framing: Framing::Newline,
            ending: "\n".to_owned(),
            encoding: Encoding::Utf8,
            line_max: 1_024,
            echoes: false,
        }
    }
}

/// How a stream of bytes is cut into lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framing {
    /// A line ends with CR, LF or both; empty lines do not count.
    Newline,
    /// A line ends with this text, and may be empty.
    Terminator(String),
    /// Every line is this many bytes.
    Length(usize),
    /// A line ends when nothing has come for this long.
    IdleGap(Duration),
}

/// How characters are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8. A line that is not is not understood.
    Utf8,
    /// ISO 8859-1: every byte is the character of that number.
    Latin1,
}

impl Encoding {
    /// The text that these bytes are; `scratch` is used where they are not the text itself.
    pub fn decode<'a>(self, bytes: &'a [u8], scratch: &'a mut String) -> Option<&'a str> {
        match (self, core::str::from_utf8(bytes)) {
            (_, Ok(text)) if self == Self::Utf8 || bytes.is_ascii() => Some(text),
            (Self::Utf8, _) => None,
            (Self::Latin1, _) => {
                scratch.clear();
                scratch.extend(bytes.iter().copied().map(char::from));
                Some(scratch)
            }
        }
    }

    /// Appends the bytes that this text is; the error is a character that the encoding does not have.
    pub fn encode(self, text: &str, out: &mut Vec<u8>) -> Result<(), char> {
        if self == Self::Utf8 || text.is_ascii() {
            out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        for character in text.chars() {
            out.push(u8::try_from(character).map_err(|_| character)?);
        }
        Ok(())
    }
}

/// The waits and patience of a component. All of it counts in the time that the driver hands in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// From the sending of a line to its answer. An answer that has begun by then may take as long again, as long as its
    /// bytes come. Default: 2 s.
    pub reply_timeout: Duration,
    /// The longest silence within a line; afterwards the line is broken, and neither its beginning nor its rest is read.
    /// Default: 1 s.
    pub byte_timeout: Duration,
    /// How often a line is sent before it is given up. Default: 3.
    pub attempts: u32,
    /// How long the device is left alone after an answer, or after a line that has none. Default: 20 ms.
    pub gap: Duration,
    /// How long it is left alone after an answer that did not come, so that a late one is not taken for the next. Default:
    /// as `gap`; as `reply_timeout` if there are answers that are understood only [when
    /// asked](super::Template::when_asked).
    pub cool_down: Option<Duration>,
    /// How soon a property is asked for again that does not show yet what was set. Default: 250 ms.
    pub ask_again: Duration,
    /// How soon a silent question is asked again that is not polled. Default: 30 s.
    pub ask_silent: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            reply_timeout: Duration::from_secs(2),
            byte_timeout: Duration::from_secs(1),
            attempts: 3,
            gap: Duration::from_millis(20),
            cool_down: None,
            ask_again: Duration::from_millis(250),
            ask_silent: Duration::from_secs(30),
        }
    }
}

/// The longest line that may be asked for, in bytes: all of it may have to be kept.
pub(super) const LINE_MAX: usize = 1 << 20;

pub(super) const NOT_ZERO: &str = "must not be zero";

/// Whether a span is nothing to an [`Instant`](crate::Instant), which counts microseconds: what comes after it is due at
/// once, again and again.
pub(super) fn is_zero(span: Duration) -> bool {
    span.as_micros() == 0
}

impl Timing {
    /// What is wrong with it: the field, and why.
    pub(super) fn mistakes(&self) -> Vec<(&'static str, &'static str)> {
        let zero = [
            ("reply_timeout", is_zero(self.reply_timeout)),
            ("byte_timeout", is_zero(self.byte_timeout)),
            ("attempts", self.attempts == 0),
            ("ask_again", is_zero(self.ask_again)),
            ("ask_silent", is_zero(self.ask_silent)),
        ];
        zero.into_iter().filter(|(_, zero)| *zero).map(|(field, _)| (field, NOT_ZERO)).collect()
    }
}

impl Wire {
    /// What is wrong with it: the field, and why.
    pub(super) fn mistakes(&self) -> Vec<(&'static str, &'static str)> {
        let encodes = |text: &str| self.encoding.encode(text, &mut Vec::new()).is_ok();
        let framing = match &self.framing {
            Framing::Terminator(terminator) if terminator.is_empty() => Some("the terminator is empty"),
            Framing::Terminator(terminator) if !encodes(terminator) => Some("the terminator is not in the encoding"),
            Framing::Length(len) if !(1..=self.line_max).contains(len) => {
                Some("the length must be from 1 byte to `line_max`")
            }
            Framing::IdleGap(gap) if is_zero(*gap) => Some("a silence of no length ends nothing"),
            Framing::Newline | Framing::Terminator(_) | Framing::Length(_) | Framing::IdleGap(_) => None,
        };
        let line_max = (!(1..=LINE_MAX).contains(&self.line_max)).then_some("must be from 1 to 1048576 bytes");
        let ending = (!encodes(&self.ending)).then_some("it is not in the encoding");
        let all = [("line_max", line_max), ("framing", framing), ("ending", ending)];
        all.into_iter().filter_map(|(field, problem)| Some((field, problem?))).collect()
    }

    /// Refuses text of a field that could be more than a field to the device: a line end, a control character, a
    /// terminator.
    pub(super) fn guard(&self, field: &str) -> Result<(), Unfit> {
        if let Some(control) = field.chars().find(|character| character.is_control()) {
            return Err(Unfit(format!("{control:?} is a control character, which could be a second command")));
        }
        let heard = if let Framing::Terminator(terminator) = &self.framing { terminator } else { "" };
        for end in [self.ending.as_str(), heard] {
            if !end.is_empty() && field.contains(end) {
                return Err(Unfit(format!("it contains {end:?}, which ends a line")));
            }
        }
        Ok(())
    }

    /// The bytes that say this line, with its end.
    pub(super) fn encode(&self, line: &str) -> Result<Vec<u8>, Unfit> {
        let mut bytes = Vec::with_capacity(line.len() + self.ending.len());
        let encoded = self.encoding.encode(line, &mut bytes);
        encoded.map_err(|character| Unfit(format!("{character:?} is not in ISO 8859-1")))?;
        if bytes.len() > self.line_max {
            return Err(Unfit(format!("a line of {} bytes, of which {} are the limit", bytes.len(), self.line_max)));
        }
        let body_len = bytes.len();
        // A table whose ending cannot be encoded is not built.
        let _ = self.encoding.encode(&self.ending, &mut bytes);
        // Where a field and its surroundings make up an end together, it is one all the same.
        let ending = &bytes[body_len..];
        if !ending.is_empty() && bytes.windows(ending.len()).position(|window| window == ending) != Some(body_len) {
            return Err(Unfit(format!("the line contains {:?}, which ends it", self.ending)));
        }
        Ok(bytes)
    }
}
