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
use crate::transport::tls::{Flow, server_name};
use crate::transport::{Endpoint, EndpointError, NoCredentials, ProxyConfig, TlsConfig};
use crate::{Instant, Layer, LinkError};

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

    /// The service at `host[:port]`, which must have a name that a certificate can have.
    pub(super) fn server(endpoint: &str) -> Result<Endpoint, EndpointError> {
        let server = Endpoint::parse(endpoint, Endpoint::HTTPS_PORT)?;
        server_name(&server)?;
        Ok(server)
    }

    /// Sends a request, whose head ends with `Connection: close`, and waits for the whole answer. Redirects are
    /// answers like others.
    pub(super) fn ask(&self, request: &str) -> Result<Response, NoCredentials> {
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
    fn connect(&self) -> Result<TcpStream, NoCredentials> {
        let hop = self.https.proxy.as_ref().map_or(&self.https.server, |proxy| proxy.endpoint());
        let addresses = dial::addresses(hop).map_err(|error| NoCredentials::unavailable(error.to_string()))?;
        let mut attempts = Attempts::new(addresses, self.deadline);
        let mut last = self.late();
        while let Some((address, until)) = attempts.next(self.clock.now()) {
            let share = until.since(self.clock.now());
            match TcpStream::connect_timeout(&address, share) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = NoCredentials::unavailable(dial::tcp_error(address, &error).to_string()),
            }
        }
        Err(last)
    }

    fn exchange(&self, mut socket: TcpStream, request: &str, plain: &mut BytesMut) -> Result<Response, NoCredentials> {
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
        let mut stack = layers.open(None, &mut wire).map_err(of_link)?;
        stack.receive(&[], plain, &mut wire).map_err(of_link)?;
        let mut chunk = vec![0; CHUNK];
        loop {
            if stack.is_ready() && !unsent.is_empty() {
                stack.transmit(&mut unsent, &mut wire).map_err(of_link)?;
            }
            // What the peer has said before it closed explains more than that it closed.
            let sent = self.send(&mut socket, &mut wire);
            let len = match self.receive(&mut socket, &mut chunk) {
                Ok(0) => return Err(sent.err().unwrap_or_else(|| closed(&stack))),
                Ok(len) => len,
                Err(error) => return Err(sent.err().unwrap_or(error)),
            };
            let flow = stack.receive(&chunk[..len], plain, &mut wire).map_err(of_link)?;
            let complete = exchange.receive(plain).map_err(of_response)?;
            plain.as_mut().zeroize();
            plain.clear();
            if complete || flow == Flow::Finished {
                if !complete {
                    exchange.finish().map_err(of_response)?;
                }
                stack.close(&mut wire);
                // The answer is there; whether the goodbye arrives changes nothing.
                let _ = self.send(&mut socket, &mut wire);
                return exchange.into_response().map_err(of_response);
            }
        }
    }

    fn send(&self, socket: &mut TcpStream, wire: &mut BytesMut) -> Result<(), NoCredentials> {
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

    fn receive(&self, socket: &mut TcpStream, chunk: &mut [u8]) -> Result<usize, NoCredentials> {
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
    fn left(&self) -> Result<Duration, NoCredentials> {
        let left = self.deadline.since(self.clock.now());
        if left.is_zero() { Err(self.late()) } else { Ok(left.max(Duration::from_millis(1))) }
    }

    fn failed(&self, error: &io::Error) -> NoCredentials {
        let kind = error.kind();
        if matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut) {
            self.late()
        } else if matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) {
            NoCredentials::unavailable("the server broke the connection off; check the endpoint and the port")
        } else {
            NoCredentials::unavailable(format!("network failure: {error}"))
        }
    }

    fn late(&self) -> NoCredentials {
        let limit = self.https.timeout.as_secs_f32();
        NoCredentials::unavailable(format!("no answer within {limit} s; check the endpoint and the network"))
    }
}

fn closed(stack: &Stack) -> NoCredentials {
    if stack.is_ready() { of_response(ResponseFault::Truncated) } else { of_link(stack.closed_early()) }
}

/// Who proves to be somebody else, or does not take our proof, will do so again.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn of_link(error: LinkError) -> NoCredentials {
    let why = error.to_string();
    if error.layer() == Layer::Tls { NoCredentials::broken(why) } else { NoCredentials::unavailable(why) }
}

fn of_response(fault: ResponseFault) -> NoCredentials {
    let why = fault.to_string();
    if fault == ResponseFault::Truncated { NoCredentials::unavailable(why) } else { NoCredentials::broken(why) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Roots;

    #[test]
    fn the_usual_port_is_not_named() {
        let host = |endpoint: &str| {
            Https::new(Https::server(endpoint).unwrap(), TlsConfig::server_only(Roots::amazon())).host()
        };
        let cases = ["a.example", "a.example:443", "a.example:8443", "[::1]:443", "[::1]:4443"];
        let hosts = cases.map(host);
        assert_eq!(hosts, ["a.example", "a.example", "a.example:8443", "[::1]", "[::1]:4443"]);
    }
}
