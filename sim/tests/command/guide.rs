//! The guide, docs/simulator.md, beside the code.

use thingwire_sim::scenario;

use crate::process::sim;

const GUIDE: &str = include_str!("../../../docs/simulator.md");

#[test]
fn scenarios_in_the_guide_can_be_run() {
    let blocks: Vec<_> = GUIDE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        scenario::read("simulator.md", block, None).unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
}

#[test]
fn every_command_is_in_the_guide() {
    let help = sim(&["--help"]).out;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<_> =
        names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(GUIDE.contains(&format!("`{name} ")) || GUIDE.contains(&format!("thingwire-sim {name}")), "{name}");
    }
}

#[test]
fn every_fault_of_a_scenario_is_in_the_guide() {
    // The words there are, as they are named where one is not known.
    for (write, least) in [
        ("do = { connect = \"x\" }", 10),
        ("do = { cut = { how = \"x\" } }", 2),
        ("do = { hold = \"x\" }", 3),
        ("do = { inject = \"x\" }", 23),
        ("do = { broker = \"x\" }", 10),
        ("do = { shadows = { to = \"x\", how = \"drop\" } }", 5),
        ("do = { shadows = { how = \"x\" } }", 9),
        ("do = { clock = \"x\" }", 6),
        ("do = { app = \"x\" }", 6),
        ("do = { meddle = { packet = \"x\", how = \"drop\" } }", 12),
        ("do = { meddle = { packet = \"any\", how = \"x\" } }", 14),
        ("do = \"x\"", 12),
    ] {
        let text = format!("name = \"n\"\nduration = \"1m\"\nheal = \"1m\"\n[[fault]]\nat = \"1s\"\n{write}\n");
        let error = scenario::read("n", &text, None).unwrap_err().to_string();
        let listed = error.split("one of ").nth(1).unwrap_or_else(|| panic!("{write}: {error}"));
        let words: Vec<_> = listed.trim_end_matches(')').split(", ").collect();
        assert!(words.len() >= least, "{write}: {error}");
        for word in words {
            let there = ["`", " ", "{ ", "\""].iter().any(|before| GUIDE.contains(&format!("{before}{word}")));
            assert!(there, "{word}");
        }
    }
}
