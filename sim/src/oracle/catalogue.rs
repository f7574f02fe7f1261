//! The names of what must hold.

/// Who finds out that an oracle does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckedBy {
    /// The [`Judge`](super::Judge), from the records of a run.
    Judge,
    /// [`same_in_all_chunks`](super::same_in_all_chunks), from bytes that are cut in several ways.
    Chunks,
    /// Whoever runs a plan twice and compares [`Run::hash`](crate::run::Run::hash).
    Hash,
}

macro_rules! oracles {
    ($($name:ident: $text:literal,)+) => {
        /// What must hold. `S`: at every moment. `L`: once everything works again.
        ///
        /// The gap in the numbers belongs to what does not exist yet: S32 to a durable queue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Oracle {
            $(#[doc = $text] $name,)+
        }

        impl Oracle {
            /// Every oracle.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in findings: `S11`.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What must hold, in plain words.
            pub const fn statement(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

oracles! {
    S1: "Every accepted operation ends exactly once, and as soon as it is decided. Nothing else ends.",
    S2: "An operation is acknowledged only by an answer on the link that carried it, to its own packet id. \
         Acknowledgements are told in the order in which the answers came.",
    S3: "An answer to nothing has no effect.",
    S4: "A packet id is never 0 and never names two operations.",
    S5: "The packet id of an operation that was given up is not used again before its answer or the end of the link.",
    S6: "DUP is set exactly when the same message was sent before in this session under the same packet id.",
    S7: "Operations are sent for the first time in the order of acceptance. On a resumed session, what was in flight is \
         sent again in its order, before any new message.",
    S8: "No more messages are in flight than the window allows.",
    S9: "The queue stays within its bounds: what does not fit is refused, or takes the place of the oldest that was \
         never sent. Nothing is refused while there is room.",
    S10: "Nothing is forgotten and nothing invented: what is sent was accepted and has not ended, and the client's own \
          counts agree with what was asked and answered.",
    S11: "The wait between attempts follows the documented backoff, which starts again only after a link that was \
          accepted for the stable time.",
    S12: "Two CONNECTs keep the service's distance, and there is never more than one link.",
    S13: "Nothing is sent on a link that is gone, or after DISCONNECT. After a stop everything is quiet until the next \
          start. Notices of links are strictly paired, and \"ready\" comes when the backlog has been sent.",
    S14: "The first packet of a link is CONNECT, there is only one, and nothing follows before CONNACK. What is sent \
          breaks no rule of the broker.",
    S15: "When the session is new, every wanted filter is subscribed to and answered before the first message. Nothing \
          else is subscribed to that was not asked for.",
    S16: "A backlog is drained no faster than configured, unless the queue is full; and never more publishes or bytes \
          than the service's limits allow.",
    S17: "Acknowledgements and pings wait behind nothing.",
    S18: "After a keep-alive of silence in either direction there is one PINGREQ, and without an answer in time the \
          link ends; not earlier.",
    S19: "An attempt takes no longer than the connect timeout.",
    S20: "The same bytes have the same effects, however they are cut.",
    S21: "What the standard forbids ends the link, and neither it nor anything behind it has an effect.",
    S22: "Every message that is received is delivered exactly once, in order. One of QoS 1 is acknowledged after that, \
          in order of receipt; one of QoS 0 never.",
    S23: "The answer to a subscription is told filter by filter, as the server gave it.",
    S24: "A session is never said to be resumed that was not kept, or not asked for.",
    S25: "A request to a shadow ends by an answer with its token, of its kind and about its shadow, that comes after it was \
          published and before its deadline; else exactly at its deadline: timed out where a link has carried it, unsent \
          where none has.",
    S26: "What is told of a watched shadow was said by the service, in the order of its versions: nothing older and \
          nothing twice, except after a deletion. What is newer is told at once.",
    S27: "A request is published only while both its answers are subscribed to, and they stay so until it ends.",
    S28: "No more requests wait for an answer than the service takes at a time.",
    S29: "Time never goes back.",
    S30: "The same configuration, seed and events give the same trace.",
    S31: "After a wake the next deadline is later, and no instant has steps without end.",
    S33: "When everything has had time to end, nothing is left: no operation, no packet id, no message.",
    S34: "No operation costs more connections than allowed, and none is condemned that was not alone.",
    S35: "The reason told for the end of a link is what happened to it.",
    S36: "While the application lets nothing be read, no request times out and no link is given up for silence.",
    L1: "Once everything works, the client is online within the longest wait and connect timeout.",
    L2: "Once everything works, every message ends in the time that the configured rates allow.",
    L3: "Once everything works, something is sent while something waits and may be sent.",
    L4: "Once everything works, every wanted subscription is known to the server.",
    L5: "A request with a deadline ends by its deadline, whatever happens.",
    L6: "A link on which nothing comes any more is found dead after the keep-alive and the time for a PINGRESP.",
    L7: "A stop is complete within the operation timeout, even through a dead network.",
    L8: "Long after everything works, the client is ready and stays so.",
    L9: "After healing, nothing goes wrong any more and nothing new is asked for, so that being stuck has no excuse.",
    L10: "Once everything works, what was told last of a watched shadow is how the service has it.",
}

impl Oracle {
    /// The oracle with this name.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|oracle| oracle.id() == id)
    }

    /// Who checks it.
    pub const fn checked_by(self) -> CheckedBy {
        match self {
            Self::S20 => CheckedBy::Chunks,
            Self::S30 => CheckedBy::Hash,
            _ => CheckedBy::Judge,
        }
    }
}
