//! The command line, as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::packets::{Connect, connack, puback};

fn sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thingwire-sim"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    sim(arguments).output().unwrap()
}

/// A running `serve` and its announcement. Killed when a test fails.
pub(crate) struct Serve {
    child: Child,
    /// Where it makes its own temporary files, which nobody removes when it is killed.
    _temporary: TempDir,
    pub(crate) ready: serde_json::Value,
}

impl Serve {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let temporary = TempDir::new().unwrap();
        let mut child = sim(&[&["serve"], arguments].concat()).env("TMPDIR", temporary.path()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        Self { child, _temporary: temporary, ready }
    }

    pub(crate) fn path(&self, name: &str) -> &Path {
        Path::new(self.ready[name].as_str().unwrap())
    }

    /// A client on the plain port, with a read timeout instead of a hang.
    pub(crate) fn plain(&self) -> TcpStream {
        let port = u16::try_from(self.ready["plain_port"].as_u64().unwrap()).unwrap();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself; its exit code and what it said of it.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), err)
    }

    /// Ends it with this signal; its exit code, and what is left of its two outputs.
    #[cfg(unix)]
    pub(crate) fn end(mut self, signal: rustix::process::Signal) -> (Option<i32>, String, String) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), out, err)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[cfg(unix)]
#[test]
fn serve_announces_itself_serves_and_ends_cleanly() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let serve = Serve::start(&["--plain-port", "0"]);
        for name in ["ca", "cert", "key"] {
            assert!(serve.path(name).is_absolute() && serve.path(name).is_file(), "{name}");
        }
        let ca = serve.path("ca").to_owned();
        assert!(serve.ready["port"].as_u64().unwrap() > 0);

        let mut client = serve.plain();
        client.write_all(&Connect::clean("naughty").bytes()).unwrap();
        let mut answer = [0; 4];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, connack(false, 0)[..]);
        client.write_all(&puback(9)).unwrap();
        assert_eq!(client.read(&mut answer).unwrap(), 0);

        let (code, out, err) = serve.end(signal);
        assert_eq!(code, Some(0));
        assert_eq!(out, "", "one line is all");
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(err.contains("\"naughty\"") && err.contains("[MQTT-4.3.2-2]") && err.contains("40020009"), "{err}");
        assert!(!ca.exists());
    }
}

#[cfg(unix)]
#[test]
fn serve_leaves_its_files_in_the_directory_it_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let asked = dir.path().join("certs");
    let serve = Serve::start(&["--dir", asked.to_str().unwrap()]);
    assert!(serve.ready["plain_port"].is_null());
    assert_eq!(serve.path("ca"), asked.canonicalize().unwrap().join("ca.pem"));
    let (code, _, err) = serve.end(rustix::process::Signal::TERM);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(asked.join("device.key").is_file());
}

#[cfg(unix)]
#[test]
fn what_fails_is_told_in_one_line_with_a_hint() {
    let serve = Serve::start(&[]);
    let port = serve.ready["port"].to_string();
    let file = serve.path("ca").to_str().unwrap();
    for (arguments, code, cause, hint) in [
        (vec!["serve", "--port", &port], 1, port.as_str(), "choose another port"),
        (vec!["serve", "--dir", file], 1, file, "want a directory"),
        (vec!["serve", "--port", "70000"], 2, "70000", "--help"),
        (vec!["serve", "--prot", "1"], 2, "--prot", "--help"),
        (vec!["sreve"], 2, "sreve", "--help"),
    ] {
        let output = run(&arguments);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{err}");
        assert!(output.stdout.is_empty());
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(err.starts_with("error: ") && err.contains(cause) && err.contains(hint), "{err}");
    }
    serve.end(rustix::process::Signal::TERM);
}

#[test]
fn help_teaches() {
    let output = run(&["serve", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["--port", "--plain-port", "--dir", "--state", "JSON", "SIGTERM", "mosquitto_pub"] {
        assert!(text.contains(word), "{word}");
    }
    assert_eq!(run(&[]).status.code(), Some(2));
}
