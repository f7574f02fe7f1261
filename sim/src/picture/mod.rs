//! Pictures of runs and campaigns: text, SVG, and pages that are one file each.
//!
//! * [`timeline`]: one run, as lanes over time.
//! * [`report`]: one campaign.
//! * [`explain`]: one finding, in plain words.
//!
//! Equal inputs have equal pictures. The pages load nothing from anywhere, follow the reader's light or dark, and say
//! everything without colour and without script.

pub mod axis;
pub mod explain;
pub mod report;
pub mod timeline;

mod markup;
mod palette;
mod story;
mod words;

pub(crate) use markup::{Markup, Page, Px, Rect, Strokes};
pub(crate) use words::{clock, count, phase};
