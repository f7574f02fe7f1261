//! What is written about a storm.

use thingwire_sim::fleet::{Fidelity, Kind, Policy, Recovery, Storm, csv, json, page, picture, sweep, table};

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

/// A name, not an address.
const NAMESPACE: &str = "http://www.w3.org/2000/svg";

#[test]
fn the_page_has_everything_and_loads_nothing() {
    let (storm, recoveries) = small();
    let sweep = sweep(&storm, &Kind::ALL.map(Policy::from)).unwrap();
    let html = page(&storm, &recoveries, &sweep).unwrap();
    assert_eq!(html, page(&storm, &recoveries, &sweep).unwrap());
    assert_eq!(html.matches("class=\"map\"").count(), Kind::ALL.len(), "a map for each policy");
    assert_eq!(html.matches("prefers-color-scheme:dark").count(), 3, "the page and both drawings");
    assert_eq!(html.matches("<h2").count(), 4);
    for loads in ["http", "src=", "url(", "@import", "<link"] {
        assert!(!html.replace("http-equiv", "").replace(NAMESPACE, "").contains(loads), "{loads}");
    }
    assert!(html.contains("heat-5\">never"), "without jitter, not everybody is back in time");
}

#[test]
fn what_a_map_shows_is_what_the_devices_did() {
    let (_, recoveries) = small();
    for recovery in recoveries {
        let devices: Vec<_> = recovery.shown.iter().map(|life| life.device).collect();
        assert!(
            devices.len() == 96 && devices.windows(2).all(|pair| matches!(pair[1] - pair[0], 4 | 5)),
            "{devices:?}"
        );
        for life in &recovery.shown {
            assert!(life.attempts_millis.is_sorted() && !life.attempts_millis.is_empty());
            let last = life.attempts_millis.last().unwrap();
            assert!(life.back_at_millis.is_none_or(|at| at > *last));
        }
    }
}

#[test]
fn a_storm_of_one_device_can_be_drawn() {
    let storm = storm(200);
    let storm = Storm { devices: 1, until: secs(1), ..storm };
    let recoveries = run(&storm, &Kind::ALL, Fidelity::Lean);
    assert!(picture(&storm, &recoveries).unwrap().ends_with("</svg>\n"));
    let sweep = sweep(&storm, &[Kind::Full.into()]).unwrap();
    let html = page(&storm, &recoveries, &sweep).unwrap();
    assert!(html.ends_with("</html>\n") && !html.contains("NaN"), "{html}");
}
