//! Timelines as SVG, page and text.

use thingwire_core::{LinkError, Outcome};
use thingwire_sim::picture::explain;
use thingwire_sim::picture::timeline::{self, FaultNote, Options};
use thingwire_sim::trace::{Trace, What};

use crate::sample::{self, at, finding, large, small, small_on};

fn options() -> Options {
    Options { title: "small".into(), ..Options::default() }
}

#[test]
fn a_small_life_as_svg() {
    let svg = timeline::svg(&small(), &[finding(31_560, "late")], &options());
    // The colours have tests of their own.
    let (head, rest) = svg.split_once("<style>").unwrap();
    let drawing = rest.split_once("</style>").unwrap().1;
    insta::assert_snapshot!(format!("{head}{drawing}"));
}

#[test]
fn a_small_life_as_text() {
    insta::assert_snapshot!(timeline::text(&small(), &[finding(31_560, "late")], &options()));
}

#[test]
fn a_finding_in_plain_words() {
    let statement = "PINGREQ, PUBACK and DISCONNECT never wait behind the drain.";
    insta::assert_snapshot!(explain::text(&small(), &finding(31_560, "late"), statement, 20));
}

#[test]
fn an_explanation_tells_the_last_twenty_records_of_the_device() {
    let (mut trace, _) = large(1_000);
    trace.records.iter_mut().filter(|record| record.at > at(400)).for_each(|record| record.device = 1);
    let text = explain::text(&trace, &finding(900, "x"), "y", 20);
    let told: Vec<_> = text.lines().filter(|line| line.contains(" before  ")).collect();
    assert_eq!(told.len(), 20, "{text}");
    assert!(told.last().unwrap().contains("finished #30"), "{text}");
}

#[test]
fn equal_runs_have_equal_pictures() {
    let plan = sample::plan();
    let all = || {
        let (trace, findings, options) = (sample::trace_of(&plan), [finding(9_000, "x")], Options::of(&plan));
        [timeline::svg, timeline::html, timeline::text].map(|draw| draw(&trace, &findings, &options))
    };
    assert_eq!(all(), all());
}

#[test]
fn nothing_that_somebody_named_becomes_markup() {
    let evil = "</text><script>alert(1)</script>\"'&\u{1b}[2J";
    let trace = small_on(evil);
    let options = Options {
        title: evil.into(),
        subtitle: evil.into(),
        faults: [(0, FaultNote { name: evil.into(), words: evil.into(), instant: false })].into(),
        ..Options::default()
    };
    let findings = [finding(1_000, evil)];
    for markup in [timeline::svg(&trace, &findings, &options), timeline::html(&trace, &findings, &options)] {
        assert!(markup.contains("&lt;script&gt;") && !markup.contains("<script"), "{markup}");
        assert!(!markup.contains('\u{1b}'));
        assert_balanced(&markup);
    }
    let text = timeline::text(&trace, &findings, &options);
    assert!(!text.contains('\u{1b}') && text.contains("alert(1)"), "no escape sequence reaches a terminal");
}

/// Every element that is opened is closed, in order.
fn assert_balanced(markup: &str) {
    let mut open = Vec::new();
    for tag in markup.split('<').skip(1).map(|part| part.split_once('>').unwrap().0) {
        let name = tag.split([' ', '\n']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "in {markup}");
        } else if !tag.ends_with('/') && !["!DOCTYPE", "meta"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_large_run_has_a_picture_that_can_be_opened() {
    let (trace, findings) = large(100_000);
    let options = options();
    for markup in [timeline::svg(&trace, &findings, &options), timeline::html(&trace, &findings, &options)] {
        assert!(markup.len() < 2_000_000, "{} bytes", markup.len());
        assert_balanced(&markup);
    }
    let svg = timeline::svg(&trace, &findings, &options);
    let line = svg.split_once("tw-wrong-line tw-many\" d=\"").unwrap().1.split_once('"').unwrap().0;
    // 50 s of findings on 162 s of width: each in its own place as far as there are places.
    assert_eq!(line.matches('M').count(), 1_000, "no finding is dropped");
    assert_eq!(svg.matches("tw-fault\"").count(), 125, "no fault is dropped");
    assert!(svg.contains("more</text>"), "it says that not every finding's words are there");
}

#[test]
fn every_outcome_and_fold_is_said_without_colour() {
    let svg = timeline::svg(&small(), &[], &options());
    assert!(svg.contains("29.9 s"), "the fold says how long it is: {svg}");
    assert!(svg.contains("#1 publish message 1 to meter/power, QoS 1, 64 bytes, 0:01: acknowledged after 30.6 s"));
    assert!(svg.contains("#2 publish message 1 to meter/power, QoS 1, 64 bytes, 0:01.6: no answer from the server"));
    assert!(svg.contains("tw-cross"), "what failed has a cross");
    assert!(svg.contains("tw-repeated"), "what is repeated has a flag");
}

#[test]
fn of_many_devices_those_with_findings_are_shown() {
    let mut trace = Trace::default();
    for device in 0..10 {
        trace.records.extend(small().records.into_iter().map(|mut record| {
            record.device = device;
            record
        }));
    }
    let mut found = finding(1_000, "x");
    found.device = 7;
    let svg = timeline::svg(&trace, &[found], &options());
    let shown: Vec<_> = (0..10).filter(|device| svg.contains(&format!(">device {device}<"))).collect();
    assert_eq!(shown, [0, 1, 2, 7]);
    assert!(svg.contains("6 more devices not shown"));
    let one = timeline::svg(&trace, &[], &Options { devices: vec![9], ..options() });
    assert!(!one.contains(">device "), "one device needs no heading");
}

#[test]
fn a_run_of_nothing_has_a_picture() {
    for markup in [timeline::svg, timeline::html].map(|draw| draw(&Trace::default(), &[], &Options::default())) {
        assert_balanced(&markup);
    }
    assert!(timeline::text(&Trace::default(), &[], &Options::default()).ends_with("0 records, 0 findings\n"));
}

#[test]
fn advice_for_the_field_is_left_out_of_pictures() {
    let mut trace = small();
    trace.records[11].what = What::Down(1, LinkError::ClosedBeforeConnack);
    trace.records[24].what = What::Finished { ticket: 2, outcome: Outcome::ConnectionClosed { times: 3 } };
    let svg = timeline::svg(&trace, &[], &options());
    assert!(svg.contains("closed the connection instead of answering") && !svg.contains("iot:Connect"), "{svg}");
}
