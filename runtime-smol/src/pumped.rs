//! Whatever reads and writes without blocking, as a port.

use std::io;
use std::os::unix::net::UnixStream;

use async_io::Async;
use futures_lite::io::split;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, future};
use thingwire_core::handle::Spawn;
use thingwire_core::ports::OpenPort;

use crate::pool::Pool;

/// Bytes carried at a time.
const CHUNK: usize = 4 * 1024;

/// Makes a port of anything that is an `AsyncRead` and an `AsyncWrite`, for
/// [`ThingOptions::port_with`](crate::ThingOptions::port_with). Its bytes are carried on the pool of `blocking`, where it
/// has a thread only while there are some.
///
/// ```no_run
/// use async_io::Async;
/// use std::net::{SocketAddr, TcpStream};
/// use thingwire_smol::{ThingOptions, pumped};
///
/// fn with_a_bridge(options: ThingOptions, bridge: SocketAddr) -> ThingOptions {
///     options.port_with("lamp", "the bridge", pumped(move || Async::<TcpStream>::connect(bridge)))
/// }
/// ```
pub fn pumped<S, F>(
    mut open: impl FnMut() -> F + Send + 'static,
) -> impl FnMut() -> io::Result<OpenPort> + Send + 'static
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<S>>,
{
    move || {
        let stream = async_io::block_on(open())?;
        let (ours, port) = UnixStream::pair()?;
        let ours = Async::new(ours)?;
        let carry = async move {
            let (reader, writer) = split(stream);
            // When one direction has ended, so has the port.
            let _ = future::or(pump(reader, &ours), pump(&ours, writer)).await;
        };
        Pool.spawn("port", Box::pin(carry))?;
        OpenPort::try_from(port)
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let len = from.read(&mut chunk).await?;
        if len == 0 {
            return Ok(());
        }
        to.write_all(&chunk[..len]).await?;
        to.flush().await?;
    }
}
