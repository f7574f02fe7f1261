//! The real command as a child process, and servers that answer what a test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use thingwire_sim::double::Double;

/// How long anything may take before the test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What `--plain` says.
pub(crate) const WARNING: &str =
    "thingwire: warning: --plain: without TLS, anybody on the way can read and change everything\n";

/// How a command ended and what it said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is text")
    }

    pub(crate) fn assert_done(&self) {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
    }

    /// The exit code, and the only line on standard error but for the warning that belongs to `--plain`.
    pub(crate) fn assert_failed(&self, code: i32, line: &str) {
        let stderr = self.stderr.strip_prefix(WARNING).unwrap_or(&self.stderr);
        assert_eq!((self.code, stderr), (Some(code), format!("thingwire: {line}\n").as_str()));
        assert_eq!(self.text(), "");
    }
}

/// A command that runs. It is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<String>,
    heard: String,
}

/// Runs `thingwire` to its end, with nothing on standard input.
pub(crate) fn thingwire(arguments: &[&str]) -> Ended {
    Running::start(arguments).end()
}

/// The command with an environment of its own, so that nobody's settings reach it.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thingwire"));
    command.args(arguments).env_clear();
    command
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(command(arguments))
    }

    pub(crate) fn spawn(command: Command) -> Self {
        let (mut running, stdout) = Self::spawn_unread(command);
        running.stdout = in_background(stdout, |mut stdout, sender| {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).expect("standard output can be read");
            sender.send(bytes).ok();
        });
        running
    }

    /// Leaves standard output to the caller.
    pub(crate) fn spawn_unread(mut command: Command) -> (Self, ChildStdout) {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the command starts");
        let stdout = child.stdout.take().expect("piped");
        let stderr = in_background(child.stderr.take().expect("piped"), |stderr, sender| {
            for line in BufReader::new(stderr).lines() {
                sender.send(line.expect("standard error can be read")).ok();
            }
        });
        let stdin = child.stdin.take();
        (Self { child, stdin, stdout: mpsc::channel().1, stderr, heard: String::new() }, stdout)
    }

    /// `thingwire sub`, once it has subscribed. `arguments` include `--verbose`.
    pub(crate) fn subscribed(arguments: &[&str]) -> Self {
        let mut running = Self::start(arguments);
        running.hear("subscribed");
        running
    }

    /// Waits for a line on standard error that contains `text`.
    pub(crate) fn hear(&mut self, text: &str) {
        self.hear_line(text);
    }

    /// The same, with that line.
    pub(crate) fn hear_line(&mut self, text: &str) -> String {
        loop {
            let line = self.stderr.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.heard));
            self.heard.push_str(&line);
            self.heard.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().expect("still open").write_all(bytes).expect("the command reads");
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the command can be waited for").is_some()
    }

    /// Closes standard input and waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        drop(self.stdin.take());
        let stdout = match self.stdout.recv_timeout(PATIENCE) {
            Ok(stdout) => stdout,
            Err(mpsc::RecvTimeoutError::Disconnected) => Vec::new(),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no end; heard: {:?}", self.stderr.try_iter()),
        };
        while let Ok(line) = self.stderr.recv_timeout(PATIENCE) {
            self.heard.push_str(&line);
            self.heard.push('\n');
        }
        let status = self.child.wait().expect("the command can be waited for");
        Ended { code: status.code(), stdout, stderr: std::mem::take(&mut self.heard) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a good end there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn in_background<S: Send + 'static, T: Send + 'static>(
    source: S,
    work: impl FnOnce(S, mpsc::Sender<T>) + Send + 'static,
) -> Receiver<T> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || work(source, sender));
    receiver
}

/// A double with a plain port, and how to reach that.
pub(crate) fn plain_double() -> (Double, String) {
    let double = Double::options().plain_port(0).start().expect("the double starts");
    let port = double.plain_port().expect("asked for");
    (double, format!("127.0.0.1:{port}"))
}

/// The flags for mutual TLS with `double`.
pub(crate) fn mutual(double: &Double) -> Vec<String> {
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let files = [("--ca", double.ca_path()), ("--cert", double.cert_path()), ("--key", double.key_path())];
    let mut flags = vec!["--endpoint".to_owned(), double.endpoint()];
    flags.extend(files.into_iter().flat_map(|(flag, file)| [flag.to_owned(), path(file)]));
    flags
}

/// A server on loopback that takes one connection, waits for the first bytes, answers, and closes.
pub(crate) fn canned(answer: &'static [u8]) -> String {
    serve(move |mut peer| {
        let mut request = [0; 4096];
        let _request = peer.read(&mut request).expect("the command says something");
        peer.write_all(answer).expect("the command listens");
    })
}

/// A server on loopback that takes one connection.
pub(crate) fn serve(conversation: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || conversation(listener.accept().expect("somebody connects").0));
    address.to_string()
}

/// An address on loopback where nobody listens, for as long as the connection that it belongs to is held.
pub(crate) fn deserted() -> (String, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let held = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    (held.local_addr().expect("connected").to_string(), held)
}
