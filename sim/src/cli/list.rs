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
        Kind::Marks => marks(true).into_iter().fold(String::new(), |text, mark| text + mark + "\n"),
    };
    console.print(&text)?;
    Ok(OK)
}

/// The most columns of a line.
const COLUMNS: usize = 110;

fn faults() -> String {
    let mut text = String::new();
    for row in catalogue::rows() {
        line(&mut text, 28, row.name, &format!("{}: {}", row.family, row.what));
        line(&mut text, 28, "", &format!("expected: {}", row.expected));
        let judges = row.oracles.join(" ");
        let judges = if judges.is_empty() { String::new() } else { format!("judged by {judges}; ") };
        let made = match row.made {
            Made::By(_) => "made by faults",
            Made::Always => "part of every run",
            Made::Elsewhere(place) => place,
        };
        line(&mut text, 28, "", &format!("{judges}{made}"));
        let excused: Vec<_> = row.excuses().iter().map(|oracle| oracle.id()).collect();
        if !excused.is_empty() {
            line(&mut text, 28, "", &format!("cannot be judged by {}", excused.join(" ")));
        }
    }
    text
}

fn profiles() -> String {
    let mut text = String::new();
    for profile in profile::ALL {
        line(&mut text, 16, profile.name, profile.what);
    }
    text
}

fn oracles() -> String {
    let mut text = String::new();
    for oracle in Oracle::ALL {
        line(&mut text, 4, oracle.id(), oracle.statement());
    }
    text
}

/// A name in a column of this width, and what there is to say of it beside it, on as many lines as it needs.
fn line(text: &mut String, column: usize, name: &str, what: &str) {
    let _ = write!(text, "{name:<column$}");
    let mut width = column;
    for word in what.split(' ') {
        let len = word.chars().count();
        if width > column && width + 1 + len > COLUMNS {
            let _ = write!(text, "\n{:<column$}", "");
            width = column;
        }
        let _ = write!(text, " {word}");
        width += 1 + len;
    }
    text.push('\n');
}

/// Everything that a campaign has to meet, of applications that ask for device shadows or of others.
pub(super) fn marks(shadows: bool) -> Vec<&'static str> {
    Mark::ALL.iter().filter(|mark| shadows || !mark.is_about_shadows()).map(|mark| mark.name()).collect()
}
