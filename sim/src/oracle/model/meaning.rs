//! What a record means to a client, before it has its effect.

use thingwire_core::{Instant, Qos};

use super::Model;
use super::link::Stage;
use super::operations::{Kind, same_message};
use super::session::{Bound, Carried};
use super::shadows::Asked;
use crate::oracle::Rulebook;
use crate::trace::{Name, Packet, Published, What};

/// What a record means to the client as the model knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::oracle) enum Meaning {
    /// Nothing more than it says.
    Plain,
    /// An operation is sent as new; whether older ones still wait.
    First {
        ticket: u64,
        overtaking: bool,
    },
    /// A packet is sent again under its id; whether on the link that has carried it before.
    Again {
        same_link: bool,
        sent_at: Instant,
    },
    /// A SUBSCRIBE of the client's own, for subscriptions that the server has lost.
    Renewal,
    /// A SUBSCRIBE or UNSUBSCRIBE of the client's own, for requests to shadows and watches.
    Own,
    /// A PUBLISH of a request to a shadow, or of a watch that reads one.
    Ask(Asked),
    /// Nobody asked for that.
    Stray,
    /// The answer to an operation.
    Answer(u64),
    /// The answer to a SUBSCRIBE of the client's own.
    RenewalAnswer,
    /// The answer to a packet of the client's own for shadows; whether the client may have given it up.
    OwnAnswer {
        late: bool,
    },
    /// The acknowledgement of a PUBLISH of the client's own.
    AskAcked(Asked),
    /// The answer to what was given up.
    LateAnswer,
    /// The answer to nothing.
    Inert,
    /// A message.
    Message,
    /// CONNACK, for better or worse.
    Accepts {
        resumed: bool,
    },
    Refuses(u8),
    /// What a server must not send.
    Forbidden(&'static str),
    /// It is for a link that the client does not listen to.
    Ignored,
    /// The end of an operation that has not ended before, or of no such.
    Ends,
    EndsNothing,
}

impl Model {
    /// What a record means, before it has its effect.
    pub(in crate::oracle) fn read(&self, what: &What, rules: &Rulebook) -> Meaning {
        match what {
            What::Sent(_, packet) => self.read_sent(packet),
            What::Received(link, packet) if self.hears(*link) => self.read_received(packet, rules),
            What::Received(..) => Meaning::Ignored,
            What::Finished { ticket, .. } => {
                let live = self.ops.get(*ticket).is_some()
                    || self.shadows.asks.contains_key(ticket)
                    || self.shadows.watch_of(*ticket).is_some()
                    || self.shadows.cut_short.contains_key(ticket);
                if live { Meaning::Ends } else { Meaning::EndsNothing }
            }
            _ => Meaning::Plain,
        }
    }

    fn hears(&self, link: u64) -> bool {
        self.link.number == link
            && matches!(self.link.stage, Stage::Up | Stage::Online)
            && self.link.forbidden.is_none()
            && self.link.refused.is_none()
            && !self.link.left
    }

    fn read_sent(&self, packet: &Packet) -> Meaning {
        match packet {
            Packet::Publish(publish) => self.read_publish(publish),
            Packet::Subscribe(id, filters) => match self.session.get(*id) {
                Some(bound) if self.carries(&bound.what, filters) => {
                    Meaning::Again { same_link: bound.on_link, sent_at: bound.sent_at }
                }
                _ if self.filters.are_to_renew(filters) => Meaning::Renewal,
                _ => match self.first(|kind| matches!(kind, Kind::Subscribe(asked) if asked == filters)) {
                    Meaning::Stray if self.shadows.are_asked_for(filters.iter().map(|(name, _)| name)) => Meaning::Own,
                    meaning => meaning,
                },
            },
            Packet::Unsubscribe(id, filters) => {
                let fits = |kind: &Kind| matches!(kind, Kind::Unsubscribe(asked) if asked == filters);
                if let Some(bound) = self.session.get(*id) {
                    if matches!(&bound.what, Carried::OwnUnsubscribe(own) if own == filters) {
                        return Meaning::Again { same_link: bound.on_link, sent_at: bound.sent_at };
                    }
                }
                let bound = self.session.get(*id).filter(|bound| {
                    let op = bound.what.ticket().and_then(|ticket| self.ops.get(ticket));
                    op.is_some_and(|op| fits(&op.kind))
                });
                match bound {
                    Some(bound) => Meaning::Again { same_link: bound.on_link, sent_at: bound.sent_at },
                    None => match self.first(fits) {
                        Meaning::Stray if self.shadows.are_asked_for(filters.iter()) => Meaning::Own,
                        meaning => meaning,
                    },
                }
            }
            _ => Meaning::Plain,
        }
    }

    fn read_publish(&self, publish: &Published) -> Meaning {
        if let Some(bound) = self.session.get(publish.id).filter(|_| publish.qos == Qos::AtLeastOnce) {
            let carried = match bound.what {
                Carried::Ask(asked, _) => bound.what.publish().or_else(|| self.shadows.carried(asked)),
                _ => bound.what.ticket().and_then(|ticket| self.ops.get(ticket)).and_then(|op| op.publish()),
            };
            if carried.is_some_and(|carried| same_message(carried, publish)) {
                return Meaning::Again { same_link: bound.on_link, sent_at: bound.sent_at };
            }
        }
        match self.first(|kind| matches!(kind, Kind::Publish(asked) if same_message(asked, publish))) {
            Meaning::Stray => self.shadows.asked(publish).map_or(Meaning::Stray, Meaning::Ask),
            meaning => meaning,
        }
    }

    fn carries(&self, what: &Carried, filters: &[(Name, Qos)]) -> bool {
        match what {
            Carried::Renewal(names) => filters.iter().map(|(filter, _)| filter).eq(names.iter()),
            Carried::Subscribe(ticket, _) => {
                let op = self.ops.get(*ticket);
                op.is_some_and(|op| matches!(&op.kind, Kind::Subscribe(asked) if **asked == *filters))
            }
            Carried::OwnSubscribe(names) => filters.iter().map(|(filter, _)| filter).eq(names.iter()),
            Carried::Publish(_)
            | Carried::Unsubscribe(_)
            | Carried::Ask(..)
            | Carried::OwnUnsubscribe(_)
            | Carried::GivenUp => false,
        }
    }

    fn first(&self, fits: impl Fn(&Kind) -> bool) -> Meaning {
        let mut overtaking = false;
        for op in self.ops.queue().filter(|op| !op.passed) {
            if fits(&op.kind) {
                return Meaning::First { ticket: op.ticket, overtaking };
            }
            overtaking = true;
        }
        match self.ops.queue().find(|op| fits(&op.kind)) {
            Some(op) => Meaning::First { ticket: op.ticket, overtaking: false },
            None => Meaning::Stray,
        }
    }

    fn read_received(&self, packet: &Packet, rules: &Rulebook) -> Meaning {
        if self.link.connect_at.is_none() {
            return Meaning::Forbidden("a packet before CONNECT");
        }
        if self.link.stage == Stage::Up {
            return match *packet {
                Packet::Connack { present: true, code: 0 } if rules.config.clean_session => {
                    Meaning::Forbidden("a session of a clean connect")
                }
                Packet::Connack { present, code: 0 } => Meaning::Accepts { resumed: present },
                Packet::Connack { present: false, code: code @ 1..=5 } => Meaning::Refuses(code),
                _ => Meaning::Forbidden("another first packet than a valid CONNACK"),
            };
        }
        match packet {
            Packet::Publish(publish) if publish.qos == Qos::AtLeastOnce && publish.id == 0 => {
                Meaning::Forbidden("a message with packet id 0")
            }
            Packet::Publish(_) => Meaning::Message,
            Packet::Puback(0) | Packet::Suback(0, _) | Packet::Unsuback(0) => Meaning::Forbidden("packet id 0"),
            Packet::Puback(id) => match self.session.get(*id).map(|bound| &bound.what) {
                Some(Carried::Publish(ticket)) => Meaning::Answer(*ticket),
                Some(Carried::Ask(asked, _)) => Meaning::AskAcked(*asked),
                _ => Meaning::Inert,
            },
            Packet::Suback(id, codes) => self.read_suback(*id, codes, rules),
            Packet::Unsuback(id) => match self.session.get(*id).map(|bound| &bound.what) {
                Some(Carried::OwnUnsubscribe(_)) => Meaning::OwnAnswer { late: self.is_overdue(*id, rules) },
                Some(Carried::Unsubscribe(ticket)) => Meaning::Answer(*ticket),
                Some(Carried::GivenUp) => Meaning::LateAnswer,
                _ => Meaning::Inert,
            },
            Packet::Pingresp => Meaning::Plain,
            Packet::Connack { .. } => Meaning::Forbidden("a second CONNACK"),
            _ => Meaning::Forbidden("what a server never sends"),
        }
    }

    /// Whether the client may have given up waiting for the answer to this packet.
    fn is_overdue(&self, id: u16, rules: &Rulebook) -> bool {
        let over = |bound: &Bound| bound.answer_due.is_none_or(|due| self.now + rules.slack >= due);
        self.session.get(id).is_some_and(over)
    }

    fn read_suback(&self, id: u16, codes: &[u8], rules: &Rulebook) -> Meaning {
        if codes.iter().any(|code| !matches!(code, 0 | 1 | 0x80)) {
            return Meaning::Forbidden("a return code that was not asked for");
        }
        match self.session.get(id).map(|bound| &bound.what) {
            Some(Carried::Subscribe(ticket, count)) if *count == codes.len() => Meaning::Answer(*ticket),
            Some(Carried::Renewal(filters)) if filters.len() == codes.len() => Meaning::RenewalAnswer,
            Some(Carried::OwnSubscribe(filters)) => match self.is_overdue(id, rules) {
                late if late || filters.len() == codes.len() => Meaning::OwnAnswer { late },
                _ => Meaning::Forbidden("a SUBACK of another length"),
            },
            Some(Carried::Subscribe(..) | Carried::Renewal(_)) => Meaning::Forbidden("a SUBACK of another length"),
            Some(Carried::GivenUp) => Meaning::LateAnswer,
            _ => Meaning::Inert,
        }
    }
}
