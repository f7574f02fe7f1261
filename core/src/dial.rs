//! What every runtime has to know to make a TCP connection: which addresses, in which order, for how long, and what
//! a failure means.
#![allow(clippy::disallowed_methods, reason = "name resolution is the operating system's")]
#![allow(clippy::wildcard_enum_match_arm, reason = "the operating system has more kinds of error than matter here")]

mod race;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::ToSocketAddrs;

#[cfg(feature = "websocket")]
use crate::transport::CredentialsSource;
use crate::transport::{Endpoint, Supplies};
use crate::{Instant, LinkError, Options, TcpError, host};

pub use race::Race;

/// The least time that one address gets, however many there are.
const SHARE_MIN: Duration = Duration::from_secs(1);

/// How long the peer may take to close a connection after us.
///
/// A connection that is dropped while the peer still sends is reset, and with it goes what the peer had not read of
/// ours: acknowledgements, and the DISCONNECT without which it publishes the will.
pub const LINGER: Duration = Duration::from_secs(1);

/// How long a name may take to have its addresses: three quarters of the connect timeout. A resolver that hangs is then
/// told by its name; one whose first server is dead, and that asks the second after the usual 5 s, is in time.
pub fn resolve_timeout(connect_timeout: Duration) -> Duration {
    connect_timeout / 4 * 3
}

/// The address of an endpoint whose host is one: nothing has to be looked up.
fn literal(endpoint: &Endpoint) -> Option<SocketAddr> {
    let address: IpAddr = endpoint.host().parse().ok()?;
    Some((address, endpoint.port()).into())
}

/// The addresses of an endpoint, each once and at least one, from the operating system where it has to be asked. It blocks
/// for as long as the resolver likes.
pub(crate) fn addresses(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, LinkError> {
    if let Some(address) = literal(endpoint) {
        return Ok(vec![address]);
    }
    let failed = |why| LinkError::Resolve { host: endpoint.host().to_owned(), why };
    let found = (endpoint.host(), endpoint.port()).to_socket_addrs();
    let addresses = distinct(found.map_err(|error| failed(error.to_string()))?);
    if addresses.is_empty() { Err(failed("no address".to_owned())) } else { Ok(addresses) }
}

/// Each address once: resolvers give one for each kind of socket.
fn distinct(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = Vec::new();
    for address in addresses {
        if !seen.contains(&address) {
            seen.push(address);
        }
    }
    seen
}

/// What has to be found out before a link can be made. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Route {
    first_hop: Endpoint,
    #[cfg(feature = "websocket")]
    credentials: Option<CredentialsSource>,
}

/// What a link is made with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Prepared {
    /// Where to connect, in the resolver's order; at least one.
    pub addresses: Vec<SocketAddr>,
    /// For [`Engine::supply`](crate::Engine::supply).
    pub supplies: Supplies,
}

impl Route {
    /// The way that the options describe.
    pub fn new(options: &Options) -> Self {
        Self {
            first_hop: options.first_hop().clone(),
            #[cfg(feature = "websocket")]
            credentials: options.websocket.as_ref().and_then(|websocket| websocket.credentials().cloned()),
        }
    }

    /// Where to connect.
    pub fn first_hop(&self) -> &Endpoint {
        &self.first_hop
    }

    /// Everything, where nobody has to be asked for an address or for credentials.
    pub fn at_once(&self) -> Option<Result<Prepared, LinkError>> {
        let address = literal(&self.first_hop)?;
        #[cfg(feature = "websocket")]
        if self.credentials.as_ref().is_some_and(|source| source.at_once().is_none()) {
            return None;
        }
        Some(self.supplies().map(|supplies| Prepared { addresses: vec![address], supplies }))
    }

    /// Asks the operating system for addresses, where the host is none itself: each once, at least one.
    ///
    /// It blocks for as long as the resolver likes, and cannot be interrupted: call it on a thread that may wait.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, LinkError> {
        addresses(&self.first_hop)
    }

    /// What else a link takes: entropy, the time, and for a signed WebSocket credentials. Ask for it after the addresses,
    /// which may have taken long; it may block as well.
    #[cfg(feature = "websocket")]
    pub fn supplies(&self) -> Result<Supplies, LinkError> {
        let now = host::unix_seconds();
        let credentials = self.credentials.as_ref().map(|source| source.get(now)).transpose()?;
        fresh().map(|supplies| supplies.with_credentials(credentials))
    }

    /// What else a link takes: entropy and the time.
    #[cfg(not(feature = "websocket"))]
    pub fn supplies(&self) -> Result<Supplies, LinkError> {
        fresh()
    }
}

fn fresh() -> Result<Supplies, LinkError> {
    host::supplies().map_err(|error| LinkError::Credentials { why: error.to_string() })
}

/// What a failed call on a socket means.
pub fn tcp_error(address: SocketAddr, error: &io::Error) -> LinkError {
    let why = match error.kind() {
        ErrorKind::ConnectionRefused => TcpError::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => TcpError::Reset,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => TcpError::Unreachable,
        ErrorKind::TimedOut => TcpError::TimedOut,
        _ => TcpError::Os { code: error.raw_os_error() },
    };
    LinkError::Tcp { address: Some(address), why }
}

/// The addresses of a host, one at a time, for whoever can only wait for one; [`Race`] is for whoever waits for several.
#[derive(Debug)]
pub struct Attempts {
    addresses: VecDeque<SocketAddr>,
    /// When the whole attempt ends.
    deadline: Instant,
}

impl Attempts {
    /// Addresses in the resolver's order, but taking turns between the two families: one family that leads nowhere
    /// costs a share each time, and the other comes up before `deadline`.
    pub fn new(addresses: Vec<SocketAddr>, deadline: Instant) -> Self {
        Self { addresses: in_turn(addresses), deadline }
    }

    /// The next address, and until when to wait for it: an equal share of what is left.
    pub fn next(&mut self, now: Instant) -> Option<(SocketAddr, Instant)> {
        let share = share(now, self.deadline, self.addresses.len());
        Some((self.addresses.pop_front()?, now + share))
    }
}

/// The same addresses, each once, the two families taking turns.
fn in_turn(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let addresses = distinct(addresses.into_iter());
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv4() == first_is_v4);
    let mut second = second.into_iter();
    let mut in_turn = VecDeque::new();
    for address in first {
        in_turn.push_back(address);
        in_turn.extend(second.next());
    }
    in_turn.extend(second);
    in_turn
}

/// What one of so many addresses gets of the time that is left.
fn share(now: Instant, deadline: Instant, addresses: usize) -> Duration {
    let addresses = u32::try_from(addresses.max(1)).unwrap_or(u32::MAX);
    (deadline.since(now) / addresses).max(SHARE_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_a_socket_says_is_told_in_few_words() {
        let address = "127.0.0.1:1".parse().unwrap();
        let cases = [
            (ErrorKind::ConnectionRefused, TcpError::Refused),
            (ErrorKind::ConnectionReset, TcpError::Reset),
            (ErrorKind::ConnectionAborted, TcpError::Reset),
            (ErrorKind::BrokenPipe, TcpError::Reset),
            (ErrorKind::HostUnreachable, TcpError::Unreachable),
            (ErrorKind::NetworkUnreachable, TcpError::Unreachable),
            (ErrorKind::NetworkDown, TcpError::Unreachable),
            (ErrorKind::AddrNotAvailable, TcpError::Unreachable),
            (ErrorKind::TimedOut, TcpError::TimedOut),
            (ErrorKind::PermissionDenied, TcpError::Os { code: None }),
        ];
        for (kind, why) in cases {
            assert_eq!(tcp_error(address, &kind.into()), LinkError::Tcp { address: Some(address), why }, "{kind}");
        }
        let error = io::Error::from_raw_os_error(105);
        let why = TcpError::Os { code: Some(105) };
        assert_eq!(tcp_error(address, &error), LinkError::Tcp { address: Some(address), why });
    }

    #[test]
    fn families_take_turns_and_share_the_time() {
        let [six1, six2, six3, four] =
            ["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"].map(|text| text.parse().unwrap());
        let mut attempts = Attempts::new(vec![six1, six2, six3, four], at(8));
        assert_eq!(attempts.next(at(0)), Some((six1, at(2))));
        // The first was refused at once: the others get its time.
        assert_eq!(attempts.next(at(2)), Some((four, at(4))));
        assert_eq!(attempts.next(at(2)), Some((six2, at(5))));
        assert_eq!(attempts.next(at(8)), Some((six3, at(9))));
        assert_eq!(attempts.next(at(8)), None);
    }
}
