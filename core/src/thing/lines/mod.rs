//! Devices that speak lines of text: serial ports, terminals of projectors and amplifiers, sockets.
//!
//! A device is described by a table, [`Lines`], which is data: [templates](Template) that read and write, with
//! [codecs](Codec) for their fields. What the table cannot say, a structure of your own can: [`LineDevice`]. Both are
//! driven by one machine, which asks and tells, waits, repeats, and hears every line that comes.

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
pub use mistake::{Mistake, Mistakes, Place};
pub use number::{Decimal, Number};
pub use structured::{Ask, Hearing, LineDevice, StructComponent};
pub use table::{Command, Confirm, Function, Hears, Hold, LineProperty, Lines, Query};
pub use template::{Pattern, Template, template};
pub use wire::{Encoding, Framing, Timing, Wire};
