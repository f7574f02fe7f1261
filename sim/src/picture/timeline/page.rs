//! The picture of a run as a page.

use super::Options;
use super::frame::Frame;
use crate::oracle::Finding;
use crate::picture::markup::{Markup, Page};
use crate::picture::story::{Fate, Kind};
use crate::picture::words;
use crate::trace::Trace;

/// Rows of the table of operations; of more, those that did not end well come first.
const OPERATIONS_MAX: usize = 500;
const FINDINGS_MAX: usize = 200;

pub(super) fn html(trace: &Trace, findings: &[Finding], options: &Options) -> String {
    let frame = Frame::new(trace, findings, options);
    let mut body = Markup::default();
    body.open("header", &[]).raw("\n");
    body.leaf("h1", &[], &options.title);
    if !options.subtitle.is_empty() {
        body.open("p", &[]).leaf("code", &[("class", &"whole")], &options.subtitle).close("p");
    }
    match findings.len() {
        0 => body.paragraph("verdict good", "✓ Nothing is wrong"),
        some => body.paragraph("verdict bad", &format!("✗ {}", words::count(some as u64, "finding"))),
    };
    body.close("header").open("main", &[]).raw("\n");
    findings_table(&mut body, findings);
    let operations = operations(&frame);
    body.leaf("h2", &[("id", &"timeline")], "Timeline");
    let scroll: [(&str, &dyn core::fmt::Display); 4] =
        [("class", &"box drawing"), ("tabindex", &"0"), ("role", &"region"), ("aria-labelledby", &"timeline")];
    body.open("div", &scroll).raw("\n").raw(&frame.draw(false)).close("div");
    legend(&mut body);
    body.raw(&operations).close("main");
    Page { title: &options.title, body: &body.finish(), script: None }.write()
}

fn findings_table(body: &mut Markup, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    body.leaf("h2", &[("id", &"findings")], "Findings");
    body.table("findings", &[("Oracle", ""), ("Time", "number"), ("Device", "number"), ("What was seen", "")]);
    for finding in findings.iter().take(FINDINGS_MAX) {
        body.open("tr", &[]).leaf("th", &[("scope", &"row")], finding.oracle);
        body.number(&words::clock(finding.at)).number(&finding.device.to_string());
        body.leaf("td", &[], &finding.what).close("tr");
    }
    body.table_end();
    if let Some(more) = findings.len().checked_sub(FINDINGS_MAX).filter(|&more| more > 0) {
        body.leaf("p", &[], &format!("{} are not listed.", words::count(more as u64, "more finding")));
    }
}

fn legend(body: &mut Markup) {
    body.leaf("h2", &[("id", &"legend")], "Legend");
    body.open("dl", &[("class", &"legend")]).raw("\n");
    let mut entry = |shape: &str, term: &str, words: &str| {
        body.open("div", &[]).open("dt", &[]);
        body.raw(&format!("<svg class=\"tw\" width=\"22\" height=\"12\" aria-hidden=\"true\">{shape}</svg> "));
        body.text(term).close("dt");
        body.leaf("dd", &[], words).close("div");
    };
    let bar = |class: &str| format!("<rect class=\"tw-{class}\" x=\"1\" y=\"3\" width=\"20\" height=\"6\"/>");
    for fate in Fate::ALL {
        let cross = "<path class=\"tw-cross\" d=\"M15 3l6 6m0 -6l-6 6\"/>";
        let shape = bar(fate.class()) + if fate == Fate::Failed { cross } else { "" };
        entry(&shape, "operation", fate.words());
    }
    entry("<path class=\"tw-refused\" d=\"M11 9l-4 -6h8z\"/>", "triangle", "an operation that was refused");
    for kind in Kind::ALL {
        let words = match kind {
            Kind::Handshake => "CONNECT, CONNACK, DISCONNECT, and bytes that are no packet",
            Kind::Publish => "PUBLISH",
            Kind::Ack => "PUBACK",
            Kind::Subscribe => "SUBSCRIBE, UNSUBSCRIBE and their answers",
            Kind::Ping => "PINGREQ, PINGRESP",
        };
        let tick = format!("<rect class=\"tw-{}\" x=\"10\" y=\"2\" width=\"2\" height=\"9\"/>", kind.class());
        entry(&tick, kind.class(), words);
    }
    entry("<path class=\"tw-repeated\" d=\"M8 2h8l-8 7z\"/>", "flag", "a PUBLISH marked as repeated (DUP)");
    entry(&bar("dialling"), "link", "being made");
    entry(&bar("up"), "link", "up; a cross where it broke");
    entry(
        "<rect class=\"tw-fault\" x=\"1\" y=\"1\" width=\"20\" height=\"10\"/>",
        "fault",
        "its shade covers the lanes",
    );
    entry("<rect class=\"tw-fold\" x=\"3\" y=\"1\" width=\"16\" height=\"10\"/>", "folded", "idle time, and how long");
    entry("<path class=\"tw-wrong-line\" d=\"M11 0V12\"/>", "line", "a finding, or a rule that the client broke");
    body.close("dl");
    body.paragraph("muted", "Point at anything to read what it is.");
}

fn operations(frame: &Frame<'_>) -> String {
    let mut all: Vec<_> = Vec::new();
    for (device, story) in frame.devices.iter().zip(&frame.stories) {
        all.extend(story.operations.iter().map(|operation| (*device, story, operation)));
    }
    let more = all.len().saturating_sub(OPERATIONS_MAX);
    if more > 0 {
        all.sort_by_key(|(_, _, operation)| matches!(operation.fate(), Fate::Good | Fate::Sent));
        all.truncate(OPERATIONS_MAX);
    }
    let mut body = Markup::default();
    body.leaf("h2", &[("id", &"operations")], "Operations");
    if all.is_empty() {
        body.leaf("p", &[], "None was accepted.");
        return body.finish();
    }
    body.table(
        "operations",
        &[
            ("Ticket", ""),
            ("Device", "number"),
            ("What", ""),
            ("Accepted", "number"),
            ("Ended", "number"),
            ("Took", "number"),
            ("How it ended", ""),
        ],
    );
    for (device, story, operation) in all {
        body.open("tr", &[]).leaf("th", &[("scope", &"row")], &format!("#{}", operation.ticket));
        body.number(&device.to_string());
        body.leaf("td", &[], &operation.what);
        body.number(&words::clock(operation.accepted));
        let took = operation.ended(story.end).since(operation.accepted);
        let (ended, took, how) = match &operation.finished {
            Some((at, how)) => (words::clock(*at), words::span(took), words::outcome(how)),
            None => ("–".into(), "–".into(), "not ended".into()),
        };
        body.number(&ended);
        body.number(&took);
        let fate = operation.fate().class();
        body.leaf("td", &[("class", &format!("fate-{fate}"))], &how).close("tr");
    }
    body.table_end();
    if more > 0 {
        let more = words::count(more as u64, "more operation");
        body.leaf("p", &[], &format!("{more} are not listed; those that did not end well come first."));
    }
    body.finish()
}
