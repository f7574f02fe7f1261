//! The campaign's page, section by section.

use core::fmt::Display;

use super::{FaultRow, Summary};
use crate::picture::markup::{Markup, Page};
use crate::picture::words::{count, number};

/// Copies a command. The page is whole without it: the buttons are hidden until it runs.
const SCRIPT: &str = include_str!("copy.js");
/// The SHA-256 of the script in base64. A browser runs nothing else in the page; a test sees that it runs this.
const SCRIPT_HASH: &str = "6Oo4ihL+VoFBKsY5Zna0IQJgcCJ3a/VINBScV2VyrUE=";
/// The darkest shade of the matrix.
const HEAT_MAX: u64 = 5;

pub(super) fn html(campaign: &Summary) -> String {
    let mut body = Markup::default();
    header(&mut body, campaign);
    body.open("main", &[]).raw("\n");
    failures(&mut body, campaign);
    numbers(&mut body, campaign);
    profiles(&mut body, campaign);
    properties(&mut body, campaign);
    marks(&mut body, campaign);
    matrix(&mut body, campaign);
    slowest(&mut body, campaign);
    method(&mut body);
    body.close("main");
    Page { title: &campaign.title, body: &body.finish(), script: Some((SCRIPT, SCRIPT_HASH)) }.write()
}

fn header(body: &mut Markup, campaign: &Summary) {
    body.open("header", &[]).raw("\n").leaf("h1", &[], &campaign.title);
    let runs = count(campaign.seeds, "run");
    let broken = campaign.properties.iter().filter(|property| property.violated > 0).count();
    if campaign.failed > 0 || !campaign.failures.is_empty() || broken > 0 {
        let ways = match campaign.failures.len() {
            0 => String::new(),
            ways => format!(", in {}", count(ways as u64, "way")),
        };
        body.paragraph("verdict bad", &format!("✗ Failed: {} of {runs}{ways}", number(campaign.failed)));
    } else if campaign.seeds == 0 {
        body.paragraph("verdict none", "– Nothing was run");
    } else {
        body.paragraph("verdict good", &format!("✓ Passed: {runs}, and everything held in each"));
    }
    for note in &campaign.notes {
        body.paragraph("muted", note);
    }
    body.close("header");
}

fn failures(body: &mut Markup, campaign: &Summary) {
    if campaign.failures.is_empty() {
        return;
    }
    body.leaf("h2", &[("id", &"failures")], "Failures");
    let mut commands = 0;
    for failure in &campaign.failures {
        body.open("section", &[("class", &"failure")]).raw("\n");
        body.open("h3", &[]).leaf("code", &[], &failure.signature).close("h3");
        body.leaf("p", &[], &format!("{}, for example {}", count(failure.count, "run"), failure.example));
        if !failure.detail.is_empty() {
            body.leaf("pre", &[], &failure.detail);
        }
        for (what, command) in &failure.commands {
            commands += 1;
            let id = format!("command-{commands}");
            let label = format!("copy the command: {what}, {}", failure.signature);
            let button: [(&str, &dyn Display); 4] =
                [("type", &"button"), ("data-copy", &id), ("aria-label", &label), ("hidden", &"hidden")];
            body.open("div", &[("class", &"command")]).leaf("span", &[], what);
            body.open("pre", &[]).open("code", &[("id", &id)]).text(command).raw("</code></pre>\n");
            body.leaf("button", &button, "Copy").close("div");
        }
        body.close("section");
    }
}

fn numbers(body: &mut Markup, campaign: &Summary) {
    body.leaf("h2", &[("id", &"numbers")], "Numbers");
    body.open("dl", &[("class", &"tiles")]).raw("\n");
    let mut tile = |name: &str, value: &str| {
        body.open("div", &[]).leaf("dt", &[], name).leaf("dd", &[], value).close("div");
    };
    tile("runs", &number(campaign.seeds));
    tile("failed", &number(campaign.failed));
    tile("virtual time", &hours(campaign.virtual_hours));
    tile("time on the wall", &seconds(campaign.wall_seconds));
    tile("steps", &number(campaign.events));
    if campaign.wall_seconds > 0.0 {
        tile("steps a second", &per_second(campaign.events, campaign.wall_seconds));
        tile(
            "faster than real time",
            &format!("{} ×", rounded(campaign.virtual_hours * 3_600.0 / campaign.wall_seconds)),
        );
    }
    for (name, value) in &campaign.counts {
        tile(name, &number(*value));
    }
    body.close("dl");
}

fn profiles(body: &mut Markup, campaign: &Summary) {
    if campaign.profiles.is_empty() {
        return;
    }
    body.leaf("h2", &[("id", &"profiles")], "Profiles");
    body.table("profiles", &[("Profile", ""), ("Runs", "number"), ("Failed", "number")]);
    for profile in &campaign.profiles {
        body.open("tr", &[]).leaf("th", &[("scope", &"row")], &profile.name).number(&number(profile.seeds));
        let class = if profile.failed > 0 { "number state-bad" } else { "number" };
        body.leaf("td", &[("class", &class)], &number(profile.failed)).close("tr");
    }
    body.table_end();
}

fn properties(body: &mut Markup, campaign: &Summary) {
    if campaign.properties.is_empty() {
        return;
    }
    body.leaf("h2", &[("id", &"properties")], "Properties");
    body.table(
        "properties",
        &[("Property", ""), ("What must hold", ""), ("Checked", "number"), ("Broken", "number"), ("State", "")],
    );
    for property in &campaign.properties {
        let (class, state) = match (property.violated, property.checked) {
            (1.., _) => ("state-bad", "✗ broken"),
            (0, Some(0)) => ("state-unseen", "– never checked"),
            (0, _) => ("state-good", "✓ held"),
        };
        body.open("tr", &[]).leaf("th", &[("scope", &"row")], &property.id);
        body.leaf("td", &[], &property.statement);
        body.number(&property.checked.map_or("–".to_owned(), number)).number(&number(property.violated));
        body.leaf("td", &[("class", &format!("{class} state"))], state).close("tr");
    }
    body.table_end();
}

fn marks(body: &mut Markup, campaign: &Summary) {
    if campaign.marks.is_empty() {
        return;
    }
    let (met, missed): (Vec<_>, Vec<_>) = campaign.marks.iter().partition(|(_, times)| *times > 0);
    body.leaf("h2", &[("id", &"marks")], "Marks");
    let (met_count, all) = (met.len() as u64, campaign.marks.len() as u64);
    body.leaf("p", &[], &format!("{} of {} were reached.", number(met_count), count(all, "mark")));
    if !missed.is_empty() {
        body.leaf("h3", &[("class", &"state-unseen")], "– Not reached");
        body.open("ul", &[("class", &"marks")]).raw("\n");
        for (name, _) in missed {
            body.open("li", &[]).leaf("b", &[], name).leaf("span", &[], "never").close("li");
        }
        body.close("ul");
    }
    if !met.is_empty() {
        body.leaf("h3", &[("class", &"state-good")], "✓ Reached");
        body.open("ul", &[("class", &"marks")]).raw("\n");
        for (name, times) in met {
            body.open("li", &[]).leaf("b", &[], name).leaf("span", &[], &number(*times)).close("li");
        }
        body.close("ul");
    }
}

fn matrix(body: &mut Markup, campaign: &Summary) {
    if campaign.faults.is_empty() {
        return;
    }
    let mut phases = campaign.phases.clone();
    for phase in campaign.faults.iter().flat_map(|row| row.counts.keys()) {
        if !phases.contains(phase) {
            phases.push(phase.clone());
        }
    }
    let cells = || campaign.faults.iter().flat_map(|row| row.counts.values());
    let most = cells().copied().max().unwrap_or(0);
    let (met, all) = (cells().filter(|times| **times > 0).count(), campaign.faults.len() * phases.len());
    body.leaf("h2", &[("id", &"coverage")], "Coverage: faults and phases");
    let met = format!("{} of {} were met.", number(met as u64), count(all as u64, "cell"));
    body.leaf("p", &[], &format!("How often each fault began in each phase of the client. {met}"));
    body.open("div", &[("class", &"heat")]).raw("\n");
    let mut columns = vec![("Fault", "")];
    columns.extend(phases.iter().map(|phase| (phase.as_str(), "number")));
    columns.push(("All", "number"));
    body.table("coverage", &columns);
    let mut family = None;
    for row in &campaign.faults {
        if family.replace(&row.family) != Some(&row.family) && !row.family.is_empty() {
            body.open("tr", &[("class", &"family")]);
            let span = columns.len();
            body.leaf("th", &[("scope", &"rowgroup"), ("colspan", &span)], &row.family).close("tr");
        }
        matrix_row(body, row, &phases, most);
    }
    body.table_end().close("div");
}

fn matrix_row(body: &mut Markup, row: &FaultRow, phases: &[String], most: u64) {
    body.open("tr", &[]).leaf("th", &[("scope", &"row")], &row.fault);
    for phase in phases {
        let times = row.counts.get(phase).copied().unwrap_or(0);
        let class = format!("heat-{}", heat(times, most));
        body.leaf("td", &[("class", &class)], &if times > 0 { number(times) } else { "·".to_owned() });
    }
    let sum = row.counts.values().sum();
    body.leaf("td", &[("class", if sum == 0 { &"state-unseen" } else { &"" })], &number(sum)).close("tr");
}

/// The shade of a count among counts up to `most`, by its number of binary digits: counts differ by orders.
fn heat(times: u64, most: u64) -> u64 {
    match (times.checked_ilog2(), most.checked_ilog2()) {
        (Some(_), Some(0)) => HEAT_MAX,
        (Some(digits), Some(most)) => 1 + u64::from(digits) * (HEAT_MAX - 1) / u64::from(most),
        _ => 0,
    }
}

fn slowest(body: &mut Markup, campaign: &Summary) {
    if campaign.slowest.is_empty() {
        return;
    }
    body.leaf("h2", &[("id", &"slowest")], "Slowest runs");
    body.table("slowest", &[("Run", ""), ("Milliseconds on the wall", "number")]);
    for slow in &campaign.slowest {
        body.open("tr", &[]).leaf("th", &[("scope", &"row")], &slow.seed);
        body.number(&format!("{:.1}", slow.millis)).close("tr");
    }
    body.table_end();
}

fn method(body: &mut Markup) {
    body.leaf("h2", &[("id", &"method")], "Method");
    for text in [
        "Each run is made of a profile and a seed alone: clients, a model of the broker, networks between them, and \
         faults, on a virtual clock. The same seed gives the same run on every machine.",
        "Every property is judged in every run, from what was seen from outside. A run fails when a property does not \
         hold, or when it never comes to rest. Runs that fail in the same way are listed once.",
        "Marks are things that a campaign has to meet to be worth its name. One that was never reached is no failure of \
         the client's: it is something that was not tested.",
        "Times on the wall differ from machine to machine; everything else here does not.",
    ] {
        body.leaf("p", &[], text);
    }
}

fn hours(hours: f64) -> String {
    match hours {
        0.0..1.0 => format!("{:.1} min", hours * 60.0),
        1.0..48.0 => format!("{hours:.1} h"),
        48.0..8_760.0 => format!("{:.1} days", hours / 24.0),
        _ => format!("{:.1} years", hours / 8_760.0),
    }
}

fn seconds(seconds: f64) -> String {
    match seconds {
        0.0..120.0 => format!("{seconds:.1} s"),
        120.0..7_200.0 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a speed for people")]
fn per_second(events: u64, seconds: f64) -> String {
    let speed = events as f64 / seconds;
    if speed >= 1e6 { format!("{:.2} million", speed / 1e6) } else { rounded(speed) }
}

/// A number of nothing in particular, to the nearest whole.
fn rounded(value: f64) -> String {
    format!("{value:.0}").parse().map_or_else(|_| "–".to_owned(), number)
}
