//! The steps up to CONNACK.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use thingwire_std::thingwire_core::dial::{Attempts, Route, resolve_timeout};
use thingwire_std::thingwire_core::host::{self, Clock};
use thingwire_std::thingwire_core::transport::Supplies;
use thingwire_std::thingwire_core::{Engine, TlsInfo};
use thingwire_std::{ConnectStage, Endpoint, LinkError, Notice, Security, TlsConfig, TlsError, WebSocketError};

use super::advice::Advice;
use super::args::DoctorArguments;
use super::describe;
use super::probe::{Connected, Probe, Seen, connect};
use super::report::{Report, Status, Step};
use super::round_trip;
use super::situation::{Situation, Way};
use crate::connection;
use crate::failure::Failure;
use crate::recording::Recording;

/// Addresses that are looked at; a name with more has enough.
const ADDRESSES_MAX: usize = 8;

/// What ends the walk.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) step: Step,
    pub(super) advice: Advice,
    pub(super) failure: Failure,
}

impl Trouble {
    pub(super) fn of_link(step: Step, why: &LinkError, who: &Situation) -> Self {
        Self { step, advice: Advice::of_link(step, why, who), failure: Failure::link(&who.endpoint, why) }
    }
}

/// When nobody reads any more.
impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self { step: Step::Setup, advice: Advice::of_setup(), failure }
    }
}

/// A walk, and how far it is.
pub(super) struct Walk<'a> {
    pub(super) arguments: &'a DoctorArguments,
    pub(super) report: &'a mut Report,
    pub(super) who: Situation,
    route: Route,
    tls: Option<TlsConfig>,
    proxy: Option<Endpoint>,
    connect_timeout: Duration,
    clock: Clock,
    engine: Engine,
    recording: Recording,
}

/// With a link.
pub(super) struct Connection<'a> {
    pub(super) arguments: &'a DoctorArguments,
    pub(super) report: &'a mut Report,
    pub(super) who: Situation,
    pub(super) probe: Probe,
    tls: Option<TlsConfig>,
    /// What the link waits for.
    waiting_for: ConnectStage,
}

impl<'a> Walk<'a> {
    /// The settings, without a word to anybody.
    pub(super) fn begin(arguments: &'a DoctorArguments, report: &'a mut Report) -> Result<Self, Trouble> {
        let setup = |failure| Trouble { step: Step::Setup, advice: Advice::of_setup(), failure };
        let options = connection::options(&arguments.connection).map_err(setup)?;
        let mut who = Situation::new(&arguments.connection, &options);
        round_trip::check(arguments, &mut who).map_err(setup)?;
        let clock = Clock::start();
        let tls = match &options.security {
            Security::Tls(tls) => Some(tls.clone()),
            _ => None,
        };
        let proxy = options.proxy.as_ref().map(|proxy| proxy.endpoint().clone());
        let (route, connect_timeout) = (Route::new(&options), options.config.connect_timeout);
        let line = describe::setup(report, &who, &options, tls.as_ref());
        let seed = host::seed().map_err(|error| setup(error.into()))?;
        let mut engine = Engine::new(options, seed, clock.now()).map_err(|error| setup(error.into()))?;
        let recording = Recording::begin(engine.client(), arguments.connection.record.as_deref()).map_err(setup)?;
        report.write(line)?;
        Ok(Self { arguments, report, who, route, tls, proxy, connect_timeout, clock, engine, recording })
    }

    pub(super) fn finish(mut self) -> Result<(), Trouble> {
        let addresses = self.resolve()?;
        let supplies = self.supplies()?;
        let socket = self.connect(addresses)?;
        let Self { arguments, report, who, tls, clock, engine, recording, .. } = self;
        let probe = Probe::new(engine, clock, socket, supplies);
        let mut connection = Connection { arguments, report, who, probe, tls, waiting_for: ConnectStage::Transport };
        let result = connection.link().and_then(|()| round_trip::run(&mut connection));
        connection.probe.stop();
        if let Err(error) = recording.save(connection.probe.client().recording()) {
            crate::say(error);
        }
        result
    }

    fn resolve(&mut self) -> Result<Vec<SocketAddr>, Trouble> {
        let host = self.route.first_hop().host().to_owned();
        let route = self.route.clone();
        let limit = resolve_timeout(self.connect_timeout);
        let found = within(limit, move || route.addresses());
        let addresses = found.unwrap_or_else(|| {
            let why = format!("no answer within {} s", limit.as_secs_f32());
            Err(LinkError::Resolve { host: host.clone(), why })
        });
        let addresses = addresses.map_err(|why| Trouble::of_link(Step::Dns, &why, &self.who))?;
        let texts: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
        let whose = if self.proxy.is_some() { "the proxy " } else { "" };
        let line = self.report.line(Step::Dns, Status::Ok, format!("{whose}{host}: {}", texts.join(", ")));
        self.report.write(line.with("host", host).with("addresses", texts))?;
        Ok(addresses)
    }

    fn supplies(&mut self) -> Result<Supplies, Trouble> {
        let supplies = self.route.supplies().map_err(|why| Trouble::of_link(Step::Credentials, &why, &self.who))?;
        if let Some(credentials) = &supplies.credentials {
            let until = credentials.expires_at_secs();
            let text = until.map_or_else(
                || "there are some, without an end".to_owned(),
                |until| format!("there are some, valid until {}", host::readable_time(until)),
            );
            let line = self.report.line(Step::Credentials, Status::Ok, text);
            self.report.write(line.with("expires_at", until))?;
        }
        Ok(supplies)
    }

    /// Tries every address, also behind the first that answers: one that does not will cost time some day.
    fn connect(&mut self, mut addresses: Vec<SocketAddr>) -> Result<Connected, Trouble> {
        let more = addresses.len().saturating_sub(ADDRESSES_MAX);
        addresses.truncate(ADDRESSES_MAX);
        let mut attempts = Attempts::new(addresses, self.clock.now() + self.connect_timeout);
        let (mut connected, mut held): (Option<Connected>, Option<(SocketAddr, LinkError)>) = (None, None);
        while let Some((address, until)) = attempts.next(self.clock.now()) {
            if let Some((address, why)) = held.take() {
                self.tell_address(address, Some(&why))?;
            }
            match connect(address, until.since(self.clock.now())) {
                Ok(socket) => {
                    self.tell_address(address, None)?;
                    connected.get_or_insert(socket);
                }
                // Whether this is a warning or the end depends on the others.
                Err(why) => held = Some((address, why)),
            }
        }
        match (connected, held) {
            (Some(connected), held) => {
                if let Some((address, why)) = held {
                    self.tell_address(address, Some(&why))?;
                }
                if more > 0 {
                    let text = format!("{more} more addresses are not looked at");
                    let line = self.report.line(Step::Tcp, Status::Ok, text);
                    self.report.write(line)?;
                }
                Ok(connected)
            }
            (None, held) => {
                let why = held.map_or(LinkError::Closed, |(_, why)| why);
                Err(Trouble::of_link(Step::Tcp, &why, &self.who))
            }
        }
    }

    fn tell_address(&mut self, address: SocketAddr, why: Option<&LinkError>) -> Result<(), Failure> {
        let (status, text) = match why {
            None => (Status::Ok, address.to_string()),
            Some(why) => (Status::Warning, why.to_string()),
        };
        let line = self.report.line(Step::Tcp, status, text);
        self.report.write(line.with("address", address.to_string()))
    }
}

impl Connection<'_> {
    /// Everything between the socket and CONNACK, stage by stage as the engine passes them.
    fn link(&mut self) -> Result<(), Trouble> {
        let now = self.probe.now();
        self.probe.client().start(now);
        // The client's own connect timeout ends it.
        let until = now + Duration::from_secs(u64::from(u32::MAX));
        loop {
            match self.probe.next(until) {
                Some(Seen::Stage(stage)) => self.reached(stage)?,
                Some(Seen::Notice(Notice::Online { resumed })) => return self.online(resumed),
                Some(Seen::Notice(Notice::Failed { why: Some(why), .. })) => {
                    return Err(Trouble::of_link(step_of(self.waiting_for, &why), &why, &self.who));
                }
                Some(Seen::Notice(_)) => {}
                None => return Err(Trouble::of_link(Step::Connect, &LinkError::Closed, &self.who)),
            }
        }
    }

    fn reached(&mut self, stage: ConnectStage) -> Result<(), Failure> {
        let passed = core::mem::replace(&mut self.waiting_for, stage)..stage;
        let has_passed = |stage| passed.contains(&stage);
        if self.who.has_proxy && has_passed(ConnectStage::Proxy) {
            let text = format!("it has made the connection to {}", self.who.endpoint);
            self.tell(Step::Proxy, text)?;
        }
        let tls = self.probe.engine.tls().filter(|_| has_passed(ConnectStage::Tls));
        if let Some(tls) = &tls {
            self.tell_tls(tls)?;
        }
        if self.is_websocket() && has_passed(ConnectStage::WebSocket) {
            let server = self.probe.engine.server_time_secs();
            self.tell(Step::WebSocket, "the server agrees to the upgrade")?;
            if server.is_some() || self.who.is_tls {
                let line = describe::clock(self.report, server);
                self.report.write(line)?;
            }
        } else if tls.is_some() && !self.is_websocket() {
            let line = describe::clock(self.report, None);
            self.report.write(line)?;
        }
        Ok(())
    }

    fn is_websocket(&self) -> bool {
        self.arguments.connection.ways.websocket
    }

    pub(super) fn tell(&mut self, step: Step, text: impl Into<String>) -> Result<(), Failure> {
        let line = self.report.line(step, Status::Ok, text);
        self.report.write(line)
    }

    fn tell_tls(&mut self, tls: &TlsInfo) -> Result<(), Failure> {
        let line = self.report.line(Step::Tls, Status::Ok, format!("TLS {}, {}", tls.version, tls.cipher_suite));
        let line = line.with("version", tls.version.as_str()).with("cipher_suite", tls.cipher_suite.as_str());
        self.report.write(line)?;
        let line = describe::chain(self.report, &tls.chain);
        self.report.write(line)?;
        let offered = self.tls.as_ref().map(|config| config.alpn(self.who.port)).unwrap_or_default();
        // The engine names this one for a WebSocket, unless it was told another.
        let offered = match &self.arguments.connection.ways.alpn {
            None if self.is_websocket() => vec!["http/1.1".to_owned()],
            _ => offered,
        };
        let text = match (&tls.alpn, offered.is_empty()) {
            (Some(agreed), _) => format!("agreed on {agreed}"),
            (None, true) => "none named, none needed".to_owned(),
            (None, false) => format!("named {}, and the server chose none", offered.join(", ")),
        };
        let line = self.report.line(Step::Alpn, Status::Ok, text);
        self.report.write(line.with("offered", offered).with("agreed", tls.alpn.clone()))
    }

    fn online(&mut self, resumed: bool) -> Result<(), Trouble> {
        if self.who.way == Way::Certificate {
            let id = self.who.certificate_id.clone();
            let text = format!("the server takes the certificate with the id {}", id.as_deref().unwrap_or_default());
            let line = self.report.line(Step::Device, Status::Ok, text);
            self.report.write(line.with("certificate_id", id))?;
        }
        let session = if resumed { "its stored session" } else { "a new session" };
        let text = format!("accepted as {:?}, with {session}", self.who.client_id);
        let line = self.report.line(Step::Connect, Status::Ok, text);
        let line = line.with("client_id", self.who.client_id.as_str()).with("session_present", resumed);
        Ok(self.report.write(line)?)
    }
}

/// What `ask` returns, if that is in time. It may go on behind our back: a resolver cannot be interrupted.
fn within<T: Send + 'static>(limit: Duration, ask: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, answer) = mpsc::sync_channel(1);
    thread::Builder::new().name("dns".to_owned()).spawn(move || drop(sender.send(ask()))).ok()?;
    answer.recv_timeout(limit).ok()
}

/// The step that a failure belongs to. In TLS 1.3 the server looks at the device's certificate only after we are done.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library may add errors")]
fn step_of(waiting_for: ConnectStage, why: &LinkError) -> Step {
    match why {
        LinkError::Credentials { .. } | LinkError::CredentialsService { .. } => Step::Credentials,
        LinkError::Proxy(_) => Step::Proxy,
        LinkError::Tls(TlsError::DeviceRefused { .. }) => Step::Device,
        LinkError::Tls(TlsError::Alert { name }) if name == "NoApplicationProtocol" => Step::Alpn,
        LinkError::Tls(
            TlsError::UnknownIssuer { .. }
            | TlsError::WrongName { .. }
            | TlsError::Expired { .. }
            | TlsError::NotYetValid { .. }
            | TlsError::OtherPin { .. }
            | TlsError::BadCertificate { .. },
        ) => Step::Chain,
        LinkError::Tls(_) => Step::Tls,
        LinkError::WebSocket(WebSocketError::ClockSkew { .. }) => Step::Clock,
        LinkError::WebSocket(error) if !matches!(error, WebSocketError::Closed { .. }) => Step::WebSocket,
        _ => match waiting_for {
            ConnectStage::Transport => Step::Tcp,
            ConnectStage::Proxy => Step::Proxy,
            ConnectStage::Tls => Step::Tls,
            ConnectStage::WebSocket => Step::WebSocket,
            _ => Step::Connect,
        },
    }
}
