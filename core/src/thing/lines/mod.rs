//! Devices that speak lines of text: serial ports, terminals of projectors and amplifiers, sockets.
//!
//! A device is described by a table, [`Lines`], which is data: [templates](Template) that read and write, with
//! [codecs](Codec) for their fields. What the table cannot say, a structure of your own can: [`LineDevice`]. Both are
//! driven by one machine, which asks and tells, waits, repeats, and hears every line that comes.
//!
//! # What may be relied on
//!
//! - **Every line is heard**, whatever is waited for. A wait ends with its own answer, with a no, or with time; any other
//!   line is a reading and nothing more. Answers that do not say what they are about are understood only when they were
//!   [asked for](Template::when_asked), and after one that did not come the device is left alone for a while, so that a
//!   late one is not taken for the next.
//! - **Half a line is never read.** When a line breaks off, its beginning is dropped at once, and what comes next is
//!   dropped up to the end of a line: it may be the rest of that line, and nobody could tell. That can cost one whole
//!   line, which is asked for again; reading half a number would cost the truth.
//! - **A property counts as set when the device shows it.** The command is said, the device is asked until the value
//!   shows or its time is over, and then it is told again, [`Timing::attempts`] times in all. A device that is busy
//!   ([`Lines::hold_commands_while`]) is told nothing, and has its time afterwards.
//! - **The newest wish counts.** One attempt for each property; an older one ends as replaced. The same wish again is not
//!   told again.
//! - **Nothing starves.** Commands go first, but no more than three in a row while a question waits; polls have their own
//!   time, whatever the commands do.
//! - **Nothing is said that was not meant.** A value that carries a control character or the end of a line is refused by
//!   [`check`](crate::thing::Component::check), and so is a text in which the device could not tell where it ends.
//! - **Memory is bounded** by one line of [`Wire::line_max`] bytes; a longer one is dropped and reported once.

mod asking;
mod attempts;
mod build;
mod codec;
mod compiled;
mod component;
mod confirming;
mod framer;
mod front;
mod machine;
mod mirror;
mod mistake;
mod number;
mod overlap;
mod patterns;
mod reader;
mod structured;
mod table;
mod template;
mod wire;

pub use codec::{Codec, Custom, codec, decimal, flag, number, scaled, text, typed, words};
pub use compiled::Compiled;
pub use component::LineComponent;
pub use framer::{Framed, Framer};
pub use mirror::{Mirror, Told};
#[cfg(feature = "thing-files")]
pub(super) use mistake::in_lines;
pub use mistake::{Mistake, Mistakes, Place};
pub use number::{Decimal, Number};
pub use structured::{Hearing, LineDevice, Question, StructComponent};
pub use table::{Command, Confirmation, Function, Hears, Hold, LineProperty, Lines, Query};
pub use template::{Pattern, Template, template};
pub use wire::{Encoding, Framing, Timing, Wire};
