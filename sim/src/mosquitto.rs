//! A real Mosquitto as a child process: the second server that the client and the model broker are checked against.
//!
//! ```no_run
//! use thingwire_sim::mosquitto::{Mosquitto, MosquittoOptions};
//!
//! let mosquitto = Mosquitto::start(MosquittoOptions::default())?;
//! println!("connect to 127.0.0.1:{:?}", mosquitto.plain_port());
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::pki::{Pki, PkiFiles};

/// How long Mosquitto may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often other ports are tried when somebody has taken the chosen ones.
const PORT_TRIES: usize = 5;

/// What Mosquitto logs once it listens.
const READY: &str = " running";

/// What Mosquitto logs when a port is taken.
const PORT_TAKEN: &str = "Address already in use";

/// How a [`Mosquitto`] is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MosquittoOptions {
    /// Whether it listens without TLS.
    pub plain: bool,
    /// Whether it listens for WebSockets, without TLS.
    pub websockets: bool,
    /// Whether and how it listens with TLS.
    pub tls: Option<MosquittoTls>,
    /// Whether sessions and retained messages survive its end. Changes are saved at once.
    pub persistence: bool,
    /// User names and passwords; with none, anybody may connect.
    pub users: Vec<(String, String)>,
    /// The largest number of un-acknowledged QoS 1 messages per client; 0 is no limit, `None` Mosquitto's own default.
    pub max_inflight: Option<u32>,
    /// The largest number of QoS 1 messages that wait per client; 0 is no limit, `None` Mosquitto's own default.
    pub max_queued: Option<u32>,
    /// The largest packet in bytes.
    pub max_packet_size: Option<u32>,
    /// More lines for its configuration file.
    pub extra: Vec<String>,
}

impl Default for MosquittoOptions {
    /// A plain listener and nothing else.
    fn default() -> Self {
        Self {
            plain: true,
            websockets: false,
            tls: None,
            persistence: false,
            users: Vec::new(),
            max_inflight: None,
            max_queued: None,
            max_packet_size: None,
            extra: Vec::new(),
        }
    }
}

/// Who shows a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MosquittoTls {
    /// Server and client.
    Mutual,
    /// The server only.
    ServerOnly,
}

#[derive(Debug, Clone, Copy, Default)]
struct Ports {
    plain: Option<u16>,
    websockets: Option<u16>,
    tls: Option<u16>,
}

/// A running Mosquitto on 127.0.0.1. It is killed when it is dropped.
#[derive(Debug)]
pub struct Mosquitto {
    options: MosquittoOptions,
    ports: Ports,
    pki: Pki,
    files: PkiFiles,
    /// Before `dir`, so that nothing is written into the directory while it is removed.
    process: Option<Process>,
    dir: TempDir,
}

impl Mosquitto {
    /// Starts it on free ports and waits until it listens.
    ///
    /// Fails with [`io::ErrorKind::NotFound`] when it is not installed, and with the last lines of its log when it does not start.
    pub fn start(options: MosquittoOptions) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("thingwire-mosquitto-").tempdir()?;
        let pki = Pki::new()?;
        let files = pki.write_to(dir.path())?;
        write_passwords(dir.path(), &options.users)?;
        let mut mosquitto = Self { options, ports: Ports::default(), dir, pki, files, process: None };
        for _ in 1..PORT_TRIES {
            mosquitto.choose_ports()?;
            match mosquitto.launch() {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                result => return result.map(|()| mosquitto),
            }
        }
        mosquitto.choose_ports()?;
        mosquitto.launch()?;
        Ok(mosquitto)
    }

    /// The port without TLS, if there is one.
    pub fn plain_port(&self) -> Option<u16> {
        self.ports.plain
    }

    /// The port for WebSockets, if there is one.
    pub fn websocket_port(&self) -> Option<u16> {
        self.ports.websockets
    }

    /// The TLS port, if there is one.
    pub fn tls_port(&self) -> Option<u16> {
        self.ports.tls
    }

    /// The authority that its certificate and its clients' come from.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// The files of the authority.
    pub fn files(&self) -> &PkiFiles {
        &self.files
    }

    /// What it has logged since it was started last.
    pub fn log(&self) -> Vec<String> {
        self.process.as_ref().map(|process| process.log.lock().lines.clone()).unwrap_or_default()
    }

    /// Kills it (SIGKILL), as a power cut would. Does nothing when it is not running.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Ends it in good order (SIGTERM) and waits for it. Does nothing when it is not running.
    #[cfg(unix)]
    pub fn stop(&mut self) -> io::Result<()> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        process.signal(rustix::process::Signal::TERM)?;
        // A stopped process takes no notice of the signal before it goes on.
        process.signal(rustix::process::Signal::CONT)?;
        if !process.log.wait(|state| state.ended) {
            return process.kill();
        }
        process.child.wait().map(drop)
    }

    /// Starts it again, on the same ports and with what it has saved. If it still runs, it is killed first.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill()?;
        self.launch()
    }

    /// Stops its time (SIGSTOP): connections stay, nothing is answered.
    #[cfg(unix)]
    pub fn pause(&self) -> io::Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal(rustix::process::Signal::STOP))
    }

    /// Lets its time go on (SIGCONT).
    #[cfg(unix)]
    pub fn resume(&self) -> io::Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal(rustix::process::Signal::CONT))
    }

    fn choose_ports(&mut self) -> io::Result<()> {
        // All are held until all are known, so that they differ.
        let plain = self.options.plain.then(free_port).transpose()?;
        let websockets = self.options.websockets.then(free_port).transpose()?;
        let tls = self.options.tls.map(|_| free_port()).transpose()?;
        let port =
            |held: Option<TcpListener>| held.map(|held| held.local_addr().map(|address| address.port())).transpose();
        self.ports = Ports { plain: port(plain)?, websockets: port(websockets)?, tls: port(tls)? };
        Ok(())
    }

    fn launch(&mut self) -> io::Result<()> {
        let config = self.dir.path().join("mosquitto.conf");
        fs::write(&config, self.config())?;
        let mut child = Command::new(find("mosquitto")?)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = Arc::new(Log::default());
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            thread::Builder::new().name("mosquitto-log".to_owned()).spawn(move || log.follow(stderr))?;
        }
        let process = Process { child, log };
        process.log.wait(|state| state.ended || state.says(READY));
        let (taken, ready, end) = {
            let state = process.log.lock();
            (state.says(PORT_TAKEN), state.says(READY) && !state.ended, state.lines.join("; "))
        };
        if ready {
            self.process = Some(process);
            return Ok(());
        }
        process.kill()?;
        let kind = if taken { io::ErrorKind::AddrInUse } else { io::ErrorKind::Other };
        Err(io::Error::new(kind, format!("mosquitto did not start on {:?}: {end}", self.ports)))
    }

    fn config(&self) -> String {
        let options = &self.options;
        let dir = self.dir.path();
        // `user`: started by root, it would else become a user who may not read the keys.
        let mut lines = vec![
            "user root".to_owned(),
            "log_dest stderr".to_owned(),
            "log_type all".to_owned(),
            "log_timestamp false".to_owned(),
            format!("allow_anonymous {}", options.users.is_empty()),
            format!("persistence {}", options.persistence),
        ];
        if options.persistence {
            lines.push(format!("persistence_location {}/", dir.display()));
            lines.push("autosave_on_changes true".to_owned());
            lines.push("autosave_interval 1".to_owned());
        }
        if !options.users.is_empty() {
            lines.push(format!("password_file {}", dir.join(PASSWORD_FILE).display()));
        }
        let numbers = [
            ("max_inflight_messages", options.max_inflight),
            ("max_queued_messages", options.max_queued),
            ("max_packet_size", options.max_packet_size),
        ];
        lines.extend(numbers.iter().filter_map(|(name, value)| value.map(|value| format!("{name} {value}"))));
        lines.extend(options.extra.iter().cloned());
        if let Some(port) = self.ports.plain {
            lines.push(format!("listener {port} {}", Ipv4Addr::LOCALHOST));
        }
        if let Some(port) = self.ports.websockets {
            lines.push(format!("listener {port} {}", Ipv4Addr::LOCALHOST));
            lines.push("protocol websockets".to_owned());
        }
        if let Some(port) = self.ports.tls {
            lines.push(format!("listener {port} {}", Ipv4Addr::LOCALHOST));
            lines.push(format!("cafile {}", self.files.ca.display()));
            lines.push(format!("certfile {}", self.files.server.cert.display()));
            lines.push(format!("keyfile {}", self.files.server.key.display()));
            lines.push(format!("require_certificate {}", options.tls == Some(MosquittoTls::Mutual)));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

const PASSWORD_FILE: &str = "passwords";

/// Writes Mosquitto's password file with its own tool.
fn write_passwords(dir: &Path, users: &[(String, String)]) -> io::Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    let path = dir.join(PASSWORD_FILE);
    let mut text = String::new();
    for (user, password) in users {
        writeln!(text, "{user}:{password}").map_err(io::Error::other)?;
    }
    fs::write(&path, text)?;
    // Turns the passwords in the file into hashes.
    let status = Command::new(find("mosquitto_passwd")?).arg("-U").arg(&path).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("mosquitto_passwd failed: {status}"))) }
}

pub(crate) fn free_port() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

fn find(program: &str) -> io::Result<PathBuf> {
    find_in(program, "mosquitto")
}

/// A program of a Debian package; some are in a directory that users often do not have on their path.
pub(crate) fn find_in(program: &str, package: &str) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = dirs.map(|dir: PathBuf| dir.join(program)).find(|file| file.is_file());
    found.ok_or_else(|| {
        let text =
            format!("{program} not found: install it with `apt-get install {package}` or your system's equivalent");
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}

/// The child and what it logs. It is killed when it is dropped.
#[derive(Debug)]
struct Process {
    child: Child,
    log: Arc<Log>,
}

impl Process {
    fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// The child has not been waited for, so its number still is its own.
    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) -> io::Result<()> {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).map_err(io::Error::from)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After `kill` or `stop` there is nothing left to end; both calls then do nothing.
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            log::warn!("cannot end mosquitto: {error}");
        }
    }
}

#[derive(Debug, Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LogState {
    lines: Vec<String>,
    ended: bool,
}

impl LogState {
    fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            self.lock().lines.push(line);
            self.changed.notify_all();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits until `done`, but not for ever; false when it is not.
    fn wait(&self, done: impl Fn(&LogState) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |state| !done(state));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}
