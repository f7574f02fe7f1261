//! The command line of `thingwire-sim`, as a process and with runs that end as a test wants them to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod advisor;
mod bad_input;
mod campaigns;
mod field;
mod guide;
mod process;
mod scenarios;
mod timeline;
mod verdicts;
