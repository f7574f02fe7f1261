//! The client with its transport and buffers: all of a driver but the socket and the sleep.

use bytes::{Buf, BytesMut};

use crate::transport::stack::{Layers, Stack};
use crate::transport::tls::Flow;
use crate::transport::{Endpoint, Supplies};
use crate::{
    Action, Client, ConnectStage, Event, Instant, Link, LinkError, Options, SetupError, TcpError, TimerKind, TlsInfo,
};

/// Encoded bytes that may wait for the socket before the client is asked for more.
const OUTPUT_BUDGET: usize = 16 * 1024;

/// A [`Client`] with its transport: takes bytes from the socket and gives bytes for it.
///
/// On [`Action::Open`] a driver looks for the address of [`Options::first_hop`], hands over what the link takes from the
/// outside with [`supply`](Self::supply), connects, and says so with [`opened`](Self::opened). Apart from that it does,
/// in this order and whenever anything happened:
///
/// 1. [`poll_action`](Self::poll_action) until `None`, doing what each says;
/// 2. write what [`transmit`](Self::transmit) gives, and say with [`transmitted`](Self::transmitted) how much of it
///    the socket took; if it took anything, begin again, and if not, ask for actions once more: encoding gives them;
/// 3. wait for the socket, a command, or [`next_deadline`](Self::next_deadline), and tell the engine.
///
/// ```
/// use thingwire_core::{Action, Engine, Instant, Options};
///
/// let now = Instant::EPOCH;
/// let mut engine = Engine::new(Options::plain("localhost:1883", "lamp")?, 1, now)?;
/// engine.client().start(now);
/// let mut link = None;
/// while let Some(action) = engine.poll_action(now) {
///     match action {
///         Action::Open(opened) => link = Some(opened),
///         Action::Close(_) => {}
///         Action::Notify(notice) => println!("{notice}"),
///     }
/// }
/// // The socket is connected: the first bytes for it are a CONNECT.
/// engine.opened(now, link.expect("it asks for a link at once"));
/// while engine.poll_action(now).is_some() {}
/// assert_eq!(engine.transmit(now)[0], 0x10);
/// # Ok::<(), thingwire_core::SetupError>(())
/// ```
#[derive(Debug)]
pub struct Engine {
    client: Client,
    layers: Layers,
    /// What the link that is being made takes from the outside.
    supplies: Option<Supplies>,
    /// The link that is up, with its transport.
    up: Option<Up>,
    /// MQTT bytes that the client has not taken yet.
    plain_in: BytesMut,
    /// MQTT bytes on their way into the layers.
    plain_out: BytesMut,
    /// What the socket has not taken yet.
    wire_out: BytesMut,
    /// A link to be closed because of its transport.
    broken: Option<Link>,
    /// Since when the socket takes no bytes although some wait.
    stalled_since: Option<Instant>,
    /// The link that the driver was asked to make and not yet to close.
    wanted: Option<Link>,
    /// Something may have been asked of the client since it was last asked for bytes.
    commanded: bool,
}

#[derive(Debug)]
struct Up {
    link: Link,
    stack: Stack,
    /// Whether the client knows that the link is up.
    announced: bool,
}

impl Engine {
    /// An idle client with its transport. `seed` as in [`Client::new`].
    pub fn new(options: Options, seed: u64, now: Instant) -> Result<Self, SetupError> {
        let (layers, config) = options.take_apart()?;
        Ok(Self {
            client: Client::new(config, seed, now)?,
            layers,
            supplies: None,
            up: None,
            plain_in: BytesMut::new(),
            plain_out: BytesMut::new(),
            wire_out: BytesMut::new(),
            broken: None,
            stalled_since: None,
            wanted: None,
            commanded: false,
        })
    }

    /// The client, for commands and looks. What a command causes comes out of the next
    /// [`poll_action`](Self::poll_action) and [`transmit`](Self::transmit).
    pub fn client(&mut self) -> &mut Client {
        self.commanded = true;
        &mut self.client
    }

    /// Whether there is something to tell, and nothing to send but what follows from telling: acknowledgements, and
    /// what comes on top of a full buffer.
    #[cfg_attr(not(feature = "host"), expect(dead_code, reason = "only a line asks"))]
    pub(crate) fn only_tells(&self) -> bool {
        !self.commanded && self.client.has_actions()
    }

    /// Where the service is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.layers.endpoint
    }

    /// What `link` takes from the outside, before it is [`opened`](Self::opened). Only links over WebSocket need it;
    /// others leave it unused. Without effect when the link is no longer wanted.
    pub fn supply(&mut self, link: Link, supplies: Supplies) {
        if self.wanted == Some(link) {
            self.supplies = Some(supplies);
        }
    }

    /// The socket of `link` is connected. Without effect when the link is no longer wanted.
    pub fn opened(&mut self, now: Instant, link: Link) {
        if self.wanted != Some(link) {
            return;
        }
        match self.layers.open(self.supplies.take().as_ref(), &mut self.wire_out) {
            Ok(stack) => self.up = Some(Up { link, stack, announced: false }),
            Err(error) => return self.fail(now, link, error),
        }
        self.received(now, link, &[]);
    }

    /// The socket of `link` gave these bytes. All of them are taken; see [`wants_input`](Self::wants_input).
    pub fn received(&mut self, now: Instant, link: Link, bytes: &[u8]) {
        let Some(up) = self.up.as_mut().filter(|up| up.link == link) else { return };
        let received = up.stack.receive(bytes, &mut self.plain_in, &mut self.wire_out);
        if !up.announced && up.stack.is_ready() {
            up.announced = true;
            self.client.handle(now, Event::LinkUp(link));
        }
        // What came before the fault was sent by a peer that had proved itself.
        self.client.handle(now, Event::Received(link, &mut self.plain_in));
        match received {
            Ok(Flow::Open) => {}
            // Waiting for the socket to say the same would only delay the next attempt.
            Ok(Flow::Finished) => self.fail(now, link, LinkError::Closed),
            Err(error) => self.fail(now, link, error),
        }
    }

    /// The socket of `link` could not be connected, or is gone.
    pub fn closed(&mut self, now: Instant, link: Link, why: LinkError) {
        let why = self.explain(link, why);
        self.wanted.take_if(|wanted| *wanted == link);
        self.broken.take_if(|broken| *broken == link);
        if self.up.as_ref().is_some_and(|up| up.link == link) {
            self.reset();
        }
        self.client.handle(now, Event::LinkDown(link, why));
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Instant) {
        let stalled = self.stall_ends().is_some_and(|end| end <= now);
        if let Some(link) = self.wanted.filter(|_| stalled) {
            self.fail(now, link, LinkError::Tcp { address: None, why: TcpError::WriteStalled });
        }
        if let Some((link, waiting_for)) = self.stuck(now) {
            self.fail(now, link, LinkError::ConnectTimeout { waiting_for });
        }
        self.client.handle(now, Event::Wake);
    }

    /// The next thing for the driver to do.
    ///
    /// On [`Action::Close`] it writes what [`transmit`](Self::transmit) still gives, ends its side of the connection,
    /// and drops the socket when the peer has done the same, after [`LINGER`](crate::dial::LINGER) at the latest. Until
    /// then it asks for no further action.
    #[must_use]
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        if let Some(link) = self.broken.take() {
            self.wanted = None;
            return Some(Action::Close(link));
        }
        loop {
            let action = self.next_action(now);
            match &action {
                Some(Action::Open(link)) => {
                    self.reset();
                    self.wanted = Some(*link);
                }
                // The client gave up a link that was gone by then.
                Some(Action::Close(link)) if self.wanted != Some(*link) => continue,
                Some(Action::Close(link)) => {
                    self.say_goodbye(*link);
                    self.wanted = None;
                }
                Some(Action::Notify(_)) | None => {}
            }
            return action;
        }
    }

    fn next_action(&mut self, now: Instant) -> Option<Action> {
        self.client.poll_action().or_else(|| {
            self.resume_input(now);
            self.client.poll_action()
        })
    }

    /// Hands the client what it had no room for earlier.
    fn resume_input(&mut self, now: Instant) {
        if let Some(up) = self.up.as_ref().filter(|up| up.announced && !self.plain_in.is_empty()) {
            let link = up.link;
            self.client.handle(now, Event::Received(link, &mut self.plain_in));
        }
    }

    /// The bytes that the socket has to take next. More come once they are taken.
    pub fn transmit(&mut self, now: Instant) -> &[u8] {
        self.commanded = false;
        let budget = OUTPUT_BUDGET.saturating_sub(self.wire_out.len());
        // A full buffer also holds back what the layers have to say of their own.
        if let Some(up) = self.up.as_mut().filter(|up| up.announced && budget > 0) {
            if up.stack.is_bare() {
                self.client.poll_transmit(now, &mut self.wire_out, budget);
            } else {
                self.client.poll_transmit(now, &mut self.plain_out, budget);
                if let Err(error) = up.stack.transmit(&mut self.plain_out, &mut self.wire_out) {
                    let link = up.link;
                    self.fail(now, link, error);
                }
            }
        }
        &self.wire_out
    }

    /// The socket took the first `len` bytes; 0 when it takes nothing for now, which it may do for
    /// [`Config::write_timeout`](crate::Config::write_timeout) at a stretch.
    ///
    /// # Panics
    ///
    /// When there was less to take.
    pub fn transmitted(&mut self, now: Instant, len: usize) {
        self.wire_out.advance(len);
        if len > 0 || self.wire_out.is_empty() {
            self.stalled_since = None;
        } else {
            self.stalled_since.get_or_insert(now);
        }
    }

    /// When to call [`wake`](Self::wake).
    pub fn next_deadline(&self) -> Option<Instant> {
        let client = self.client.next_deadline().map(|(deadline, _)| deadline);
        client.into_iter().chain(self.stall_ends()).min()
    }

    fn stall_ends(&self) -> Option<Instant> {
        // Once the link is given up, nobody waits for its socket any more.
        let since = self.stalled_since.filter(|_| self.wanted.is_some());
        since.map(|since| since + self.client.config().write_timeout)
    }

    /// The link whose connect timeout has run out, and what it waits for. The client only knows that it is not ready.
    fn stuck(&self, now: Instant) -> Option<(Link, ConnectStage)> {
        let up = self.up.as_ref().filter(|up| !up.announced)?;
        let (deadline, kind) = self.client.next_deadline()?;
        (kind == TimerKind::Connect && deadline <= now).then(|| (up.link, up.stack.waits_for()))
    }

    /// How far the link has come that is [`opened`](Self::opened): what it waits for, and `Connack` from when MQTT has
    /// begun. `None` without such a link.
    pub fn stage(&self) -> Option<ConnectStage> {
        self.up.as_ref().map(|up| up.stack.waits_for())
    }

    /// What TLS has agreed on for the link that is up, once its handshake is over.
    pub fn tls(&self) -> Option<TlsInfo> {
        self.up.as_ref().and_then(|up| up.stack.tls_info())
    }

    /// The server's clock in seconds since 1970 (UTC), where it told it in its answer to the WebSocket's upgrade.
    #[cfg(feature = "websocket")]
    pub fn server_time_secs(&self) -> Option<u64> {
        self.up.as_ref().and_then(|up| up.stack.server_time())
    }

    /// Whether to read from the socket. While it is false, leave the bytes there.
    pub fn wants_input(&self) -> bool {
        self.client.wants_input()
    }

    /// The transport has failed or finished while its socket is still there.
    fn fail(&mut self, now: Instant, link: Link, why: LinkError) {
        let why = self.explain(link, why);
        self.layers.heed(&why);
        self.up = None;
        self.plain_in.clear();
        self.plain_out.clear();
        self.stalled_since = None;
        self.broken = Some(link);
        self.client.handle(now, Event::LinkDown(link, why));
    }

    /// The end of a connection that was not ready yet has reasons of its own.
    fn explain(&self, link: Link, why: LinkError) -> LinkError {
        match self.up.as_ref().filter(|up| up.link == link && !up.announced) {
            Some(up) if why.is_by_peer() => up.stack.closed_early(),
            _ => why,
        }
    }

    fn say_goodbye(&mut self, link: Link) {
        if let Some(mut up) = self.up.take_if(|up| up.link == link) {
            up.stack.close(&mut self.wire_out);
        }
        self.plain_in.clear();
    }

    fn reset(&mut self) {
        self.up = None;
        self.supplies = None;
        self.plain_in.clear();
        self.plain_out.clear();
        self.wire_out.clear();
        self.stalled_since = None;
    }
}
