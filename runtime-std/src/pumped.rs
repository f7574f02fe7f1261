//! Whatever reads and writes, as a port.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use thingwire_core::ports::OpenPort;

use crate::net::CHUNK;

/// Makes a port of anything that reads and writes, for [`ThingOptions::port_with`](crate::ThingOptions::port_with). What
/// `open` gives are its two ends, the one that is read and the one that is written; they may block.
///
/// It is the one kind of port that has threads of its own, two of them while it is open. One that waits in a `read`
/// cannot be interrupted: after the port is closed, it stays until that returns.
///
/// ```no_run
/// use std::net::TcpStream;
/// use thingwire_std::{ThingOptions, pumped};
///
/// fn with_a_bridge(options: ThingOptions) -> ThingOptions {
///     let open = || {
///         let stream = TcpStream::connect("bridge:4001")?;
///         Ok((stream.try_clone()?, stream))
///     };
///     options.port_with("lamp", "the bridge", pumped(open))
/// }
/// ```
pub fn pumped<R, W>(
    mut open: impl FnMut() -> io::Result<(R, W)> + Send + 'static,
) -> impl FnMut() -> io::Result<OpenPort> + Send + 'static
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
{
    move || {
        let (reader, writer) = open()?;
        let (ours, port) = UnixStream::pair()?;
        let ours = Arc::new(ours);
        let (to_device, from_device) = (Arc::clone(&ours), ours);
        let begin = |name: &str| thread::Builder::new().name(name.to_owned());
        begin("port-in").spawn(move || {
            pump(reader, &*from_device);
            // The other direction ends as well, and so does the port.
            let _ = from_device.shutdown(Shutdown::Both);
        })?;
        begin("port-out").spawn(move || {
            pump(&*to_device, writer);
            let _ = to_device.shutdown(Shutdown::Both);
        })?;
        OpenPort::try_from(port)
    }
}

/// Until one of them has ended.
fn pump(mut from: impl Read, mut to: impl Write) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let len = match from.read(&mut chunk) {
            Ok(0) => return,
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return log::debug!("a port has ended: {error}"),
        };
        if let Err(error) = to.write_all(&chunk[..len]).and_then(|()| to.flush()) {
            return log::debug!("a port has ended: {error}");
        }
    }
}
