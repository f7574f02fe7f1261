//! A model broker and its clients, without sockets and with a clock of its own.

use std::time::Duration;

use thingwire_core::Instant;
use thingwire_sim::broker::{Broker, CloseReason, ConnectionId, Output, Rules, ViolationKind};

use crate::packets::{Connect, connack, suback, subscribe};

pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) now: Instant,
    /// Outputs polled and not yet asked for, without [`Output::Published`].
    outputs: Vec<Output>,
}

impl World {
    pub(crate) fn aws() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn standard() -> Self {
        Self::new(Rules::standard())
    }

    pub(crate) fn new(rules: Rules) -> Self {
        Self { broker: Broker::new(rules), now: Instant::EPOCH, outputs: Vec::new() }
    }

    /// The AWS rules with one change. A client id may connect again at once, which tests of other things need.
    pub(crate) fn with(change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = Rules { connect_spacing: Duration::ZERO, ..Rules::aws() };
        change(&mut rules);
        Self::new(rules)
    }

    /// Opens a connection and sends `bytes` on it.
    pub(crate) fn open(&mut self, bytes: &[u8]) -> ConnectionId {
        let connection = self.broker.open(self.now);
        self.send(connection, bytes);
        connection
    }

    /// Sends `bytes` in one chunk, then lets the answers out.
    pub(crate) fn send(&mut self, connection: ConnectionId, bytes: &[u8]) {
        self.broker.receive(self.now, connection, bytes);
        self.settle();
    }

    /// A client that is online, its CONNACK taken.
    pub(crate) fn online(&mut self, connect: &Connect<'_>) -> ConnectionId {
        let connection = self.open(&connect.bytes());
        let answer = self.sent_to(connection);
        assert_eq!(answer.first().map(Vec::as_slice), Some(&connack(false, 0)[..]), "not accepted");
        connection
    }

    /// A client that is online and subscribed, with everything so far taken.
    pub(crate) fn subscriber(&mut self, connect: &Connect<'_>, filter: &str, qos: u8) -> ConnectionId {
        let connection = self.online(connect);
        self.send(connection, &subscribe(1, &[(filter, qos)]));
        assert_eq!(self.sent_to(connection), [suback(1, &[qos])]);
        connection
    }

    pub(crate) fn lose(&mut self, connection: ConnectionId) {
        self.broker.lost(self.now, connection);
        self.settle();
    }

    /// Lets time pass, with a wake at every deadline on the way.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(deadline) = self.broker.next_deadline().filter(|deadline| *deadline <= end) {
            assert!(deadline > self.now, "a deadline is left after its wake");
            self.now = deadline;
            self.broker.wake(self.now);
            self.settle();
        }
        self.now = end;
        self.broker.wake(end);
        self.settle();
    }

    pub(crate) fn settle(&mut self) {
        let outputs = std::iter::from_fn(|| self.broker.poll());
        self.outputs.extend(outputs.filter(|output| !matches!(output, Output::Published { .. })));
    }

    /// The packets sent to `connection` since the last time this was asked.
    pub(crate) fn sent_to(&mut self, connection: ConnectionId) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        self.outputs.retain(|output| match output {
            Output::Send(to, bytes) if *to == connection => {
                sent.push(bytes.to_vec());
                false
            }
            _ => true,
        });
        sent
    }

    /// Why `connection` was closed, if it was.
    pub(crate) fn closed(&self, connection: ConnectionId) -> Option<CloseReason> {
        self.outputs.iter().find_map(|output| match output {
            Output::Close(closed, reason) if *closed == connection => Some(*reason),
            _ => None,
        })
    }

    /// The kinds of all violations so far.
    pub(crate) fn violations(&self) -> Vec<ViolationKind> {
        self.broker.violations().iter().map(|violation| violation.kind).collect()
    }

    /// `connection` was closed for exactly one violation, and it is this one.
    pub(crate) fn assert_violated(&self, connection: ConnectionId, kind: ViolationKind) {
        assert_eq!(self.violations(), [kind]);
        assert_eq!(self.closed(connection), Some(CloseReason::Violation));
    }
}

impl World {
    /// What a new client gets besides its SUBACK when it subscribes to `filter`.
    pub(crate) fn subscriber_with_retained(&mut self, client_id: &str, filter: &str) -> Vec<Vec<u8>> {
        let client = self.online(&Connect::clean(client_id));
        self.send(client, &subscribe(1, &[(filter, 1)]));
        let mut sent = self.sent_to(client);
        assert_eq!(sent.remove(0), suback(1, &[1]));
        sent
    }
}
