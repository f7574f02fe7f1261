//! What the driver tells the client.

use bytes::BytesMut;

use crate::{Link, LinkError};

/// A fact about the outside, given to [`Client::handle`](crate::Client::handle).
///
/// Events of a link that is no longer the current one have no effect, so a driver need not race its own sockets.
#[derive(Debug)]
pub enum Event<'a> {
    /// The transport is ready for MQTT bytes.
    LinkUp(Link),
    /// Bytes came from the server. Whole packets are taken off the front, the rest stays for the next call.
    ///
    /// Bytes of an old link are all taken, and ignored. A call without new bytes is allowed, and is how to go on
    /// after [`Client::wants_input`](crate::Client::wants_input) was false.
    Received(Link, &'a mut BytesMut),
    /// The link could not be made, or ended.
    LinkDown(Link, LinkError),
    /// Time has passed: the deadline is reached, or nothing in particular happened.
    Wake,
}
