//! Everything about a storm in one page that loads nothing.

use super::map::{BACK, SHADES, map, window};
use super::picture::{picture, sensitivity};
use super::report::{columns, grouped, round_trips, row, seconds, summary};
use super::{Recovery, Storm, Sweep};
use crate::picture::{Markup, Page};

/// How to read the picture.
const COLOURS: &str = "Colours as above; the thin dashes are what is possible.";
/// The darkest shade of the matrix.
const HEAT_MAX: u32 = 5;

/// The report as a page, for light and for dark.
///
/// # Errors
///
/// Why a picture cannot be drawn, in one line.
pub fn page(storm: &Storm, recoveries: &[Recovery], sweep: &Sweep) -> Result<String, String> {
    let mut body = Markup::default();
    body.raw("<style>\n").raw(include_str!("page.css")).raw("</style>\n");
    body.open("header", &[]).raw("\n").leaf("h1", &[], "A fleet comes back");
    body.leaf("p", &[], &format!("{} {}", summary(storm), round_trips(storm))).close("header");
    body.open("main", &[]).raw("\n");
    policies(&mut body, recoveries);
    body.leaf("h2", &[], "Who is back when, and at what price");
    drawing(&mut body, &picture(storm, recoveries)?);
    maps(&mut body, storm, recoveries);
    body.leaf("h2", &[("id", &"sensitivity")], "Before slower and faster servers");
    let smaller = if sweep.devices < storm.devices { ", before servers that are smaller by as much" } else { "" };
    let devices = grouped(sweep.devices.into());
    body.leaf(
        "p",
        &[],
        &format!("How long it takes until 99 % are back. {COLOURS} Tried with {devices} devices{smaller}."),
    );
    drawing(&mut body, &sensitivity(sweep)?);
    matrix(&mut body, sweep);
    body.close("main");
    Ok(Page { title: "A fleet comes back", body: &body.finish(), script: None }.write())
}

fn drawing(body: &mut Markup, svg: &str) {
    body.open("div", &[("class", &"box drawing"), ("tabindex", &"0")]).raw(svg).close("div");
}

fn policies(body: &mut Markup, recoveries: &[Recovery]) {
    body.leaf("h2", &[("id", &"policies")], "Policies");
    let names = columns();
    let columns: Vec<_> =
        names.iter().enumerate().map(|(at, name)| (name.as_str(), if at == 0 { "" } else { "number" })).collect();
    body.table("policies", &columns);
    for recovery in recoveries {
        let cells = row(recovery);
        body.open("tr", &[]);
        for (at, cell) in cells.iter().enumerate() {
            if at == 0 {
                body.leaf("th", &[("scope", &"row")], cell)
            } else {
                body.number(cell)
            };
        }
        body.close("tr");
    }
    body.table_end();
}

fn maps(body: &mut Markup, storm: &Storm, recoveries: &[Recovery]) {
    body.leaf("h2", &[("id", &"devices")], "Devices over time");
    let shown = recoveries.first().map_or(0, |recovery| recovery.shown.len());
    let text = "A row is one device; the stronger the colour, the more often it tries then. Stripes from top to \
                bottom are a fleet that tries as one.";
    body.leaf("p", &[], &format!("{shown} devices of {}. {text}", grouped(storm.devices.into())));
    body.open("ul", &[("class", &"keys")]);
    for (class, what) in SHADES.into_iter().chain([(BACK, "back")]) {
        body.open("li", &[]).open("svg", &[("viewBox", &"0 0 8 8"), ("aria-hidden", &"true")]);
        body.path(class, "M0 0h8v8h-8z", "").close("svg").text(what).close("li");
    }
    body.close("ul").open("div", &[("class", &"maps")]).raw("\n");
    let window = window(storm.at_best(), recoveries);
    for recovery in recoveries {
        body.leaf("h3", &[], recovery.policy.kind.name());
        drawing(body, &map(recovery, window));
    }
    body.close("div");
}

/// Times in numbers; the shade says how many times as long as at best it takes.
fn matrix(body: &mut Markup, sweep: &Sweep) {
    body.leaf("p", &[], "In numbers; the stronger the colour, the longer beside what is possible.");
    body.open("div", &[("class", &"heat")]).raw("\n");
    let rates: Vec<_> = sweep.rates.iter().map(|&rate| format!("{}/s", grouped(rate.into()))).collect();
    let columns = std::iter::once(("Policy", "")).chain(rates.iter().map(|rate| (rate.as_str(), "number")));
    body.table("sensitivity", &columns.collect::<Vec<_>>());
    let at_best: Vec<_> = sweep.at_best.iter().map(|&span| (0, seconds(span))).collect();
    line(body, "at best", &at_best);
    for (policy, reached) in &sweep.rows {
        let cells = reached.iter().zip(&sweep.at_best).map(|(reached, best)| match reached {
            // Half as much again for each shade but the first; who is never back has the darkest.
            Some(at) => {
                let ratio = at.as_secs_f64() / best.as_secs_f64().max(1.0);
                let shade = (1..HEAT_MAX).filter(|&shade| ratio > 1.0 + 0.15 * f64::from(1 << (2 * (shade - 1))));
                (u32::try_from(shade.count()).unwrap_or(HEAT_MAX), seconds(*at))
            }
            None => (HEAT_MAX, "never".to_owned()),
        });
        line(body, policy.kind.name(), &cells.collect::<Vec<_>>());
    }
    body.table_end().close("div");
}

fn line(body: &mut Markup, name: &str, cells: &[(u32, String)]) {
    body.open("tr", &[]).leaf("th", &[("scope", &"row")], name);
    for (shade, text) in cells {
        body.leaf("td", &[("class", &format!("heat-{shade}"))], text);
    }
    body.close("tr");
}
