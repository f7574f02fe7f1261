//! `thingwire thing`: files, devices that are played, and things that run, die and run again.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use serde_json::{Value, json};
use thingwire_sim::double::Double;
use thingwire_sim::shadow::ShadowName;

use crate::interrupts::interrupt;
use crate::support::{PATIENCE, Running, command, deserted, plain_double, thingwire};

const RELAY: &str = r#"
thing = "relay-one"
name = "relay"
poll_every_ms = 200

[properties.relayState]
words = { ON = true, OFF = false }

[[queries]]
ask = "RELAY?"
answers = ["RELAY{relayState}"]

[[commands]]
property = "relayState"
say = "RELAY{relayState}"
"#;

/// A folder with the file of a relay.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self::with(RELAY)
    }

    fn with(source: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("thing.toml"), source).expect("writable");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    fn simulate(&self, more: &[&str]) -> Process {
        Process::start(&[&["thing", "simulate", &self.text("thing.toml")], more].concat())
    }

    fn run(&self, address: &str, more: &[&str]) -> Process {
        let file = self.text("thing.toml");
        let connection = ["--endpoint", address, "--plain", "--jitter", "none"];
        Process::start(&[&["thing", "run", &file], &connection[..], more].concat())
    }
}

/// A command, and its lines as they come.
struct Process {
    running: Running,
    lines: Receiver<String>,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let (running, stdout) = Running::spawn_unread(command(arguments));
        Self { running, lines: lines(stdout) }
    }

    /// Waits for a line that is this.
    fn say(&self, wanted: &str) {
        self.find(|line| line == wanted, wanted);
    }

    fn find(&self, fits: impl Fn(&str) -> bool, what: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else { panic!("no {what:?} in {seen:?}") };
            if fits(&line) {
                return line;
            }
            seen.push(line);
        }
    }

    /// What it has said by now, and says no more.
    fn rest(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    fn end(self) -> (Option<i32>, String) {
        let ended = self.running.end();
        (ended.code, ended.stderr)
    }
}

fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

fn state(double: &Double) -> Value {
    let name = ShadowName::classic("relay-one").expect("valid");
    double.shadow(&name).map_or(Value::Null, |mut shadow| shadow["state"].take())
}

fn wish(double: &Double, on: bool) {
    let name = ShadowName::classic("relay-one").expect("valid");
    let update = json!({ "state": { "desired": { "relayState": on } } }).to_string();
    double.update_shadow(&name, &update).expect("accepted");
}

fn both(on: bool) -> Value {
    json!({ "desired": { "relayState": on }, "reported": { "relayState": on } })
}

fn kill(running: &Running) {
    assert!(
        Command::new("kill").args(["-KILL", &running.id().to_string()]).status().expect("`kill` is there").success()
    );
}

#[test]
fn check_tells_what_a_file_describes() {
    let desk = Desk::with(&RELAY.replace("poll_every_ms", "port = { serial = \"/dev/ttyUSB0\" }\npoll_every_ms"));
    let ended = thingwire(&["thing", "check", &desk.text("thing.toml")]);
    ended.assert_done();
    let expected = "relay-one, with its classic shadow\n  relay on /dev/ttyUSB0\n    relayState: read and write\n";
    assert_eq!(ended.text(), expected);
}

#[test]
fn every_mistake_in_a_file_is_a_line_with_its_place() {
    let desk = Desk::with(
        &RELAY
            .replace("answers = [\"RELAY{relayState}\"]", "answers = [\"RELAY{state}\"]")
            .replace("say = \"RELAY{", "say = \"RELAY{{"),
    );
    for verb in ["check", "simulate"] {
        let ended = thingwire(&["thing", verb, &desk.text("thing.toml")]);
        assert_eq!((ended.code, ended.text()), (Some(2), ""));
        let file = desk.text("thing.toml");
        let told: Vec<_> = ended.stderr.lines().map(|line| line.split(" \"").next().unwrap_or(line)).collect();
        assert_eq!(told[0], format!("thingwire: {file}:9:1: query"), "{}", ended.stderr);
        assert!(told[1].starts_with(&format!("thingwire: {file}:13:1: command")), "{}", ended.stderr);
    }
}

#[test]
fn usual_mistakes_are_said_in_one_line() {
    let desk = Desk::new();
    let file = desk.text("thing.toml");
    let run = |more: &[&str]| thingwire(&[&["thing", "run", "--endpoint", "localhost", "--plain"], more].concat());
    let no_port = format!("\"relay\" has no port: add `port = …` to {file}, or --port relay=PORT");
    run(&[&file]).assert_failed(2, &no_port);
    run(&[&file, "--port", "lamp=/dev/null"]).assert_failed(2, "--port: there is no component \"lamp\" in the file");
    let nowhere = desk.text("nowhere.toml");
    let missing = format!("{nowhere}: No such file or directory (os error 2); check the path");
    run(&[&nowhere]).assert_failed(2, &missing);
    let nameless = Desk::with(&RELAY.replace("thing = \"relay-one\"", ""));
    let file = nameless.text("thing.toml");
    let unnamed = format!("{file} does not say which thing it is: add `thing = \"NAME\"`, or --thing");
    run(&[&file, "--port", "relay=/dev/null"]).assert_failed(2, &unnamed);
}

#[test]
fn a_played_device_and_a_running_thing_keep_the_shadow_in_step() {
    let (desk, (double, address)) = (Desk::new(), plain_double());
    let link = desk.text("tty");
    let mut device = desk.simulate(&["--link", &link]);
    device.say(&format!("relay is at {link}"));
    let thing = desk.run(&address, &["--port", &format!("relay={link}")]);
    thing.find(|line| line.starts_with("reported; "), "a report");
    assert_eq!(state(&double), json!({ "reported": { "relayState": true } }));
    wish(&double, false);
    device.say("relayState = false");
    thing.find(|line| line.starts_with("relayState = false, by the cloud"), "the change");
    thing.find(|line| line.starts_with("reported; "), "a report");
    device.running.write(b"relayState=ON\nrelayState=7\nsize=1\n");
    device.say("relayState = true");
    device.running.hear("relayState=7: 7 is none of true, false");
    device.running.hear("there is no property \"size\"");
    thing.say("relayState = true, by the device");
    thing.find(|line| line.starts_with("reported; "), "a report");
    assert_eq!(state(&double), both(true));
    interrupt(&thing.running);
    assert_eq!(thing.end().0, Some(0));
    interrupt(&device.running);
    assert_eq!(device.end(), (Some(0), "thingwire: relayState=7: 7 is none of true, false\nthingwire: size=1: there is no property \"size\"; there are: relayState\n".to_owned()));
    assert!(!Path::new(&link).is_symlink(), "nothing is left behind");
    assert!(double.wait_for_clients(&[], PATIENCE), "it has said goodbye");
    assert_eq!(double.violations(), []);
}

#[test]
fn a_thing_that_was_killed_does_not_click_the_relay_again() {
    let (desk, (double, address)) = (Desk::new(), plain_double());
    let (link, memory) = (desk.text("tty"), desk.text("memory"));
    let mut device = desk.simulate(&["--link", &link]);
    device.say(&format!("relay is at {link}"));
    let port = format!("relay={link}");
    let flags = ["--port", &port, "--memory", &memory];
    let thing = desk.run(&address, &flags);
    thing.find(|line| line.starts_with("reported; "), "a report");
    wish(&double, false);
    device.say("relayState = false");
    thing.find(|line| line.starts_with("reported; "), "a report");
    // What was done is there at most a second later.
    let mut polls = 0;
    while !std::fs::read_to_string(&memory).is_ok_and(|memory| memory.contains("relayState")) {
        device.say("heard \"RELAY?\"");
        polls += 1;
        assert!(polls < 100);
    }
    kill(&thing.running);
    thing.end();
    device.running.write(b"relayState=ON\n");
    device.say("relayState = true");
    device.rest();
    let thing = desk.run(&address, &flags);
    thing.find(|line| line.starts_with("reported; "), "a report");
    assert_eq!(state(&double), both(true));
    let heard: Vec<_> = device.rest().into_iter().filter(|line| line.starts_with("heard")).collect();
    assert!(!heard.is_empty() && heard.iter().all(|line| line == "heard \"RELAY?\""), "{heard:?}");
}

#[test]
fn a_port_that_is_missing_is_told_with_what_to_do_and_waited_for() {
    let (desk, (double, address)) = (Desk::new(), plain_double());
    let socket = desk.text("socket");
    let mut thing = desk.run(&address, &["--port", &format!("relay=unix:{socket}")]);
    thing.running.hear(&format!("relay: {socket}: there is no such socket; start what listens on it"));
    let device = desk.simulate(&["--listen", &format!("unix:{socket}")]);
    device.say(&format!("relay is at {socket}"));
    thing.find(|line| line.starts_with("reported; "), "a report");
    assert_eq!(state(&double), json!({ "reported": { "relayState": true } }));
    drop(device);
    thing.running.hear("it is gone: unplugged, or closed by the other end");
    let status = Command::new("kill").args(["-TERM", &thing.running.id().to_string()]).status();
    assert!(status.expect("`kill` is there").success());
    assert_eq!(thing.end().0, Some(0));
}

#[test]
fn a_device_is_played_behind_a_tcp_port_as_well() {
    let (desk, (_double, address)) = (Desk::new(), plain_double());
    let device = desk.simulate(&["--listen", "127.0.0.1:0"]);
    let at = device.find(|line| line.starts_with("relay is at "), "where it is");
    let thing = desk.run(&address, &["--port", &format!("relay={}", at.trim_start_matches("relay is at "))]);
    thing.find(|line| line.starts_with("reported; "), "a report");
    let taken = at.trim_start_matches("relay is at ").to_owned();
    let ended = thingwire(&["thing", "simulate", &desk.text("thing.toml"), "--listen", &taken]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("use another port, or end what has it"), "{}", ended.stderr);
}

#[test]
fn the_file_in_the_help_is_one() {
    let help = thingwire(&["thing", "--help"]);
    help.assert_done();
    let file = help.text().split("AWS IoT:\n").nth(1).expect("a file").split("\n\n").next().expect("its end");
    let desk = Desk::with(&file.lines().map(str::trim_start).collect::<Vec<_>>().join("\n"));
    let ended = thingwire(&["thing", "check", &desk.text("thing.toml")]);
    ended.assert_done();
    assert!(ended.text().starts_with("relay-one, with its classic shadow\n"), "{}", ended.text());
}

#[test]
fn without_a_connection_the_device_is_served_and_the_reason_is_told_once() {
    let desk = Desk::new();
    let (address, _held) = deserted();
    let link = desk.text("tty");
    let device = desk.simulate(&["--link", &link]);
    device.say(&format!("relay is at {link}"));
    let thing =
        desk.run(&address, &["--port", &format!("relay={link}"), "--backoff", "0.01,0.02,1", "--limits", "none"]);
    thing.say("relayState = true, by the device");
    for _ in 0..3 {
        device.say("heard \"RELAY?\"");
    }
    interrupt(&thing.running);
    let (code, stderr) = thing.end();
    assert_eq!((code, stderr.matches("connection refused").count()), (Some(0), 1), "{stderr}");
}
