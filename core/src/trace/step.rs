//! One call of the client, and what it gave.

use core::fmt;

use bytes::Bytes;

use super::chain;
use crate::wire::{Output, Wire, fields, variants};
use crate::{
    AckToken, Action, Filter, Link, LinkError, Message, Notice, Publish, Qos, Refusal, ShadowOperation, ShadowRequest,
    ShadowWatch, Ticket,
};

/// A call of [`Client`](crate::Client) that may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// `start`.
    Start,
    /// `stop`.
    Stop,
    /// `publish`.
    Publish(Publish),
    /// `subscribe`.
    Subscribe(Vec<(Filter, Qos)>),
    /// `unsubscribe`.
    Unsubscribe(Vec<Filter>),
    /// `shadow`.
    Shadow(ShadowRequest),
    /// `watch_shadow`.
    WatchShadow(ShadowWatch),
    /// `unwatch_shadow`, with the ticket's number.
    UnwatchShadow(Ticket),
    /// `discard`, with the ticket's number.
    Discard(Ticket),
    /// `ack`.
    Ack(AckToken),
    /// `pause_input`.
    PauseInput(bool),
    /// `Event::LinkUp`.
    LinkUp(Link),
    /// `Event::Received`, with the bytes that the client took: whole packets, and what it threw away.
    Received(Link, Bytes),
    /// `Event::LinkDown`.
    LinkDown(Link, LinkError),
    /// `Event::Wake`, when a deadline had come.
    Wake,
    /// `poll_transmit`, with its budget.
    PollTransmit(usize),
    /// `poll_action`, when there was one.
    PollAction,
}

variants!(Call {
    1 = Start,
    2 = Stop,
    3 = Publish(publish),
    4 = Subscribe(filters),
    5 = Unsubscribe(filters),
    6 = Discard(ticket),
    7 = Ack(token),
    8 = PauseInput(paused),
    9 = LinkUp(link),
    10 = Received(link, bytes),
    11 = LinkDown(link, why),
    12 = Wake,
    13 = PollTransmit(budget),
    14 = PollAction,
    15 = Shadow(request),
    16 = WatchShadow(watch),
    17 = UnwatchShadow(watch),
});

/// What a call gave, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Nothing worth a word: no bytes to send, or all that was received was taken.
    Nothing,
    /// An accepted operation.
    Accepted(Ticket),
    /// A refused one.
    Refused(Refusal),
    /// Whether an operation was withdrawn in time.
    Discarded(bool),
    /// Fewer bytes were taken than there were: never in a recording, only in the replay by another version.
    Taken(usize),
    /// Bytes to send.
    Bytes(Digest),
    /// An action that carries no message.
    Action(Action),
    /// A message for the application.
    Message(Digest),
}

variants!(Answer {
    0 = Nothing,
    1 = Accepted(ticket),
    2 = Refused(why),
    3 = Discarded(in_time),
    4 = Taken(len),
    5 = Bytes(digest),
    6 = Action(action),
    7 = Message(digest),
});

/// Bytes, as far as they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Digest {
    /// How many.
    pub len: usize,
    /// A hash over them; 0 when there are none.
    pub hash: u32,
}

fields!(Digest { len, hash });

impl Digest {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let hash = if bytes.is_empty() { 0 } else { chain(0, bytes) };
        Self { len: bytes.len(), hash: u32::try_from(hash >> 32).unwrap_or(0) }
    }
}

impl Call {
    pub(crate) const PUBLISH: u8 = 3;
    pub(crate) const RECEIVED: u8 = 10;
}

impl Answer {
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        if bytes.is_empty() { Self::Nothing } else { Self::Bytes(Digest::of(bytes)) }
    }

    pub(crate) fn of_request(answer: Result<Ticket, &Refusal>) -> Self {
        match answer {
            Ok(ticket) => Self::Accepted(ticket),
            Err(why) => Self::Refused(why.clone()),
        }
    }

    /// `scratch` is for the message.
    pub(crate) fn of_action(action: &Action, scratch: &mut Output) -> Self {
        match action {
            Action::Notify(Notice::Message(message)) => {
                scratch.bytes.clear();
                Message::put(message, scratch);
                Self::Message(Digest { len: message.payload.len(), ..Digest::of(&scratch.bytes) })
            }
            Action::Open(_) | Action::Close(_) | Action::Notify(_) => Self::Action(action.clone()),
        }
    }
}

/// One line; payloads are not shown.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Stop => f.write_str("stop"),
            Self::Publish(publish) => {
                write!(f, "publish of {} bytes to {}, {:?}", publish.payload.len(), publish.topic, publish.qos)
            }
            Self::Subscribe(filters) => {
                let filters: Vec<_> = filters.iter().map(|(filter, _)| filter.as_str()).collect();
                write!(f, "subscribe to {}", filters.join(", "))
            }
            Self::Unsubscribe(filters) => {
                let filters: Vec<_> = filters.iter().map(Filter::as_str).collect();
                write!(f, "unsubscribe from {}", filters.join(", "))
            }
            Self::Shadow(ShadowRequest { shadow, operation, .. }) => match operation {
                ShadowOperation::Get => write!(f, "get of shadow {shadow}"),
                ShadowOperation::Update(_) => write!(f, "update of shadow {shadow}"),
                ShadowOperation::Delete => write!(f, "delete of shadow {shadow}"),
            },
            Self::WatchShadow(watch) => write!(f, "watch of shadow {}", watch.shadow),
            Self::UnwatchShadow(watch) => write!(f, "end of the watch {watch}"),
            Self::Discard(ticket) => write!(f, "discard {ticket}"),
            Self::Ack(token) => write!(f, "ack of message {} of {}", token.serial, token.link),
            Self::PauseInput(true) => f.write_str("pause input"),
            Self::PauseInput(false) => f.write_str("go on with input"),
            Self::LinkUp(link) => write!(f, "{link} up"),
            Self::Received(link, bytes) => write!(f, "{} bytes received on {link}", bytes.len()),
            Self::LinkDown(link, why) => write!(f, "{link} down: {why}"),
            Self::Wake => f.write_str("wake"),
            Self::PollTransmit(budget) => write!(f, "poll_transmit of {budget} bytes"),
            Self::PollAction => f.write_str("poll_action"),
        }
    }
}

/// One line.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Accepted(ticket) => write!(f, "operation {ticket}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Discarded(true) => f.write_str("withdrawn"),
            Self::Discarded(false) => f.write_str("too late"),
            Self::Taken(len) => write!(f, "{len} bytes taken"),
            Self::Bytes(digest) => write!(f, "{} bytes with hash {:08x}", digest.len, digest.hash),
            Self::Action(Action::Open(link)) => write!(f, "open {link}"),
            Self::Action(Action::Close(link)) => write!(f, "close {link}"),
            Self::Action(Action::Notify(notice)) => notice.fmt(f),
            Self::Message(digest) => write!(f, "message of {} bytes with hash {:08x}", digest.len, digest.hash),
        }
    }
}
