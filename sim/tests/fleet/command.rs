//! `thingwire-sim fleet`, as a process.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn fleet(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thingwire-sim"));
    command.arg("fleet").args(arguments).stdin(Stdio::null()).output().unwrap()
}

const SMALL: [&str; 6] = ["--devices", "400", "--rate", "2", "--policy", "full,equal"];

#[test]
fn it_prints_the_table_and_writes_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("deep/storm");
    let output = fleet(&[&SMALL[..], &["-o", out.to_str().unwrap()]].concat());
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "no progress where nobody looks");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("400 devices lose the connection at once; the server accepts 2 of them a second"));
    assert_eq!(table.lines().count(), 5);
    assert_eq!(names(&out), ["fleet.csv", "fleet.html", "fleet.json", "fleet.svg"], "nothing unfinished is left");
    let json: serde_json::Value = serde_json::from_slice(&fs::read(out.join("fleet.json")).unwrap()).unwrap();
    assert_eq!(json["policies"][1]["connected"], 400);
}

#[test]
fn whole_clients_give_the_same_table() {
    let lean = fleet(&SMALL);
    let full = fleet(&[&SMALL[..], &["--full"]].concat());
    assert!(lean.status.success());
    assert_eq!(String::from_utf8(full.stdout).unwrap(), String::from_utf8(lean.stdout).unwrap());
}

#[test]
fn nonsense_is_refused_in_one_line() {
    for (arguments, expected) in [
        (["--devices", "0"], "at least one device"),
        (["--rate", "0"], "at least one CONNECT a second"),
        (["--policy", "full,linear"], "there are v1, fixed, equal, full, decorrelated"),
        (["--policy", ""], "there are v1, fixed, equal, full, decorrelated"),
        (["--base", "1min"], "write a number and"),
        (["--max", "10ms"], "backoff.max is 10ms"),
        (["--round-trip-spread", "2m"], "differ by at most 1 minute"),
        (["--loss", "slowly"], "there are sync, spread:TIME and power-cut:TIME"),
        (["--overloaded", "0"], "1 to 100 %"),
        (["--until", "0s"], "within 7 days"),
        (["--backlog", "5"], "--tls-workers"),
    ] {
        let output = fleet(&arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(error.starts_with("error: ") && error.contains(expected), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_found_before_the_study() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let output = fleet(&["--devices", "1000000", "--rate", "1", "-o", file.to_str().unwrap()]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.starts_with("error: cannot write ") && error.lines().count() == 1, "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn nonsense_leaves_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("storm");
    assert!(!fleet(&["--devices", "0", "-o", out.to_str().unwrap()]).status.success());
    assert_eq!(names(dir.path()), [""; 0]);
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
