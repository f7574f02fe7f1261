//! Where the client stands, and the one function that moves it.

use core::fmt;

/// Where the client stands.
///
/// What moves it, and where to:
///
/// ```text
/// Idle             Start → Opening, StartLater → BackingOff
/// Opening          Stop → Idle, LinkUp → AwaitingConnack, LinkLost → BackingOff
/// AwaitingConnack  Stop → Idle, Accepted → Resubscribing, LinkLost → BackingOff
/// Resubscribing    Stop → Closing, Resubscribed → Draining, LinkLost → BackingOff
/// Draining         Stop → Closing, Drained → Ready, LinkLost → BackingOff
/// Ready            Stop → Closing, LinkLost → BackingOff
/// BackingOff       Stop → Idle, RetryDue → Opening
/// Closing          LinkLost → Idle, DisconnectSent → Idle
/// ```
///
/// A link is lost when the driver says so, and when the client gives it up: no answer in time, a refusal, a broken
/// protocol. A start comes later when the last CONNECT is too recent. Nothing else moves the client; the page about
/// [the life of a connection](https://github.com/thingwire/thingwire/blob/main/docs/lifecycle.md) tells it at length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Nothing happens until `start`.
    Idle,
    /// The driver makes a link.
    Opening,
    /// CONNECT is on its way.
    AwaitingConnack,
    /// The server has lost the session; subscriptions are being renewed.
    Resubscribing,
    /// What had been accepted before the connection was is being sent.
    Draining,
    /// New operations are sent at once.
    Ready,
    /// A wait before the next attempt.
    BackingOff,
    /// DISCONNECT is on its way.
    Closing,
}

#[cfg(feature = "trace")]
crate::wire::variants!(Phase {
    0 = Idle,
    1 = Opening,
    2 = AwaitingConnack,
    3 = Resubscribing,
    4 = Draining,
    5 = Ready,
    6 = BackingOff,
    7 = Closing,
});

/// What moves the client from phase to phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Start,
    /// The last CONNECT is too recent for `Start` to open a link at once.
    StartLater,
    Stop,
    RetryDue,
    LinkUp,
    Accepted,
    Resubscribed,
    Drained,
    LinkLost,
    DisconnectSent,
}

impl Phase {
    /// The phase after `signal`, or `None` where the signal means nothing.
    pub(crate) fn after(self, signal: Signal) -> Option<Self> {
        use Phase::{AwaitingConnack, BackingOff, Closing, Draining, Idle, Opening, Ready, Resubscribing};
        Some(match (self, signal) {
            (Idle, Signal::Start) | (BackingOff, Signal::RetryDue) => Opening,
            (Idle, Signal::StartLater) => BackingOff,
            (Opening, Signal::LinkUp) => AwaitingConnack,
            (AwaitingConnack, Signal::Accepted) => Resubscribing,
            (Resubscribing, Signal::Resubscribed) => Draining,
            (Draining, Signal::Drained) => Ready,
            (Opening | AwaitingConnack | Resubscribing | Draining | Ready, Signal::LinkLost) => BackingOff,
            // Before CONNACK nothing may be sent (B-5), so there is nobody to say goodbye to.
            (Opening | AwaitingConnack | BackingOff, Signal::Stop) => Idle,
            (Resubscribing | Draining | Ready, Signal::Stop) => Closing,
            (Closing, Signal::LinkLost | Signal::DisconnectSent) => Idle,
            _ => return None,
        })
    }

    /// The phase in plain words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Opening | Self::AwaitingConnack => "connecting",
            Self::Resubscribing => "restoring subscriptions",
            Self::Draining => "sending what waited",
            Self::Ready => "ready",
            Self::BackingOff => "waiting to reconnect",
            Self::Closing => "closing",
        }
    }

    /// Whether the server has accepted the link.
    pub const fn is_online(self) -> bool {
        matches!(self, Self::Resubscribing | Self::Draining | Self::Ready)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use core::fmt::Write;

    use super::*;

    const PHASES: [Phase; 8] = [
        Phase::Idle,
        Phase::Opening,
        Phase::AwaitingConnack,
        Phase::Resubscribing,
        Phase::Draining,
        Phase::Ready,
        Phase::BackingOff,
        Phase::Closing,
    ];
    const SIGNALS: [Signal; 10] = [
        Signal::Start,
        Signal::StartLater,
        Signal::Stop,
        Signal::RetryDue,
        Signal::LinkUp,
        Signal::Accepted,
        Signal::Resubscribed,
        Signal::Drained,
        Signal::LinkLost,
        Signal::DisconnectSent,
    ];

    #[test]
    fn transition_table() {
        let mut table = String::new();
        for signal in SIGNALS {
            write!(table, "{:<15}", format!("{signal:?}")).unwrap();
            for phase in PHASES {
                let next = phase.after(signal).map_or("-".to_owned(), |next| format!("{next:?}"));
                write!(table, " {next:<15}").unwrap();
            }
            table.truncate(table.trim_end().len());
            table.push('\n');
        }
        let header = PHASES.map(|phase| format!("{:<15}", format!("{phase:?}"))).join(" ");
        insta::assert_snapshot!(format!("{:<15} {}\n{table}", "", header.trim_end()));
    }

    #[test]
    fn the_documentation_of_the_phases_has_every_transition() {
        let mut list = String::new();
        for phase in PHASES {
            let next = |signal: &Signal| phase.after(*signal).map(|next| format!("{signal:?} → {next:?}"));
            let transitions: Vec<_> = SIGNALS.iter().filter_map(next).collect();
            writeln!(list, "/// {:<16} {}", format!("{phase:?}"), transitions.join(", ")).unwrap();
        }
        let block = format!("/// ```text\n{list}/// ```\n");
        assert!(include_str!("phase.rs").contains(&block), "it has to contain\n{block}");
    }

    #[test]
    fn transition_graph() {
        let mut dot = String::from("digraph phase {\n");
        for phase in PHASES {
            for signal in SIGNALS {
                if let Some(next) = phase.after(signal) {
                    writeln!(dot, "  {phase:?} -> {next:?} [label=\"{signal:?}\"];").unwrap();
                }
            }
        }
        insta::assert_snapshot!(dot + "}");
    }
}
