//! What the command says about itself.

use crate::support::{Running, command, thingwire};

/// Every command that connects.
const COMMANDS: [&[&str]; 8] = [
    &["pub"],
    &["sub"],
    &["shadow", "get"],
    &["shadow", "update"],
    &["shadow", "delete"],
    &["shadow", "watch"],
    &["thing", "run"],
    &["doctor"],
];

#[test]
fn help_is_on_standard_output_and_has_the_exit_codes_and_examples() {
    let help = thingwire(&["--help"]);
    help.assert_done();
    assert_eq!(help.stderr, "");
    for needed in ["Examples:", "Exit codes:", "THINGWIRE_ENDPOINT", "\n  5    refused by the server"] {
        assert!(help.text().contains(needed), "{needed:?} is missing in {}", help.text());
    }
}

#[test]
fn every_flag_has_an_environment_variable() {
    for name in COMMANDS {
        let help = thingwire(&[name, &["--help"]].concat());
        help.assert_done();
        let flags: Vec<&str> = help.text().lines().filter_map(flag).filter(|&flag| flag != "help").collect();
        assert!(flags.len() > 15, "{flags:?}");
        for flag in flags {
            let variable = format!("[env: THINGWIRE_{}", flag.to_uppercase().replace('-', "_"));
            assert!(help.text().contains(&variable), "{name:?}: {variable} is missing");
        }
    }
}

/// The long flag that a line of the help introduces.
fn flag(line: &str) -> Option<&str> {
    let (_, flag) = line.trim_start().starts_with('-').then(|| line.split_once("--"))??;
    flag.split([' ', ',']).next()
}

#[test]
fn the_help_shows_no_secret() {
    for name in COMMANDS {
        let mut command = command(&[name, &["--help"]].concat());
        command.env("THINGWIRE_PASSWORD", "hunter2").env("THINGWIRE_USER_NAME", "top-secret");
        let ended = Running::spawn(command).end();
        ended.assert_done();
        assert!(!ended.text().contains("hunter2") && !ended.text().contains("top-secret"), "{}", ended.text());
    }
}

#[test]
fn nothing_at_all_gives_the_help_and_a_usage_error() {
    let ended = thingwire(&[]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("Usage: thingwire <COMMAND>"), "{}", ended.stderr);
}
