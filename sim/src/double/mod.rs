//! The model broker behind real loopback sockets: a local AWS IoT Core.
//!
//! One thread owns the broker and all sockets. No peer can hold it up: every socket is non-blocking, and a peer that does not read
//! what it is sent is cut off once 8 MiB wait for it.
//!
//! ```no_run
//! use thingwire_sim::double::Double;
//!
//! let double = Double::start()?;
//! println!("connect to {} with {}", double.endpoint(), double.ca_path().display());
//! # Ok::<(), std::io::Error>(())
//! ```

mod cognito;
mod door;
mod server;
mod state;
mod tls;
mod transport;
mod visitors;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Poll, Waker};
use tempfile::TempDir;

use crate::broker::{Message, Refuse, Rules, Violation};
use crate::pki::{Pki, PkiFiles};
use crate::plan::Plan;
use crate::shadow::{Rejection, Service, ShadowName, ShadowRules};
use crate::world::Live;
use server::{Job, Server};

pub use visitors::Visitors;

/// How many messages and violations a double remembers; older messages and later violations are forgotten.
const REMEMBERED: usize = 10_000;

/// How a [`Double`] is set up.
#[derive(Debug, Clone)]
#[must_use]
pub struct DoubleOptions {
    port: u16,
    plain_port: Option<u16>,
    dir: Option<PathBuf>,
    rules: Rules,
    shadow_rules: ShadowRules,
    state: Option<PathBuf>,
    client_auth: bool,
    require_sni: bool,
    visitors: Option<Visitors>,
    server_names: Vec<String>,
    violations_to: Option<Sender<Violation>>,
    faults: Option<Plan>,
}

impl Default for DoubleOptions {
    /// TLS on a free port, no plain port, client certificates required, the rules of AWS IoT Core, files in a temporary directory.
    ///
    /// The service's rates are left out: with them, what a test sees would depend on how fast it happens to run.
    fn default() -> Self {
        let rules = Rules {
            connects_per_second: None,
            connect_spacing: Duration::ZERO,
            publishes_per_second: None,
            bytes_per_second: None,
            stored_per_second: None,
            ..Rules::aws()
        };
        Self {
            port: 0,
            plain_port: None,
            dir: None,
            rules,
            shadow_rules: ShadowRules { requests_per_second: None, ..ShadowRules::aws() },
            state: None,
            client_auth: true,
            require_sni: false,
            visitors: None,
            server_names: Pki::SERVER_NAMES.map(str::to_owned).to_vec(),
            violations_to: None,
            faults: None,
        }
    }
}

impl DoubleOptions {
    /// The TLS port; 0 for a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Also listen for MQTT without TLS, on this port; 0 for a free one.
    pub fn plain_port(mut self, port: u16) -> Self {
        self.plain_port = Some(port);
        self
    }

    /// Where certificates and keys are written, and stay. The directory is created if need be.
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// The rules of the broker.
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// The rules of the device shadow service.
    pub fn shadow_rules(mut self, rules: ShadowRules) -> Self {
        self.shadow_rules = rules;
        self
    }

    /// Where persistent sessions, retained messages and shadows are kept, and found again by the next double. The directory is
    /// created if need be, and one double at a time has it. No peer is told of anything before it is on the disk; when it cannot be
    /// written, the double ends: see [`Double::failure`].
    pub fn state(mut self, dir: impl Into<PathBuf>) -> Self {
        self.state = Some(dir.into());
        self
    }

    /// Whether a client certificate is demanded.
    pub fn client_auth(mut self, client_auth: bool) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// Whether a TLS client that names no server is turned away, as the service does. Off by default, because a client that is given
    /// an address instead of a name has nothing to name.
    pub fn require_sni(mut self, require_sni: bool) -> Self {
        self.require_sni = require_sni;
        self
    }

    /// Serve WebSockets and custom authorizers too, on the same ports, to whom `visitors` lets in without a certificate. As
    /// on the service's port 443, the application protocol tells who comes: `x-amzn-mqtt-ca` is MQTT with a certificate, `mqtt` MQTT
    /// with a custom authorizer, `http/1.1` a WebSocket; where none is named, the first byte does. Without visitors, everybody needs
    /// a certificate, and only MQTT is understood.
    pub fn visitors(mut self, visitors: Visitors) -> Self {
        self.visitors = Some(visitors);
        self
    }

    /// The names in the server's certificate.
    pub fn server_names(mut self, names: &[&str]) -> Self {
        self.server_names = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Send every violation here too, as it happens.
    pub fn violations_to(mut self, sender: Sender<Violation>) -> Self {
        self.violations_to = Some(sender);
        self
    }

    /// Have this plan's faults and network between every client and the broker, in wall time from the start on: bytes that are
    /// held, delayed, changed or cut, and what the broker does. Which device a fault is meant for is not asked; after the plan's
    /// duration nothing more goes wrong. What only a device can do to itself is left out: see [`DoubleOptions::left_out`].
    pub fn faults(mut self, plan: Plan) -> Self {
        self.faults = Some(plan);
        self
    }

    /// The kinds of faults of the plan that a server cannot do.
    #[must_use]
    pub fn left_out(&self) -> Vec<&'static str> {
        self.faults.as_ref().map(Live::not_done).unwrap_or_default()
    }

    /// Starts it. An error names the port or the file it is about.
    pub fn start(self) -> io::Result<Double> {
        let names: Vec<&str> = self.server_names.iter().map(String::as_str).collect();
        let pki = Pki::for_server(&names)?;
        let (dir, temporary) = directory(self.dir.as_deref())?;
        let files = pki.write_to(&dir)?;
        let tls_listener = listen(self.port)?;
        let plain_listener = self.plain_port.map(listen).transpose()?;
        let port = tls_listener.local_addr()?.port();
        let plain_port =
            plain_listener.as_ref().map(TcpListener::local_addr).transpose()?.map(|address| address.port());

        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), server::WAKER)?;
        let shared = Arc::new(Shared::default());
        let (jobs, inbox) = mpsc::channel();
        let server = Server::new(server::Setup {
            poll,
            inbox,
            tls_listener,
            plain_listener,
            tls: tls::server_config(&pki, self.client_auth, self.visitors.is_some())?,
            require_sni: self.require_sni,
            visitors: self.visitors.map(|visitors| Arc::new(visitors.with_free_mqtt(!self.client_auth))),
            faults: self.faults.map(|plan| Live::new(&plan, self.rules.clone())),
            rules: self.rules,
            shadow_rules: self.shadow_rules,
            state: self.state,
            shared: Arc::clone(&shared),
            violations_to: self.violations_to,
        })?;
        let thread = std::thread::Builder::new().name("thingwire-double".to_owned()).spawn(move || server.run())?;
        let thread = Some(thread);
        Ok(Double { port, plain_port, files, pki, shared, jobs, waker, thread, _temporary: temporary })
    }
}

/// The directory to write to, and its guard if it is a temporary one.
fn directory(asked: Option<&Path>) -> io::Result<(PathBuf, Option<TempDir>)> {
    let Some(dir) = asked else {
        let temporary = tempfile::Builder::new().prefix("thingwire-sim-").tempdir()?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    };
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("cannot use directory {}: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(named)?;
    Ok((dir.canonicalize().map_err(named)?, None))
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

/// What the double's thread tells.
#[derive(Debug, Default)]
struct Shared {
    journal: Mutex<Journal>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Journal {
    messages: std::collections::VecDeque<Message>,
    violations: Vec<Violation>,
    clients: Vec<String>,
    failure: Option<(io::ErrorKind, String)>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running local AWS IoT Core. It stops when it is dropped.
#[derive(Debug)]
pub struct Double {
    port: u16,
    plain_port: Option<u16>,
    files: PkiFiles,
    pki: Pki,
    shared: Arc<Shared>,
    jobs: Sender<Job>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
    _temporary: Option<TempDir>,
}

impl Double {
    /// Starts one as [`DoubleOptions::default`] describes.
    pub fn start() -> io::Result<Self> {
        DoubleOptions::default().start()
    }

    /// What to change before starting one.
    pub fn options() -> DoubleOptions {
        DoubleOptions::default()
    }

    /// The TLS port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port without TLS, on 127.0.0.1, if there is one.
    pub fn plain_port(&self) -> Option<u16> {
        self.plain_port
    }

    /// Host name and TLS port: `localhost:PORT`.
    pub fn endpoint(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The file with the certificate to trust.
    pub fn ca_path(&self) -> &Path {
        &self.files.ca
    }

    /// The file with the device's certificate.
    pub fn cert_path(&self) -> &Path {
        &self.files.device.cert
    }

    /// The file with the device's key.
    pub fn key_path(&self) -> &Path {
        &self.files.device.key
    }

    /// All files.
    pub fn files(&self) -> &PkiFiles {
        &self.files
    }

    /// The authority, for more identities.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// What clients did wrong so far, oldest first, at most the first 10,000.
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.lock().violations.clone()
    }

    /// The publishes taken so far, oldest first, at most the last 10,000.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.lock().messages.iter().cloned().collect()
    }

    /// The client ids that are online, in order.
    pub fn clients(&self) -> Vec<String> {
        self.shared.lock().clients.clone()
    }

    /// Waits until at least `count` publishes were taken, at most `patience`, and returns what there is.
    pub fn wait_for_messages(&self, count: usize, patience: Duration) -> Vec<Message> {
        self.wait(patience, |journal| journal.messages.len() >= count);
        self.messages()
    }

    /// Waits until at least `count` violations were seen, at most `patience`, and returns what there is.
    pub fn wait_for_violations(&self, count: usize, patience: Duration) -> Vec<Violation> {
        self.wait(patience, |journal| journal.violations.len() >= count);
        self.violations()
    }

    /// Waits until exactly these client ids, in order, are online, at most `patience`; false when they were not in time.
    pub fn wait_for_clients(&self, clients: &[&str], patience: Duration) -> bool {
        self.wait(patience, |journal| journal.clients == clients)
    }

    fn wait(&self, patience: Duration, done: impl Fn(&Journal) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut journal = self.shared.lock();
        while !done(&journal) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(journal, left);
            journal = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Cuts every connection without a word: the peers see a reset. The listeners stay. Returns how many there were.
    pub fn drop_connections(&self) -> usize {
        self.ask(Server::drop_connections).unwrap_or(0)
    }

    /// Closes the connection of `client_id` in good order, as an operator would; false when it has none.
    pub fn kick(&self, client_id: &str) -> bool {
        let client_id = client_id.to_owned();
        self.ask(move |server| server.kick(&client_id)).unwrap_or(false)
    }

    /// Answers every CONNECT with this code from now on, until [`Double::accept`].
    pub fn refuse(&self, code: u8) {
        self.change_rules(move |rules| rules.refuse = Some(Refuse::Code(code)));
    }

    /// Answers every CONNECT by closing from now on, until [`Double::accept`].
    pub fn refuse_silently(&self) {
        self.change_rules(|rules| rules.refuse = Some(Refuse::Silently));
    }

    /// Ends [`Double::refuse`] and [`Double::refuse_silently`].
    pub fn accept(&self) {
        self.change_rules(|rules| rules.refuse = None);
    }

    /// Changes the rules of the running broker.
    pub fn change_rules(&self, change: impl FnOnce(&mut Rules) + Send + 'static) {
        self.ask(move |server| change(server.rules()));
    }

    /// Lets in these instead, from the next connection on. Only where there were visitors from the beginning.
    pub fn change_visitors(&self, visitors: Visitors) {
        self.ask(move |server| server.set_visitors(visitors));
    }

    /// Stops reading and writing all sockets while `true`: to the peers the network seems dead, although nothing is closed. The
    /// broker's time stands still too, and catches up at the end.
    pub fn freeze(&self, frozen: bool) {
        self.ask(move |server| server.freeze(frozen));
    }

    /// Publishes a message of the server's own; false when its topic is not one to publish to.
    pub fn publish(&self, message: Message) -> bool {
        self.ask(move |server| server.publish(message)).unwrap_or(false)
    }

    /// A shadow as `get` has it, with its state, metadata and version; `None` when there is none.
    pub fn shadow(&self, name: &ShadowName) -> Option<serde_json::Value> {
        let name = name.clone();
        self.ask(move |server| server.shadows().shadow(&name)).flatten()
    }

    /// Updates a shadow from behind, as an application in the cloud does over HTTPS: what has changed is published, a rejection is
    /// only returned. The new version.
    pub fn update_shadow(&self, name: &ShadowName, payload: &str) -> Result<u64, Rejection> {
        let (name, payload) = (name.clone(), payload.to_owned());
        let updated = self.ask(move |server| server.update_shadow(&name, payload.as_bytes()));
        updated.unwrap_or_else(|| Err(Rejection::gone()))
    }

    /// Changes the rules and moods of the shadow service.
    pub fn change_shadows(&self, change: impl FnOnce(&mut Service) + Send + 'static) {
        self.ask(move |server| change(server.shadows()));
    }

    /// Why the double has ended by itself, if it has: its state could not be written.
    pub fn failure(&self) -> Option<io::Error> {
        self.shared.lock().failure.clone().map(|(kind, what)| io::Error::new(kind, what))
    }

    /// Closes listeners and connections and waits for the thread's end. Dropping does the same.
    pub fn stop(self) {}

    /// Runs `job` on the double's thread, and waits for what it returns; `None` when that thread has ended, or does because what has
    /// changed cannot be kept.
    fn ask<R: Send + 'static>(&self, job: impl FnOnce(&mut Server) -> R + Send + 'static) -> Option<R> {
        let (reply, answer) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |server| {
            let result = job(server);
            if server.deliver() {
                // The asker waits, so nobody can be gone.
                let _ = reply.send(result);
            }
        });
        self.jobs.send(job).ok()?;
        self.waker.wake().ok()?;
        answer.recv().ok()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.ask(Server::stop);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the double's thread has panicked");
        }
    }
}
