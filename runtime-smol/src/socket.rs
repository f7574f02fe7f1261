//! Making a TCP connection.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use async_io::{Async, Timer};
use futures_lite::FutureExt;
use thingwire_core::dial::{self, Attempts, Prepared, Route};
use thingwire_core::host::Clock;
use thingwire_core::transport::Supplies;
use thingwire_core::{LinkError, TcpError};

/// A connection, and whom it is with.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) stream: Async<TcpStream>,
    pub(crate) address: SocketAddr,
}

/// Reads of what nobody wants before something else has its turn.
const DISCARDED_READS_MAX: usize = 16;

impl Socket {
    /// Throws away what has come; false when the peer has closed.
    pub(crate) fn discard(&self, buffer: &mut [u8]) -> bool {
        for _ in 0..DISCARDED_READS_MAX {
            match self.stream.get_ref().read(buffer) {
                Ok(1..) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return true,
                Ok(0) | Err(_) => return false,
            }
        }
        true
    }
}

/// Prepares the route and tries its addresses in turn, each for a share of `timeout`.
pub(crate) async fn connect(route: Route, clock: Clock, timeout: Duration) -> Result<(Socket, Supplies), LinkError> {
    let deadline = clock.now() + timeout;
    let Prepared { addresses, supplies } = match route.at_once() {
        Some(prepared) => prepared?,
        None => blocking::unblock(move || route.prepare()).await?,
    };
    let mut attempts = Attempts::new(addresses, deadline);
    let mut last = LinkError::Closed;
    while let Some((address, give_up_at)) = attempts.next(clock.now()) {
        let share = give_up_at.since(clock.now());
        match connect_to(address, share).await {
            Ok(socket) => return Ok((socket, supplies)),
            Err(why) => {
                log::debug!("{why}");
                last = why;
            }
        }
    }
    Err(last)
}

async fn connect_to(address: SocketAddr, share: Duration) -> Result<Socket, LinkError> {
    let connect =
        async { Async::<TcpStream>::connect(address).await.map_err(|error| dial::tcp_error(address, &error)) };
    let give_up = async {
        Timer::after(share).await;
        Err(LinkError::Tcp { address: Some(address), why: TcpError::TimedOut })
    };
    let stream = connect.or(give_up).await?;
    // Small packets are not to wait for one another. Without it the connection is only slower.
    if let Err(error) = stream.get_ref().set_nodelay(true) {
        log::debug!("{address}: no TCP_NODELAY: {error}");
    }
    Ok(Socket { stream, address })
}
