//! One connection as the device has it: the link, both directions, and what may break it.

use bytes::BytesMut;
use thingwire_core::{Link, LinkError, TcpError};

use super::pipe::{Pipe, Way};
use crate::broker::ConnectionId;
use crate::plan::How;
use crate::tap::{Side, Tap};

/// A connection, or an attempt to make one.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own that can be wrong")]
pub(super) struct Wire {
    pub(super) link: Link,
    pub(super) up: bool,
    /// The broker's name of it; `None` while there is no broker at the other end, or no longer.
    pub(super) connection: Option<ConnectionId>,
    pub(super) to_broker: Pipe,
    pub(super) to_client: Pipe,
    /// What the client has written and the socket has not taken.
    pub(super) outbound: BytesMut,
    /// What the socket has given and the client has not taken; and a copy, to see what was taken.
    pub(super) inbound: BytesMut,
    pub(super) unseen: Vec<u8>,
    pub(super) sent: Tap,
    pub(super) received: Tap,
    /// Everything that is sent is lost, without a word.
    pub(super) vanished: bool,
    /// The client has been sent what the broker has not.
    pub(super) tampered: bool,
    /// It is closed by the peer as soon as anything is sent.
    pub(super) closes_on_data: bool,
    /// It breaks after this many more bytes of this direction.
    pub(super) breaks: Option<Break>,
    /// Whether the agenda has a turn for a socket that was full.
    pub(super) waits_for_room: bool,
    /// How it broke while the device slept.
    pub(super) unheard: Option<LinkError>,
}

/// A break that waits for its byte.
#[derive(Debug, Clone, Copy)]
pub(super) struct Break {
    pub(super) way: Way,
    pub(super) bytes: usize,
    pub(super) how: How,
}

impl Wire {
    /// `packet_len_max` is the longest packet that the client accepts.
    pub(super) fn new(link: Link, packet_len_max: usize) -> Self {
        Self {
            link,
            up: false,
            connection: None,
            to_broker: Pipe::default(),
            to_client: Pipe::default(),
            outbound: BytesMut::new(),
            inbound: BytesMut::new(),
            unseen: Vec::new(),
            sent: Tap::new(Side::Sent),
            received: Tap::new(Side::Received).packet_len_max(packet_len_max),
            vanished: false,
            tampered: false,
            closes_on_data: false,
            breaks: None,
            waits_for_room: false,
            unheard: None,
        }
    }

    pub(super) fn pipe(&mut self, way: Way) -> &mut Pipe {
        match way {
            Way::ToBroker => &mut self.to_broker,
            Way::ToClient => &mut self.to_client,
        }
    }

    /// How many of `len` bytes still arrive before the connection breaks; and how it breaks then.
    pub(super) fn arrive(&mut self, way: Way, len: usize) -> (usize, Option<How>) {
        Break::arrive(&mut self.breaks, way, len)
    }
}

impl Break {
    /// How many of `len` bytes still arrive, and how the connection breaks behind them.
    pub(super) fn arrive(breaks: &mut Option<Self>, way: Way, len: usize) -> (usize, Option<How>) {
        match breaks {
            Some(planned) if planned.way == way => {
                let arrives = len.min(planned.bytes);
                planned.bytes -= arrives;
                (arrives, (planned.bytes == 0).then_some(planned.how))
            }
            _ => (len, None),
        }
    }
}

/// What the client is told of a break.
pub(super) fn error(how: How) -> LinkError {
    match how {
        How::Reset => LinkError::Tcp { address: None, why: TcpError::Reset },
        How::Fin => LinkError::Closed,
    }
}
