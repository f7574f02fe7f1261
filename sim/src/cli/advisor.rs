//! `thingwire-sim advisor`: would this client pass AWS IoT Core Device Advisor?

use core::fmt::Write as _;
use core::time::Duration;

use thingwire_core::Config;

use super::console::Failure;
use super::{ADVISOR, Console, OK};
use crate::advisor::{Case, Grade, Verdict, cases};
use crate::scenario::nearest;

/// Put the client to the MQTT cases of AWS IoT Core Device Advisor, on a virtual clock.
///
/// Prints for each case whether it passed, passed with a warning, or failed and why; the virtual time that it took, and what Device
/// Advisor gives it. The settings are those of the preset that is made for these cases, `Config::device_advisor`, or with --defaults
/// those of `Config::new`, which wait longer than Device Advisor does.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  thingwire-sim advisor
  thingwire-sim advisor --defaults MQTT_No_Ack_PingResp")]
pub(super) struct Advisor {
    /// The cases; without any, all.
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// Print the cases and what they ask for, and run none.
    #[arg(long)]
    list: bool,
    /// Use the defaults instead of the preset.
    #[arg(long)]
    defaults: bool,
}

pub(super) fn advisor(options: &Advisor, console: &mut Console<'_>) -> Result<u8, Failure> {
    let cases = chosen(&options.cases)?;
    if options.list {
        let line = |text: String, case: &&Case| text + &format!("{:<54} {}\n", case.name, case.what);
        console.print(&cases.iter().fold(String::new(), line))?;
        return Ok(OK);
    }
    let config = if options.defaults { Config::new("device") } else { Config::device_advisor("device") };
    console.print(&format!("{:<54} {:<7} {:>8} {:>8}\n", "case", "verdict", "took", "limit"))?;
    let (mut warned, mut failed) = (0, Vec::new());
    for case in &cases {
        let Verdict { grade, took } = case.run(&config);
        let (word, why) = match grade {
            Grade::Pass => ("pass", None),
            Grade::Warn(why) => ("warn", Some(why)),
            Grade::Fail(why) => ("FAIL", Some(why)),
        };
        warned += u32::from(word == "warn");
        failed.extend((word == "FAIL").then_some(case.name));
        let (took, limit) = (seconds(took), seconds(case.limit));
        let mut text = format!("{:<54} {word:<7} {took:>8} {limit:>8}\n", case.name);
        if let Some(why) = why {
            let _ = writeln!(text, "  {why}");
        }
        console.print(&text)?;
    }
    let passed = cases.len() - failed.len();
    let mut text = format!("{passed} of {} passed, {warned} of them with a warning\n", cases.len());
    if !failed.is_empty() {
        let defaults = if options.defaults { " --defaults" } else { "" };
        let _ = writeln!(text, "reproduce: thingwire-sim advisor{defaults} {}", failed.join(" "));
    }
    console.print(&text)?;
    Ok(if failed.is_empty() { OK } else { ADVISOR })
}

/// The cases of these names.
fn chosen(names: &[String]) -> Result<Vec<&'static Case>, Failure> {
    if names.is_empty() {
        return Ok(cases().iter().collect());
    }
    let find = |name: &String| cases().iter().find(|case| case.name == name).ok_or_else(|| unknown(name));
    names.iter().map(find).collect()
}

fn unknown(name: &str) -> Failure {
    let hint = match nearest(name, cases().iter().map(|case| case.name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "see 'thingwire-sim advisor --list'".to_owned(),
    };
    Failure::usage(format!("there is no case `{name}` (hint: {hint})"))
}

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
