//! The double's loop: sockets in, broker, sockets out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{self, Duration, SystemTime};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustls::ServerConfig;
use thingwire_core::Instant;

use super::door::Door;
use super::state::Store;
use super::transport::{ReadEnd, Transport};
use super::visitors::Visitors;
use super::{REMEMBERED, Shared};
use crate::broker::{Broker, ConnectionId, Message, Output, Rules, Violation};
use crate::plan::How;
use crate::shadow::{Rejection, Service, ShadowName, ShadowRules};
use crate::world::{Act, Live};

const TLS_LISTENER: Token = Token(0);
const PLAIN_LISTENER: Token = Token(1);
pub(super) const WAKER: Token = Token(2);
/// Connections have the tokens from here on.
const FIRST_PEER: usize = 3;

/// How long a peer may take to read the end of what it was sent, after the broker has closed its connection.
const LINGER: Duration = Duration::from_secs(2);

/// Something to do on the server's thread.
pub(super) type Job = Box<dyn FnOnce(&mut Server) + Send>;

/// What a server is made of.
pub(super) struct Setup {
    pub(super) poll: Poll,
    pub(super) inbox: Receiver<Job>,
    pub(super) tls_listener: TcpListener,
    pub(super) plain_listener: Option<TcpListener>,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) require_sni: bool,
    pub(super) visitors: Option<Arc<Visitors>>,
    pub(super) rules: Rules,
    pub(super) shadow_rules: ShadowRules,
    pub(super) state: Option<PathBuf>,
    pub(super) shared: Arc<Shared>,
    pub(super) violations_to: Option<Sender<Violation>>,
    pub(super) faults: Option<Live>,
}

struct Peer {
    transport: Transport,
    connection: ConnectionId,
    /// When it is dropped for good, once the broker has closed it.
    gone_at: Option<time::Instant>,
}

pub(super) struct Server {
    setup: Setup,
    broker: Broker,
    store: Option<Store>,
    /// The broker's revision that was written last.
    written: u64,
    started: time::Instant,
    peers: BTreeMap<Token, Peer>,
    tokens: BTreeMap<ConnectionId, Token>,
    /// Peers that may have more to read.
    readable: BTreeSet<Token>,
    next_token: usize,
    frozen: bool,
    stopping: bool,
}

impl Server {
    pub(super) fn new(mut setup: Setup) -> io::Result<Self> {
        let registry = setup.poll.registry();
        registry.register(&mut setup.tls_listener, TLS_LISTENER, Interest::READABLE)?;
        if let Some(listener) = &mut setup.plain_listener {
            registry.register(listener, PLAIN_LISTENER, Interest::READABLE)?;
        }
        let mut broker = Broker::new(setup.rules.clone());
        *broker.shadows_mut().rules_mut() = setup.shadow_rules.clone();
        // A clock on the wall before 1970 is wrong, and as good as one of 1970.
        broker.set_unix_epoch(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        let store = setup.state.as_deref().map(|dir| open(dir, &mut broker)).transpose()?;
        Ok(Self {
            setup,
            written: broker.revision(),
            broker,
            store,
            started: time::Instant::now(),
            peers: BTreeMap::new(),
            tokens: BTreeMap::new(),
            readable: BTreeSet::new(),
            next_token: FIRST_PEER,
            frozen: false,
            stopping: false,
        })
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        while !self.stopping {
            let timeout = self.timeout();
            match self.setup.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    log::error!("the double stops: {error}");
                    return;
                }
                _ => {}
            }
            for event in &events {
                match event.token() {
                    WAKER => {}
                    listener @ (TLS_LISTENER | PLAIN_LISTENER) => self.accept(listener),
                    peer => {
                        self.readable.insert(peer);
                        self.flush(peer);
                    }
                }
            }
            self.run_jobs();
            self.read_peers();
            self.pass_time();
            self.deliver();
        }
    }

    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    pub(super) fn rules(&mut self) -> &mut Rules {
        self.broker.rules_mut()
    }

    pub(super) fn set_visitors(&mut self, visitors: Visitors) {
        let free_mqtt = self.setup.visitors.as_ref().is_some_and(|earlier| earlier.free_mqtt);
        self.setup.visitors = Some(Arc::new(visitors.with_free_mqtt(free_mqtt)));
    }

    pub(super) fn publish(&mut self, message: Message) -> bool {
        self.broker.publish(message)
    }

    pub(super) fn shadows(&mut self) -> &mut Service {
        self.broker.shadows_mut()
    }

    pub(super) fn update_shadow(&mut self, name: &ShadowName, payload: &[u8]) -> Result<u64, Rejection> {
        let now = self.now();
        self.broker.update_shadow(now, name, payload)
    }

    pub(super) fn kick(&mut self, client_id: &str) -> bool {
        let now = self.now();
        self.broker.kick(now, client_id)
    }

    pub(super) fn drop_connections(&mut self) -> usize {
        let tokens: Vec<Token> = self.peers.keys().copied().collect();
        for token in &tokens {
            if let Some(peer) = self.peers.get(token) {
                peer.transport.reset_on_drop();
            }
            self.forget(*token);
        }
        tokens.len()
    }

    pub(super) fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
        if !frozen {
            // Readiness that came meanwhile was noted, but not acted upon.
            let tokens: Vec<Token> = self.peers.keys().copied().collect();
            self.readable.extend(&tokens);
            for token in tokens {
                self.flush(token);
            }
        }
    }

    fn now(&self) -> Instant {
        Instant::EPOCH + self.started.elapsed()
    }

    /// Until when there is nothing to do unless something comes.
    fn timeout(&self) -> Option<Duration> {
        if self.frozen {
            return None;
        }
        if !self.readable.is_empty() {
            return Some(Duration::ZERO);
        }
        let deadline = self.broker.next_deadline().map(|deadline| deadline.since(self.now()));
        let linger = self.peers.values().filter_map(|peer| peer.gone_at).min();
        let linger = linger.map(|gone_at| gone_at.saturating_duration_since(time::Instant::now()));
        let fault = self.setup.faults.as_ref().and_then(Live::next_deadline).map(|deadline| deadline.since(self.now()));
        deadline.into_iter().chain(linger).chain(fault).min()
    }

    fn run_jobs(&mut self) {
        loop {
            match self.setup.inbox.try_recv() {
                Ok(job) => job(self),
                Err(TryRecvError::Empty) => return,
                // The handle is gone without having asked for the stop.
                Err(TryRecvError::Disconnected) => return self.stop(),
            }
        }
    }

    fn accept(&mut self, listener: Token) {
        loop {
            let accepted = match (&self.setup.plain_listener, listener) {
                (Some(plain), PLAIN_LISTENER) => plain.accept(),
                _ => self.setup.tls_listener.accept(),
            };
            match accepted.and_then(|(stream, _)| self.admit(stream, listener)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return log::warn!("cannot accept a connection: {error}"),
            }
        }
    }

    fn admit(&mut self, mut stream: TcpStream, listener: Token) -> io::Result<()> {
        let token = Token(self.next_token);
        self.next_token += 1;
        stream.set_nodelay(true)?;
        self.setup.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let door = Door::new(self.setup.visitors.clone());
        let transport = if listener == PLAIN_LISTENER {
            Transport::plain(stream, door)
        } else {
            Transport::tls(stream, Arc::clone(&self.setup.tls), door)?
        };
        let now = self.now();
        let connection = self.broker.open(now);
        if let Some(faults) = &mut self.setup.faults {
            faults.opened(now, connection);
        }
        self.peers.insert(token, Peer { transport, connection, gone_at: None });
        self.tokens.insert(connection, token);
        Ok(())
    }

    fn read_peers(&mut self) {
        if self.frozen {
            return;
        }
        for token in core::mem::take(&mut self.readable) {
            self.read(token);
            self.deliver();
        }
    }

    fn read(&mut self, token: Token) {
        let now = self.now();
        let Some(peer) = self.peers.get_mut(&token) else {
            return;
        };
        let mut plain = Vec::new();
        let end = peer.transport.read(&mut plain);
        if self.setup.require_sni && peer.transport.lacks_sni() {
            log::info!("connection {}: no server name in the TLS handshake", peer.connection);
            return self.forget(token);
        }
        let connection = peer.connection;
        match &mut self.setup.faults {
            _ if plain.is_empty() => {}
            None => self.broker.receive(now, connection, &plain),
            Some(faults) => faults.received(now, connection, &plain),
        }
        // What the broker answers belongs before the end of the stream.
        self.deliver();
        self.flush(token);
        match end {
            Ok(ReadEnd::Drained) => {}
            Ok(ReadEnd::More) => drop(self.readable.insert(token)),
            Ok(ReadEnd::Eof) => self.forget(token),
            Ok(ReadEnd::Out) => {
                self.broker.lost(now, connection);
                self.finish(connection);
                self.flush(token);
            }
            Err(error) => {
                log::info!("connection {connection}: {error}");
                self.forget(token);
            }
        }
    }

    /// Drops a peer, and tells the broker that its connection is lost.
    fn forget(&mut self, token: Token) {
        let now = self.now();
        self.readable.remove(&token);
        let Some(mut peer) = self.peers.remove(&token) else {
            return;
        };
        if let Err(error) = self.setup.poll.registry().deregister(peer.transport.stream()) {
            log::debug!("connection {}: {error}", peer.connection);
        }
        self.tokens.remove(&peer.connection);
        if let Some(faults) = &mut self.setup.faults {
            faults.lost(now, peer.connection, &mut self.broker);
        }
        self.broker.lost(now, peer.connection);
    }

    fn pass_time(&mut self) {
        if self.frozen {
            return;
        }
        let now = self.now();
        self.broker.wake(now);
        let instant = time::Instant::now();
        let is_gone = |peer: &Peer| peer.gone_at.is_some_and(|gone_at| gone_at <= instant);
        let gone: Vec<Token> = self.peers.iter().filter(|(_, peer)| is_gone(peer)).map(|(token, _)| *token).collect();
        for token in gone {
            self.forget(token);
        }
    }

    /// Does what the broker wants, and the faults, until they want nothing more; false when nothing more can be done.
    pub(super) fn deliver(&mut self) -> bool {
        loop {
            // The faults first: what they let through is what the broker answers.
            let acts = self.acts();
            let outputs: Vec<Output> = core::iter::from_fn(|| self.broker.poll()).collect();
            // Nobody hears of what a restart would not remember.
            if !self.save() {
                return false;
            }
            if outputs.is_empty() && acts.is_empty() {
                break;
            }
            let mut touched = BTreeSet::new();
            for output in outputs {
                touched.extend(self.output(output));
            }
            for token in touched {
                self.flush(token);
            }
            for act in acts {
                self.act(act);
            }
        }
        self.tell_clients();
        true
    }

    /// Writes down what has changed, if there is where. When that fails, the double ends, now and for ever.
    fn save(&mut self) -> bool {
        let Some(store) = self.store.as_ref().filter(|_| self.written != self.broker.revision()) else {
            return true;
        };
        if let Err(error) = store.write(&self.broker.saved()) {
            log::error!("the double stops: {error}");
            self.setup.shared.lock().failure = Some((error.kind(), error.to_string()));
            self.stop();
            return false;
        }
        self.written = self.broker.revision();
        true
    }

    /// Does one thing that the broker wants; the peer that is to be sent something.
    fn output(&mut self, output: Output) -> Option<Token> {
        let now = self.now();
        match (output, &mut self.setup.faults) {
            (Output::Send(connection, bytes), None) => return self.queue(connection, &bytes),
            (Output::Send(connection, bytes), Some(faults)) => faults.answered(now, connection, bytes),
            (Output::Close(connection, reason), None) => {
                log::info!("connection {connection}: closed: {reason:?}");
                return self.finish(connection);
            }
            (Output::Close(connection, reason), Some(faults)) => {
                log::info!("connection {connection}: closed: {reason:?}");
                faults.end_behind(now, connection);
            }
            (Output::Violation(violation), _) => self.tell_violation(violation),
            (Output::Published { message, .. }, _) => self.tell_message(message),
        }
        None
    }

    /// What the faults want by now.
    fn acts(&mut self) -> Vec<Act> {
        let now = self.now();
        match &mut self.setup.faults {
            Some(faults) if !self.frozen => faults.pass(now, &mut self.broker),
            _ => Vec::new(),
        }
    }

    fn act(&mut self, act: Act) {
        let token = match act {
            Act::Send(connection, bytes) => self.queue(connection, &bytes),
            Act::End(connection, How::Fin) => {
                let now = self.now();
                self.broker.lost(now, connection);
                self.finish(connection)
            }
            Act::End(connection, How::Reset) => {
                if let Some((token, peer)) = peer_of(&self.tokens, &mut self.peers, connection) {
                    peer.transport.reset_on_drop();
                    self.forget(token);
                }
                None
            }
        };
        // Each segment by itself, as it would arrive.
        if let Some(token) = token {
            self.flush(token);
        }
    }

    /// Queues bytes for a peer; one that does not read what it is sent is forgotten.
    fn queue(&mut self, connection: ConnectionId, bytes: &[u8]) -> Option<Token> {
        let (token, peer) = peer_of(&self.tokens, &mut self.peers, connection)?;
        if let Err(error) = peer.transport.queue(bytes) {
            log::warn!("connection {connection}: {error}");
            self.forget(token);
            return None;
        }
        Some(token)
    }

    /// Ends our side of a connection behind everything that is queued.
    fn finish(&mut self, connection: ConnectionId) -> Option<Token> {
        let (token, peer) = peer_of(&self.tokens, &mut self.peers, connection)?;
        peer.transport.finish();
        peer.gone_at = Some(time::Instant::now() + LINGER);
        Some(token)
    }

    fn flush(&mut self, token: Token) {
        if self.frozen {
            return;
        }
        let Some(peer) = self.peers.get_mut(&token) else {
            return;
        };
        if let Err(error) = peer.transport.flush() {
            log::info!("connection {}: {error}", peer.connection);
            self.forget(token);
        }
    }

    fn tell_violation(&self, violation: Violation) {
        log::warn!("{violation}");
        let told = self.setup.violations_to.as_ref().map(|sender| sender.send(violation.clone()));
        if told.is_some_and(|told| told.is_err()) {
            log::debug!("nobody listens for violations any more");
        }
        let mut journal = self.setup.shared.lock();
        if journal.violations.len() < REMEMBERED {
            journal.violations.push(violation);
        }
        self.setup.shared.changed.notify_all();
    }

    fn tell_message(&self, message: Message) {
        let mut journal = self.setup.shared.lock();
        if journal.messages.len() == REMEMBERED {
            journal.messages.pop_front();
        }
        journal.messages.push_back(message);
        self.setup.shared.changed.notify_all();
    }

    fn tell_clients(&self) {
        let mut journal = self.setup.shared.lock();
        if !self.broker.clients().eq(journal.clients.iter()) {
            journal.clients = self.broker.clients().map(str::to_owned).collect();
            self.setup.shared.changed.notify_all();
        }
    }
}

/// Opens the directory of a state, and puts what is in it into the broker. It is written once at the beginning, so that a disk that
/// is full already is found out about, and sessions that nobody comes back to do not begin their time anew at each start.
fn open(dir: &Path, broker: &mut Broker) -> io::Result<Store> {
    let (store, saved) = Store::open(dir)?;
    if let Some(saved) = saved {
        broker.restore(Instant::EPOCH, saved).map_err(|why| store.corrupt(&why))?;
    }
    store.write(&broker.saved())?;
    Ok(store)
}

fn peer_of<'a>(
    tokens: &BTreeMap<ConnectionId, Token>,
    peers: &'a mut BTreeMap<Token, Peer>,
    connection: ConnectionId,
) -> Option<(Token, &'a mut Peer)> {
    let token = tokens.get(&connection)?;
    peers.get_mut(token).map(|peer| (*token, peer))
}
