//! What `--record` writes.

use thingwire_sim::field::replay_command;

use crate::support::{plain_double, thingwire};

#[test]
fn what_happened_is_in_the_file_however_it_ended() {
    let (double, address) = plain_double();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("field.trace");
    let run = || {
        let path = path.to_str().expect("UTF-8");
        let message = ["--plain", "--topic", "t", "--message", "not to be recorded", "--record", path];
        thingwire(&[["pub", "--endpoint", &address].as_slice(), &message].concat())
    };
    run().assert_done();
    let replayed = replay_command(&path, true).expect("a trace");
    assert!(replayed.whole && !replayed.with_payloads);
    assert_eq!((replayed.totals.connections, replayed.totals.acked), (1, 1));
    let file = std::fs::read(&path).expect("it is there");
    assert!(!file.windows(7).any(|window| window == b"not to "));

    drop(double);
    assert_eq!(run().code, Some(3), "nobody is there any more");
    let replayed = replay_command(&path, true).expect("a trace");
    assert_eq!((replayed.totals.attempts, replayed.totals.connections), (1, 0));
    assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 1, "nothing else is left there");
}

#[test]
fn a_file_that_cannot_be_written_is_known_before_anything_is_sent() {
    let (double, address) = plain_double();
    let flags = ["--plain", "--topic", "t", "--message", "x", "--record", "/nowhere/field.trace"];
    let ended = thingwire(&[["pub", "--endpoint", &address].as_slice(), &flags].concat());
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.starts_with("thingwire: --record: cannot write /nowhere/field.trace: "), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1);
    assert_eq!(double.messages().len(), 0);
}
