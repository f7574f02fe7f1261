//! Where the client's calls are written down, when a recorder is there. Without the feature `trace` it is nothing at
//! all: no byte, no instruction.

use bytes::BytesMut;

use crate::{
    AckToken, Action, Filter, Instant, Link, LinkError, Publish, Qos, Refusal, ShadowRequest, ShadowWatch, Ticket,
};

/// The place of the recorder in the client.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    #[cfg(feature = "trace")]
    pub(crate) recorder: Option<Box<crate::trace::Recorder>>,
}

/// Each method tells the recorder, if there is one.
macro_rules! told {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        impl Tape {$(
            #[inline]
            pub(crate) fn $name(&mut self, $($argument: $type),*) {
                #[cfg(feature = "trace")]
                if let Some(recorder) = &mut self.recorder {
                    recorder.$name($($argument),*);
                }
                #[cfg(not(feature = "trace"))]
                let _ = ($($argument,)*);
            }
        )*}
    };
}

told! {
    start(now: Instant);
    stop(now: Instant);
    publish(now: Instant, publish: &Publish);
    subscribe(now: Instant, filters: &[(Filter, Qos)]);
    unsubscribe(now: Instant, filters: &[Filter]);
    shadow(now: Instant, request: &ShadowRequest);
    watch_shadow(now: Instant, watch: &ShadowWatch);
    unwatch_shadow(now: Instant, watch: Ticket);
    requested(answer: Result<Ticket, &Refusal>);
    discarded(now: Instant, ticket: Ticket, in_time: bool);
    ack(now: Instant, token: AckToken);
    pause_input(paused: bool);
    link_up(now: Instant, link: Link);
    link_down(now: Instant, link: Link, why: &LinkError);
    look(bytes: &BytesMut);
    received(now: Instant, link: Link, taken: usize);
    wake(now: Instant);
    transmitted(now: Instant, budget: usize, bytes: &[u8]);
    action(action: &Action);
}
