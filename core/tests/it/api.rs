//! What every type of the API can do.

use core::error::Error;
use core::fmt::Debug;

use thingwire_core::thing::lines::{
    Codec, Compiled, Framer, LineComponent, Lines, Mistake, Mistakes, Pattern, Template,
};
use thingwire_core::thing::{
    Bound, BuildError, ComponentAction, Failure, MemoryError, Note, Policy, RuleError, Thing, ThingAction,
    ThingBuilder, ThingNotice, Unfit, WishError,
};
use thingwire_core::{
    AckToken, Action, Backoff, BackoffConfig, Client, Config, ConfigError, ConnectRefusal, Delta, Document, Documents,
    Drain, Filter, FrameError, Instant, Jitter, JsonError, Limits, Link, LinkError, Message, NameError, Notice,
    Outcome, PacketKind, Password, Phase, ProtocolError, ProxyError, Publish, QueueConfig, Refusal, Refused, Rejection,
    Reply, RequestConfig, Rng, Section, ShadowError, ShadowEvent, ShadowName, ShadowNotice, ShadowRequest,
    ShadowUpdate, ShadowWatch, Snapshot, Status, TcpError, Ticket, TimerKind, TlsError, Topic, TopicError, Totals,
    UpdateError, WebSocketError, WebSocketFault, WhenFull, WhenOffline, Will, WrongType,
};

macro_rules! each {
    ($check:ident: $($type:ty),+ $(,)?) => { $($check::<$type>();)+ };
}

#[test]
fn machines_go_from_thread_to_thread() {
    fn check<T: Debug + Send + 'static>() {}
    each!(check: Client, Thing, ThingBuilder, Bound, LineComponent);
}

#[test]
fn values_are_shown_copied_and_shared() {
    fn check<T: Debug + Clone + Send + Sync + 'static>() {}
    each!(check:
        Action, AckToken, Backoff, BackoffConfig, Config, Delta, Document, Documents, Drain, Filter, Instant, Jitter, Limits,
        Link, Message, Notice, Outcome, PacketKind, Password, Phase, Publish, QueueConfig, Rejection, Reply, RequestConfig,
        Rng, Section, ShadowEvent, ShadowName, ShadowNotice, ShadowRequest, ShadowUpdate, ShadowWatch, Snapshot, Status,
        Ticket, TimerKind, Topic, Totals, WhenFull, WhenOffline, Will,
    );
    each!(check: Codec, ComponentAction, Failure, Framer, Lines, Note, Pattern, Policy, Template, ThingAction, ThingNotice);
}

#[test]
fn a_checked_table_is_shared() {
    fn check<T: Debug + Send + Sync + 'static>() {}
    each!(check: Compiled);
}

#[test]
fn errors_are_values_that_say_what_is_wrong() {
    fn check<T: Error + Clone + PartialEq + Send + Sync + 'static>() {}
    each!(check:
        ConfigError, ConnectRefusal, FrameError, JsonError, LinkError, NameError, ProtocolError, ProxyError, Refusal,
        Refused<Publish>, ShadowError, TcpError, TlsError, TopicError, UpdateError, WebSocketError, WebSocketFault, WrongType,
    );
    each!(check: BuildError, MemoryError, Mistake, Mistakes, RuleError, Unfit, WishError);
}
