//! What cannot be done is told in one line: what, where, and what to do.

use std::fs;

use crate::process::{binary, clean, ended, sim};

const GOOD: &str = "name = \"mine\"\nduration = \"1m\"\nheal = \"2m\"\n";

/// The one line that a scenario is refused with.
fn refused(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    fs::write(&path, text).unwrap();
    let ended = sim(&["run", path.to_str().unwrap()]);
    assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    ended.err.strip_prefix("error: ").unwrap().rsplit_once("mine.toml").unwrap().1.trim_end().to_owned()
}

#[test]
fn a_scenario_that_cannot_be_is_refused_with_its_line() {
    for (text, place, what, hint) in [
        ("duration = 1h\"", "4:", "", ""),
        ("heals = \"1m\"", "4:1", "unknown key `heals`", "did you mean `heal`?"),
        ("[client]\nqueue-byte = 3", "5:1", "unknown key `queue-byte`", "did you mean `queue-bytes`?"),
        ("[client]\nqueue = \"9..3\"", "5:9", "begins above its end", "3..9"),
        ("[client]\nbackoff-max = \"1..5s\"", "5:15", "\"1\" in the range \"1..5s\"", "need a unit"),
        ("[client]\njitter = \"full|\"", "5:10", "empty alternative", "both sides"),
        ("[client]\njitter = \"fulll\"", "5:10", "unknown word `fulll`", "did you mean `full`?"),
        ("[client]\nbackoff-base = \"40s\"", "4:1", "backoff.max", ""),
        ("[client]\ndrain-hz = -3", "5:12", "-1 for adaptive", ""),
        ("devices = 0", "4:11", "0 devices", "1 to"),
        ("[network]\nlatency = \"5\"", "5:11", "\"5\" is not a span of time", "us, ms, s"),
        ("[[workload]]\nkind = \"publish\"\ntopic = \"t\"\nqos = 1\nevery = \"0s\"", "8:9", "0 is no span", "1us"),
        ("[[workload]]\nkind = \"publish\"\ntopic = \"t\"\nqos = 2\nevery = \"1s\"", "7:7", "QoS 2", "0 and 1"),
        (
            "[[workload]]\nkind = \"publish\"\ntopic = \"t\"\nqos = 1\nevery = \"1s\"\nsize = 7",
            "9:8",
            "7 bytes",
            "write 8",
        ),
        (
            "[[workload]]\nkind = \"publish\"\ntopic = \"t\"\nqos = 1\nevery = \"1s\"\nsiez = 9",
            "9:1",
            "`siez`",
            "`size`",
        ),
        ("[[workload]]\nkind = \"publish\"\ntopic = \"a/#\"\nqos = 1\nevery = \"1s\"", "6:9", "a/#", "topic"),
        ("[[workload]]\nkind = \"churn\"\nevery = \"1s\"", "4:", "needs `filter`", ""),
        ("[[workload]]\nkind = \"meddle\"\nevery = \"1s\"\nqos = 1", "4:", "`qos` means nothing", ""),
        ("[[op]]\nat = \"2m\"\ndo = \"stop\"", "5:6", "after the end", "earlier"),
        (
            "[[op]]\nat = \"1s\"\ndo = { publish = { topic = \"t\", qos = 1, payload = 9 } }",
            "6:42",
            "`payload`",
            "one of",
        ),
        ("[[fault]]\nat = \"1s\"\ndevice = 1\ndo = \"vanish\"", "6:10", "there is no device 1", "number 0"),
        ("[[fault]]\nat = \"1s\"\ndo = \"vansih\"", "6:6", "unknown word `vansih`", "`vanish`"),
        ("[[fault]]\ndo = \"vanish\"", "4:1", "needs a time", ""),
        ("[[fault]]\nat = \"1s\"\nwhen = { queued = 1 }\ndo = \"vanish\"", "4:1", "not both", ""),
        ("[[fault]]\nwhen = { phase = \"ready\", sent = \"publish\" }\ndo = \"vanish\"", "4:1", "exactly one", ""),
        ("[[fault]]\nwhen = { phase = \"ready\", nth = 0 }\ndo = \"vanish\"", "5:33", "counted from 1", ""),
        ("[[fault]]\nat = \"1s\"\nfor = \"0s\"\ndo = \"vanish\"", "6:7", "0 is no span", ""),
        ("[[fault]]\nat = \"1s\"\ndo = { small-writes = 0 }", "6:23", "takes nothing", ""),
        (
            "[[fault]]\nat = \"1s\"\ndo = { shadows = { every = 0, how = \"drop\" } }",
            "6:28",
            "every 0 of them",
            "at least 1",
        ),
        ("[[fault]]\nat = \"1s\"\ndo = { shadows = { how = { reject = 200 } } }", "6:26", "200 is no rejection", "400"),
        ("[[fault]]\nat = \"1s\"\ndo = { shadows = { whim = \"drop\" } }", "6:20", "`whim`", "one of to"),
        ("[[fault]]\nat = \"1s\"\ndo = { broker = { restart = { forgot = true } } }", "6:31", "`forgot`", "`forget`"),
    ] {
        let line = refused(&format!("{GOOD}{text}\n"));
        assert!(line.starts_with(&format!(":{place}")), "{text}\n{line}");
        assert!(line.contains(what) && line.contains(hint), "{text}\n{line}");
    }
    let line = refused("name = \"mine\"\nduration = \"0s\"\nheal = \"1m\"\n");
    assert!(line.starts_with(":2:12: 0 is no span"), "{line}");
    assert!(refused("").contains("missing field `name`"));
    assert!(refused("seed = -1\n").starts_with(":1:8: the seed"));
}

#[test]
fn what_is_drawn_is_blamed_on_the_line_it_was_drawn_from() {
    let line =
        refused(&format!("{GOOD}[client]\njitter = \"full|equal\"\nin-flight-max = \"0..0\"\nqueue = \"1..5\"\n"));
    assert!(line.starts_with(":6:17: "), "{line}");
    assert!(line.contains("greater than zero"), "{line}");
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("good.toml"), GOOD).unwrap();
    fs::write(path("binary.toml"), [0xff, 0xfe]).unwrap();
    fs::write(path("dice.toml"), format!("{GOOD}devices = \"1..2\"\n")).unwrap();
    let (missing, folder, binary) = (path("missing.toml"), path(""), path("binary.toml"));
    let (good, dice, nowhere) = (path("good.toml"), path("dice.toml"), path("no/where.toml"));
    let nowhere_svg = path("no/where.svg");
    for (arguments, code, cause, hint) in [
        (vec!["run", &missing], 1, "missing.toml", "see that the file"),
        (vec!["run", &folder], 1, "is a directory", "give a file"),
        (vec!["run", &binary], 2, "is not text", "UTF-8"),
        (vec!["run", "flaky"], 2, "neither a profile nor a file called `flaky`", "`flaky-wifi`"),
        (vec!["run", "swarn"], 2, "`swarn`", "did you mean `swarm`?"),
        (vec!["run", "nonsense"], 2, "`nonsense`", "list profiles"),
        (vec!["run", "calm", "--seed", "three"], 2, "--seed", "--help"),
        (vec!["run", "calm", "--seed", "18446744073709551615"], 2, "2^63", "--help"),
        (vec!["run", &good, "--save", &nowhere], 1, "where.toml", "see that the file"),
        (vec!["replay", &dice], 2, "leaves 1 values to the dice", "--save"),
        (vec!["campaign", "calm", "--time", "5"], 2, "--time", "--help"),
        (vec!["campaign", "calm", "--seeds", "1", "--out", &good], 1, "good.toml", "--out wants a directory"),
        (vec!["campaign"], 2, "SCENARIO|PROFILE", "--help"),
        (vec!["list", "everything"], 2, "everything", "--help"),
        (vec!["timeline", "calm", "-o", "calm.png"], 2, "how to draw calm.png", ".svg, .html or .txt"),
        (vec!["timeline", "calm", "--devices", "0,1"], 2, "no device 1", "the last one is 0"),
        (vec!["timeline", "calm", "-o", &nowhere_svg], 1, "where.svg", "see that the file"),
        (vec!["timeline", "swarn"], 2, "`swarn`", "did you mean `swarm`?"),
        (vec!["replay", &good, "--judge"], 2, "no field trace", "always judged"),
        (vec!["replay", &missing, "--strict"], 1, "missing.toml", "see that the file"),
        (vec!["advisor", "MQTT_Conect"], 2, "`MQTT_Conect`", "did you mean `MQTT_Connect`?"),
        (vec!["advisor", "everything"], 2, "`everything`", "advisor --list"),
        (vec!["explain", "swarn"], 2, "`swarn`", "did you mean `swarm`?"),
        (vec!["bench", "nothing"], 2, "`nothing`", "list profiles"),
    ] {
        let ended = sim(&arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert!(ended.err.starts_with("error: "), "{}", ended.err);
        assert!(ended.err.contains(cause) && ended.err.contains(hint), "{arguments:?}: {}", ended.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_no_report_behind() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("report");
    // Files may have 4 KiB, and what is longer fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$0\" campaign calm --seeds 500 --out \"$1\"";
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_thingwire-sim")]).arg(&out);
    clean(&mut shell);
    let ended = ended(&shell.output().unwrap());
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.err.starts_with("error: cannot write ") && ended.err.contains("results.jsonl"), "{}", ended.err);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "nothing that looks complete");

    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = binary().args(["run", "calm"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: cannot write to standard output"));
}
