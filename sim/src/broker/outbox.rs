//! What the broker puts out, in order.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::wire::{Message, Qos};
use super::{ConnectionId, Output, encode};

/// Packets are written into pieces of memory of this size, which are used again once all packets in them are gone.
const PIECE: usize = 4096;

/// An output and what its leaving means.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) output: Output,
    /// The packet id that is free again once this is out.
    pub(super) frees: Option<u16>,
}

#[derive(Debug)]
pub(super) struct Outbox {
    queue: VecDeque<Queued>,
    piece: BytesMut,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self { queue: VecDeque::new(), piece: BytesMut::new() }
    }

    pub(super) fn put(&mut self, output: Output) {
        self.queue.push_back(Queued { output, frees: None });
    }

    pub(super) fn send(&mut self, connection: ConnectionId, bytes: Bytes) {
        self.put(Output::Send(connection, bytes));
    }

    /// Sends an acknowledgement; once it is out, `id` is free for the client to use again.
    pub(super) fn acknowledge(&mut self, connection: ConnectionId, id: u16, bytes: Bytes) {
        self.queue.push_back(Queued { output: Output::Send(connection, bytes), frees: Some(id) });
    }

    /// Sends a message with QoS 0.
    pub(super) fn publish0(&mut self, connection: ConnectionId, message: &Message) {
        self.publish(connection, message, Qos::AtMostOnce, None, false);
    }

    /// Sends a message with QoS 1.
    pub(super) fn publish1(&mut self, connection: ConnectionId, message: &Message, id: u16, dup: bool) {
        self.publish(connection, message, Qos::AtLeastOnce, Some(id), dup);
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        self.queue.pop_front()
    }

    fn publish(&mut self, connection: ConnectionId, message: &Message, qos: Qos, id: Option<u16>, dup: bool) {
        let longest = encode::publish_len_max(message);
        if self.piece.capacity() < longest {
            self.piece.reserve(longest.max(PIECE));
        }
        encode::publish(&mut self.piece, message, qos, id, dup);
        let bytes = self.piece.split().freeze();
        self.send(connection, bytes);
    }
}
