//! `thingwire-sim list`: what there is, from the code.

use core::fmt::Write as _;

use clap::ValueEnum;

use super::console::Failure;
use super::{Console, OK};
use crate::catalogue::{self, Made};
use crate::oracle::{Mark, Oracle};
use crate::profile;

/// Print what there is: faults, oracles, profiles or marks.
///
/// Faults are the cases of the catalogue, with what is expected of a client and the oracles that judge it. Oracles are what must hold.
/// Marks are what a campaign has to meet at least once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  thingwire-sim list faults")]
pub(super) struct List {
    /// Of what.
    #[arg(value_enum)]
    what: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Faults,
    Oracles,
    Profiles,
    Marks,
}

pub(super) fn list(options: &List, console: &mut Console<'_>) -> Result<u8, Failure> {
    let text = match options.what {
        Kind::Faults => faults(),
        Kind::Oracles => oracles(),
        Kind::Profiles => profiles(),
        Kind::Marks => marks().into_iter().fold(String::new(), |text, mark| text + mark + "\n"),
    };
    console.print(&text)?;
    Ok(OK)
}

fn faults() -> String {
    let mut text = String::new();
    for row in catalogue::rows() {
        let _ = writeln!(text, "{:<28} {}: {}", row.name, row.family, row.what);
        let _ = writeln!(text, "{:<28} expected: {}", "", row.expected);
        let judges = row.oracles.join(" ");
        let made = match row.made {
            Made::By(_) => "made by faults",
            Made::Always => "part of every run",
            Made::Elsewhere(place) => place,
        };
        let _ = writeln!(text, "{:<28} judged by {judges}; {made}", "");
        if !row.excuses.is_empty() {
            let _ = writeln!(text, "{:<28} cannot be judged by {}", "", row.excuses.join(" "));
        }
    }
    text
}

fn profiles() -> String {
    let line = |text: String, profile: &profile::Profile| text + &format!("{:<16} {}\n", profile.name, profile.what);
    profile::ALL.iter().fold(String::new(), line)
}

fn oracles() -> String {
    let line = |text: String, oracle: &Oracle| text + &format!("{:<4} {}\n", oracle.id(), oracle.statement());
    Oracle::ALL.iter().fold(String::new(), line)
}

/// Everything that a campaign has to meet.
pub(super) fn marks() -> Vec<&'static str> {
    Mark::ALL.iter().map(|mark| mark.name()).collect()
}
