//! What is written about a storm.

use thingwire_sim::fleet::{Fidelity, Kind, Recovery, Storm, csv, json, picture, table};

use crate::{run, secs, storm};

fn small() -> (Storm, Vec<Recovery>) {
    let storm = Storm { until: secs(1_000), ..storm(400) };
    let recoveries = run(&storm, &Kind::ALL, Fidelity::Lean);
    (storm, recoveries)
}

#[test]
fn the_table_says_it_in_a_line_for_each_policy() {
    let (storm, recoveries) = small();
    insta::assert_snapshot!(table(&storm, &recoveries));
}

#[test]
fn the_numbers_for_programs_are_the_same_ones() {
    let (storm, recoveries) = small();
    let json = json(&storm, &recoveries);
    let text = csv(&recoveries);
    for (recovery, policy) in recoveries.iter().zip(json["policies"].as_array().unwrap()) {
        assert_eq!(policy["attempts"], recovery.attempts);
        let name = recovery.policy.kind.name();
        assert_eq!(policy["policy"], name);
        let prefix = format!("{name},");
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with(&prefix)).collect();
        assert_eq!(lines.len(), recovery.seconds.len());
        let last = lines.last().unwrap().rsplit(',').next().unwrap();
        assert_eq!(last, recovery.connected.to_string());
    }
}

#[test]
fn the_picture_is_the_same_every_time_and_reads_in_the_dark() {
    let (storm, recoveries) = small();
    let svg = picture(&storm, &recoveries).unwrap();
    assert_eq!(svg, picture(&storm, &recoveries).unwrap());
    assert!(svg.contains("prefers-color-scheme:dark"));
    for kind in Kind::ALL {
        assert!(svg.contains(&format!("\n{kind}\n")), "the legend has {kind}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "every point is somewhere");
}

#[test]
fn a_storm_of_one_device_can_be_drawn() {
    let storm = storm(200);
    let storm = Storm { devices: 1, until: secs(1), ..storm };
    let recoveries = run(&storm, &Kind::ALL, Fidelity::Lean);
    assert!(picture(&storm, &recoveries).unwrap().ends_with("</svg>\n"));
}
