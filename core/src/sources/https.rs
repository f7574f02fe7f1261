//! One question to a service, over HTTPS.

use core::time::Duration;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use bytes::BytesMut;
use zeroize::Zeroize as _;

use crate::dial::{self, Attempts};
use crate::host::Clock;
use crate::transport::http::response::{Exchange, Response, ResponseFault};
use crate::transport::stack::{Layers, Security, Stack};
use crate::transport::tls::Flow;
use crate::transport::{Endpoint, ProxyConfig, TlsConfig};
use crate::{Instant, LinkError};

/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;
/// Enough for every answer that is taken, so that no copies of a secret stay behind.
const PLAIN: usize = 4 * CHUNK;

/// A service, and the way there.
#[derive(Debug, Clone)]
pub(super) struct Https {
    pub(super) server: Endpoint,
    pub(super) tls: TlsConfig,
    pub(super) proxy: Option<ProxyConfig>,
    pub(super) timeout: Duration,
}

impl Https {
    /// The service at `server` with what `tls` says, but no protocol of MQTT's named.
    pub(super) fn new(server: Endpoint, tls: TlsConfig) -> Self {
        Self { server, tls: tls.with_alpn(["http/1.1"]), proxy: None, timeout: super::SERVICE_TIMEOUT }
    }

    /// Sends a request, whose head ends with `Connection: close`, and waits for the whole answer. Redirects are
    /// answers like others.
    pub(super) fn ask(&self, request: &str) -> Result<Response, String> {
        let clock = Clock::start();
        let deadline = Instant::EPOCH + self.timeout;
        let attempt = Attempt { https: self, clock, deadline };
        let mut plain = BytesMut::with_capacity(PLAIN);
        let answered = attempt.connect().and_then(|socket| attempt.exchange(socket, request, &mut plain));
        plain.as_mut().zeroize();
        answered
    }

    /// What `Host` says.
    pub(super) fn host(&self) -> String {
        let server = self.tls.server(&self.server);
        let text = server.to_string();
        let default = text.strip_suffix(":443").filter(|_| server.port() == Endpoint::HTTPS_PORT);
        default.map_or(text.clone(), str::to_owned)
    }
}

struct Attempt<'a> {
    https: &'a Https,
    clock: Clock,
    deadline: Instant,
}

impl Attempt<'_> {
    fn connect(&self) -> Result<TcpStream, String> {
        let hop = self.https.proxy.as_ref().map_or(&self.https.server, |proxy| proxy.endpoint());
        let addresses = match dial::literal(hop) {
            Some(address) => vec![address],
            None => dial::look_up(hop).map_err(|error| error.to_string())?,
        };
        let mut attempts = Attempts::new(addresses, self.deadline);
        let mut last = self.late();
        while let Some((address, until)) = attempts.next(self.clock.now()) {
            let share = until.since(self.clock.now());
            match TcpStream::connect_timeout(&address, share) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = dial::tcp_error(address, &error).to_string(),
            }
        }
        Err(last)
    }

    fn exchange(&self, mut socket: TcpStream, request: &str, plain: &mut BytesMut) -> Result<Response, String> {
        let say = |error: LinkError| error.to_string();
        let layers = Layers {
            endpoint: self.https.server.clone(),
            security: Security::Tls(self.https.tls.clone()),
            authorizer: None,
            proxy: self.https.proxy.clone(),
            websocket: None,
        };
        let mut wire = BytesMut::new();
        let mut unsent = BytesMut::from(request);
        let mut exchange = Exchange::new();
        let mut stack = layers.open(None, &mut wire).map_err(say)?;
        stack.receive(&[], plain, &mut wire).map_err(say)?;
        let mut chunk = vec![0; CHUNK];
        loop {
            if stack.is_ready() && !unsent.is_empty() {
                stack.transmit(&mut unsent, &mut wire).map_err(say)?;
            }
            // What the peer has said before it closed explains more than that it closed.
            let sent = self.send(&mut socket, &mut wire);
            let len = match self.receive(&mut socket, &mut chunk) {
                Ok(0) => return Err(sent.err().unwrap_or_else(|| closed(&stack))),
                Ok(len) => len,
                Err(error) => return Err(sent.err().unwrap_or(error)),
            };
            let flow = stack.receive(&chunk[..len], plain, &mut wire).map_err(say)?;
            let complete = exchange.receive(plain).map_err(|fault| fault.to_string())?;
            plain.as_mut().zeroize();
            plain.clear();
            if complete || flow == Flow::Finished {
                if !complete {
                    exchange.finish().map_err(|fault| fault.to_string())?;
                }
                stack.close(&mut wire);
                // The answer is there; whether the goodbye arrives changes nothing.
                let _ = self.send(&mut socket, &mut wire);
                return exchange.into_response().map_err(|fault| fault.to_string());
            }
        }
    }

    fn send(&self, socket: &mut TcpStream, wire: &mut BytesMut) -> Result<(), String> {
        let bytes = wire.split();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let limit = self.left()?;
            let written = socket.set_write_timeout(Some(limit)).and_then(|()| socket.write(rest));
            match written {
                Ok(len) => rest = &rest[len..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
        Ok(())
    }

    fn receive(&self, socket: &mut TcpStream, chunk: &mut [u8]) -> Result<usize, String> {
        loop {
            let limit = self.left()?;
            match socket.set_read_timeout(Some(limit)).and_then(|()| socket.read(chunk)) {
                // With a timeout, a signal ends the call even where signals otherwise do not.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(|error| self.failed(&error)),
            }
        }
    }

    /// What is left of the time; a socket knows no limit of 0.
    fn left(&self) -> Result<Duration, String> {
        let left = self.deadline.since(self.clock.now());
        if left.is_zero() { Err(self.late()) } else { Ok(left.max(Duration::from_millis(1))) }
    }

    fn failed(&self, error: &io::Error) -> String {
        let kind = error.kind();
        if matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut) {
            self.late()
        } else if matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) {
            "the server broke the connection off; check the endpoint and the port".to_owned()
        } else {
            format!("network failure: {error}")
        }
    }

    fn late(&self) -> String {
        format!("no answer within {} s; check the endpoint and the network", self.https.timeout.as_secs_f32())
    }
}

fn closed(stack: &Stack) -> String {
    if stack.is_ready() { ResponseFault::Truncated.to_string() } else { stack.closed_early().to_string() }
}
