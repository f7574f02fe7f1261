//! S25 to S28, and parts of S10, S15, S34, L3, L5 and L10: requests to device shadows, and watches.

use core::time::Duration;
use std::collections::BTreeMap;

use thingwire_core::{BackoffConfig, Instant, Outcome, Qos, Refusal, ShadowEvent, ShadowNotice, Unsent};

use super::judge::Seen;
use super::model::session::Carried;
use super::model::shadows::{Ask, Asked, Decided, Stage, Watch};
use super::model::{Life, Meaning};
use super::{Findings, Oracle, say};
use crate::trace::shadow::{Says, ShadowAsk, ShadowText, ShadowTopics, Verb};
use crate::trace::{Name, Packet, Published};

/// What messages have said at the present instant, and what was told of it.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    heard: Vec<Heard>,
    /// Shadows of which something was told from where versions begin anew.
    anew: Vec<Name>,
    /// What the answer to the last reading was, for each watch that was told of it at this instant.
    deleted: Vec<Name>,
    /// Since when requests might be published that are not.
    ready: BTreeMap<u64, Instant>,
}

/// A message that the client takes for itself.
#[derive(Debug)]
struct Heard {
    text: ShadowText,
    tag: u64,
    /// It answers a reading.
    read: bool,
    /// And may tell of the shadow before the one that is gone.
    of_gone: bool,
    /// It accepts a delete of the application's own.
    own_delete: bool,
}

impl Shadows {
    pub(super) fn received(&mut self, seen: &Seen<'_>, message: &Published) {
        let shadows = &seen.model.shadows;
        let Some(text) = shadows.text.as_ref().filter(|_| shadows.takes(message.topic) != Some(false)) else { return };
        if seen.meaning != Meaning::Message {
            return;
        }
        let read = shadows.read_by(text).is_some();
        let own_delete = text.says == Says::Accepted(Verb::Delete) && shadows.answered(text).is_some();
        let of_gone = read && shadows.watches.get(&text.shadow).is_some_and(|watch| watch.gone);
        self.heard.push(Heard { text: text.clone(), tag: message.tag, read, of_gone, own_delete });
    }

    /// Something was told of a watched shadow.
    pub(super) fn told(&mut self, seen: &Seen<'_>, notice: &ShadowNotice, findings: &mut Findings) {
        let shadow = ShadowTopics::of(&notice.shadow).shadow;
        let Some(watch) = seen.model.shadows.watches.get(&shadow) else {
            return findings.add(Oracle::S26, format!("{notice}, which is not watched"));
        };
        let newest = watch.delta.max(watch.current);
        let (in_order, caused) = match &notice.event {
            ShadowEvent::Delta(delta) => {
                let of_what_was_read = watch.current == Some(delta.version) && watch.delta < watch.current;
                let newer = Some(delta.version) > newest || of_what_was_read;
                (
                    newer,
                    self.caused(shadow, |heard| {
                        let says = heard.text.says == Says::Delta || heard.read;
                        says && heard.text.version == Some(delta.version) && heard.tag == Name::of(&delta.raw).0
                    }),
                )
            }
            ShadowEvent::Documents(documents) => {
                let version = Some(documents.current.version);
                let caused = |heard: &Heard| heard.text.says == Says::Documents && heard.text.version == version;
                (version > watch.documents, watch.ask.documents && self.caused(shadow, caused))
            }
            ShadowEvent::Current(document) => {
                let newer = document.version > watch.current && document.version >= watch.delta;
                (newer, self.caused(shadow, |heard| heard.read && heard.tag == Name::of(&document.raw).0))
            }
            ShadowEvent::Absent => (true, self.caused(shadow, |heard| heard.read && heard.text.code == Some(404))),
            ShadowEvent::Deleted { version } => {
                self.deleted.push(shadow);
                (
                    version.is_none() || *version >= watch.newest(),
                    self.caused(shadow, |heard| {
                        let watched = watch.ask.deletions && heard.text.says == Says::Accepted(Verb::Delete);
                        watched || heard.own_delete || heard.read && heard.text.version < watch.newest()
                    }),
                )
            }
            ShadowEvent::Unreadable(rejection) => {
                let closed = rejection.code.is_empty();
                let rejected = |heard: &Heard| heard.read && heard.text.code == rejection.status();
                (true, closed || self.caused(shadow, rejected))
            }
            ShadowEvent::Malformed(_) => (true, self.caused(shadow, |heard| !heard.text.makes_sense)),
            _ => (true, true),
        };
        findings.check(Oracle::S26, in_order, || format!("{notice}, after version {}", say::or_none(newest)));
        findings.check(Oracle::S26, caused, || format!("{notice}, and no message says so"));
        if matches!(notice.event, ShadowEvent::Absent | ShadowEvent::Deleted { .. }) {
            self.anew.push(shadow);
        }
    }

    fn caused(&self, shadow: Name, by: impl Fn(&Heard) -> bool) -> bool {
        self.heard.iter().any(|heard| heard.text.shadow == shadow && by(heard))
    }

    /// Everything that was to happen at an instant has happened.
    pub(super) fn settled(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        for heard in core::mem::take(&mut self.heard) {
            let Some(watch) = seen.model.shadows.watches.get(&heard.text.shadow) else { continue };
            // One that began at this instant may have begun after it.
            let new = watch.since == seen.at;
            if new || self.anew.contains(&heard.text.shadow) || !heard.text.makes_sense {
                continue;
            }
            let young = seen.at.since(watch.since) < seen.rules.config.requests.timeout;
            check_told(watch, &heard, young, self.deleted.contains(&heard.text.shadow), findings);
        }
        self.anew.clear();
        self.deleted.clear();
        if !seen.model.shadows.asks.is_empty() {
            overdue(seen, findings);
        }
        cut_short(seen, findings);
        if !seen.model.shadows.asks.is_empty() || !self.ready.is_empty() {
            self.follow_ready(seen);
        }
    }

    fn follow_ready(&mut self, seen: &Seen<'_>) {
        let (model, config) = (seen.model, &seen.rules.config);
        let room = model.ready_since.is_some()
            && model.online()
            && !model.blocked
            && model.held_since.is_none()
            && model.traffic.lossy_until(seen.rules).is_none_or(|until| seen.at > until)
            // Readings for watches take their turns as well.
            && model.shadows.in_flight() + model.shadows.reads.len() < config.requests.in_flight_max
            && model.session.publishes() < usize::from(config.in_flight_max)
            // What is not answered may be what everything else waits for: another request at once, a message after a time.
            && !model.session.iter().any(|bound| {
                let own = bound.what.is_own_request() || matches!(bound.what, Carried::Ask(..));
                bound.on_link && (own || seen.at.since(bound.sent_at) > answered_within(seen))
            });
        let waits = |ask: &Ask| ask.stage == Stage::Waiting && ask.decided.is_none();
        let ready = |ask: &Ask| room && waits(ask) && model.shadows.surely_hears_answers(ask.answers());
        self.ready.retain(|ticket, _| model.shadows.asks.get(ticket).is_some_and(ready));
        for (ticket, _) in model.shadows.asks.iter().filter(|(_, ask)| ready(ask)) {
            self.ready.entry(*ticket).or_insert(seen.at);
        }
    }

    /// A device that has slept could publish nothing meanwhile.
    pub(super) fn woken(&mut self, seen: &Seen<'_>) {
        if seen.model.announced.is_some_and(|due| seen.at > due + seen.rules.slack) {
            self.ready.clear();
        }
    }

    /// A request or the call of a watch has ended.
    pub(super) fn finished(&mut self, seen: &Seen<'_>, ticket: u64, outcome: &Outcome, findings: &mut Findings) {
        if let Some(ask) = seen.model.shadows.asks.get(&ticket) {
            request_ended(seen, ticket, ask, outcome, findings);
            // One that could be published for long enough was published.
            let waited = self.ready.remove(&ticket).filter(|_| ask.decided.is_none()).map(|since| seen.at.since(since));
            let forgotten = waited.is_some_and(|waited| waited > patience(seen));
            findings.check(Oracle::L3, !forgotten, || format!("request {ticket} could be published, and was not"));
        } else if let Some(watch) = seen.model.shadows.watch_of(ticket) {
            watch_ended(seen, watch, outcome, findings);
        } else {
            let granted = seen.model.shadows.cut_short.get(&ticket).is_some_and(|(_, granted)| *granted);
            let right = *outcome == Outcome::Discarded || granted && matches!(outcome, Outcome::Subscribed(_));
            findings.check(Oracle::S25, right, || format!("watch {ticket} ends ({outcome}), and was ended"));
        }
    }
}

/// What a message says was told, or something newer.
fn check_told(watch: &Watch, heard: &Heard, young: bool, deleted: bool, findings: &mut Findings) {
    let version = heard.text.version;
    let told = match heard.text.says {
        Says::Delta => watch.delta.max(watch.current) >= version,
        Says::Documents => !watch.ask.documents || watch.documents >= version,
        // A reading may have timed out, of which nobody is told; not so soon.
        Says::Accepted(Verb::Get) if heard.read && young => heard.of_gone || watch.delta.max(watch.current) >= version,
        // A late one is of a shadow that was made again since.
        Says::Accepted(Verb::Delete) if heard.own_delete || watch.ask.deletions => deleted || version < watch.newest(),
        _ => true,
    };
    findings.check(Oracle::S26, told, || {
        format!("{:?} of version {} is heard of a watched shadow and not told", heard.text.says, say::or_none(version))
    });
}

/// Calls of watches that are over.
fn cut_short(seen: &Seen<'_>, findings: &mut Findings) {
    for (ticket, (at, _)) in &seen.model.shadows.cut_short {
        let in_time = seen.at.since(*at) < seen.rules.slack;
        findings.check(Oracle::S1, in_time, || format!("watch {ticket} was ended, and nobody is told"));
    }
}

/// Requests whose time is over, and those that might have been published.
fn overdue(seen: &Seen<'_>, findings: &mut Findings) {
    let (model, slack) = (seen.model, seen.rules.slack);
    for (ticket, ask) in &model.shadows.asks {
        if let Some(Decided { at, .. }) = ask.decided {
            let in_time = seen.at.since(at) < slack;
            findings.check(Oracle::S25, in_time, || format!("request {ticket} has its end, and nobody is told"));
        } else if model.is_late(ask.request.deadline, slack) {
            findings.add(Oracle::L5, format!("request {ticket} goes on after {}", say::at(ask.request.deadline)));
        }
    }
}

/// How long the answer to a packet takes that is not lost; a second for the service's limits.
fn answered_within(seen: &Seen<'_>) -> Duration {
    seen.rules.round_trip_max + seen.rules.slack + Duration::from_secs(1)
}

/// How long a request may wait for its turn that may be published.
fn patience(seen: &Seen<'_>) -> Duration {
    seen.rules.config.operation_timeout + Duration::from_secs(2) + seen.rules.round_trip_max * 4 + seen.rules.slack
}

pub(super) fn refused(seen: &Seen<'_>, ask: Option<&ShadowAsk>, why: &Refusal, findings: &mut Findings) {
    let shadows = &seen.model.shadows;
    let right = match (why, ask) {
        (Refusal::Offline, Some(ask)) => !ask.waits && !seen.model.online(),
        (Refusal::TooManyRequests { count_max }, Some(_)) => shadows.live() + shadows.watches.len() >= *count_max,
        (Refusal::TokenInUse, Some(ask)) => {
            shadows.asks.values().any(|other| other.token.is_some() && other.token == ask.token)
        }
        _ => true,
    };
    findings.check(Oracle::S25, right, || format!("a request is refused without a reason: {why}"));
}

pub(super) fn accepted(seen: &Seen<'_>, ask: &ShadowAsk, findings: &mut Findings) {
    let allowed = ask.waits || seen.model.online();
    findings.check(Oracle::S25, allowed, || "a request that does not wait is accepted offline".into());
    let same = |other: &Ask| other.token.is_some() && other.token == ask.token;
    // One that has ended at this instant may not have been told yet.
    let live = |other: &Ask| other.decided.is_none() && other.request.deadline > seen.at;
    let twin = seen.model.shadows.asks.values().any(|other| same(other) && live(other));
    findings.check(Oracle::S25, !twin, || "two requests have one token".into());
}

pub(super) fn withdrawn(seen: &Seen<'_>, ticket: u64, in_time: bool, findings: &mut Findings) {
    let Some(ask) = seen.model.shadows.asks.get(&ticket) else { return };
    let sent = ask.was_sent();
    findings.check(Oracle::S25, !(in_time && sent), || format!("request {ticket} is withdrawn, and was published"));
}

fn watch_ended(seen: &Seen<'_>, watch: &Watch, outcome: &Outcome, findings: &mut Findings) {
    let ticket = watch.ticket;
    let shadows = &seen.model.shadows;
    let right = match outcome {
        Outcome::Subscribed(grants) => {
            grants.iter().all(Option::is_some) && watch.ask.streams().all(|filter| shadows.is_granted(filter))
        }
        Outcome::ConnectionClosed { times } => {
            *times >= seen.rules.config.closes_max
                && watch.ask.streams().any(|filter| shadows.closes_alone(filter) >= *times)
        }
        _ => false,
    };
    let what = || format!("watch {ticket} ends ({outcome}), and what it needs is not as that says");
    findings.check(Oracle::S27, right && !watch.begun, what);
}

fn request_ended(seen: &Seen<'_>, ticket: u64, ask: &Ask, outcome: &Outcome, findings: &mut Findings) {
    let tag = match outcome {
        Outcome::Accepted(reply) => Name::of(&reply.payload).0,
        Outcome::Rejected(rejection) => Name::of(&rejection.payload).0,
        _ => 0,
    };
    let deadline = ask.request.deadline;
    let on_time = seen.at + seen.rules.slack >= deadline && !seen.model.is_late(deadline, seen.rules.slack);
    let right = match (outcome, ask.decided) {
        (Outcome::Accepted(_), Some(decided)) => decided.accepted == Some(true) && decided.tag == tag,
        (Outcome::Rejected(_), Some(decided)) => decided.accepted == Some(false) && decided.tag == tag,
        (Outcome::Discarded, Some(decided)) => decided.accepted.is_none(),
        (Outcome::TimedOut, None) => on_time && ask.was_sent(),
        (Outcome::Unsent(why), None) => on_time && !ask.was_sent() && fits(seen, ask, *why),
        (Outcome::ConnectionClosed { times }, None) => closed(seen, ask, *times, findings),
        _ => false,
    };
    findings.check(Oracle::S25, right, || {
        let due = say::at(deadline);
        let answer = match ask.decided {
            None => "no answer",
            Some(Decided { accepted: Some(true), .. }) => "an answer that says yes",
            Some(Decided { accepted: Some(false), .. }) => "an answer that says no",
            Some(Decided { accepted: None, .. }) => "no time to answer: it was withdrawn",
        };
        format!("request {ticket}, due at {due}, ends ({outcome}); published: {}, with {answer}", ask.was_sent())
    });
}

fn fits(seen: &Seen<'_>, ask: &Ask, why: Unsent) -> bool {
    // After a sleep, its deadline and the end of the link are noticed together, each in its turn.
    let online = seen.model.online() || seen.model.link.gone_at == seen.at;
    match why {
        Unsent::Offline => seen.model.ready_since.is_none(),
        Unsent::NotSubscribed => online && !seen.model.shadows.surely_hears_answers(ask.answers()),
        Unsent::SubscriptionRefused => {
            let shadows = &seen.model.shadows;
            ask.answers()
                .iter()
                .any(|filter| shadows.refused.contains_key(filter) || shadows.condemned.contains(filter))
        }
        _ => online,
    }
}

fn closed(seen: &Seen<'_>, ask: &Ask, times: u32, findings: &mut Findings) -> bool {
    let of_filters = ask.answers().map(|filter| seen.model.shadows.closes_alone(filter));
    let cost = of_filters.into_iter().fold(ask.closes, u32::max);
    let max = seen.rules.config.closes_max;
    findings.check(Oracle::S34, times >= max && cost >= times, || {
        format!("a request is given up after {times} closes, and has cost {cost} alone")
    });
    true
}

/// The client sends something for requests and watches.
pub(super) fn sent(seen: &Seen<'_>, packet: &Packet, findings: &mut Findings) {
    match (seen.meaning, packet) {
        (Meaning::Ask(asked), Packet::Publish(publish)) => published(seen, asked, publish, findings),
        (Meaning::Own, Packet::Subscribe(id, filters)) => {
            asked_too_soon(seen, *id, filters, findings);
            let due = seen.model.filters.renewal_due() || seen.model.session.renewals() > 0;
            let what = || format!("SUBSCRIBE {id} for requests is sent before every subscription is renewed");
            findings.check(Oracle::S15, !due, what);
        }
        (Meaning::Own, Packet::Unsubscribe(id, filters)) => unsubscribed(seen, *id, filters, findings),
        _ => {}
    }
}

fn published(seen: &Seen<'_>, asked: Asked, publish: &Published, findings: &mut Findings) {
    let shadows = &seen.model.shadows;
    let answers = match asked {
        Asked::Request(ticket) => shadows.asks.get(&ticket).map(Ask::answers),
        Asked::Read(_) => shadows
            .text
            .as_ref()
            .and_then(|text| shadows.watches.get(&text.shadow))
            .map(|watch| watch.ask.topics.answers_to(Verb::Get)),
    };
    let heard = answers.is_some_and(|answers| shadows.hears_answers(answers));
    let what = || format!("request {} is published before its answers are subscribed to", publish.id);
    findings.check(Oracle::S27, heard, what);
    let in_flight = shadows.on_the_way(seen.at) + usize::from(matches!(asked, Asked::Request(_)));
    let max = seen.rules.config.requests.in_flight_max;
    findings.check(Oracle::S28, in_flight <= max, || format!("{in_flight} requests wait for an answer, {max} may"));
    if let Asked::Request(ticket) = asked {
        let cost = shadows.asks.get(&ticket).map_or(0, |ask| ask.closes);
        let max = seen.rules.config.closes_max;
        findings
            .check(Oracle::S34, cost < max, || format!("request {ticket} is sent again, and has cost {cost} links"));
    }
}

/// What was refused is asked for again only after a wait.
fn asked_too_soon(seen: &Seen<'_>, id: u16, filters: &[(Name, Qos)], findings: &mut Findings) {
    let shadows = &seen.model.shadows;
    for (filter, _) in filters {
        let Some(&refused) = shadows.refused.get(filter) else { continue };
        let waited = seen.at.since(refused) + seen.rules.slack >= BackoffConfig::default().floor;
        let soon = !waited && shadows.used_since(*filter, refused, seen.at);
        findings.check(Oracle::S27, !soon, || {
            format!("SUBSCRIBE {id} was refused, and comes again after {}", say::span(seen.at.since(refused)))
        });
    }
}

fn unsubscribed(seen: &Seen<'_>, id: u16, filters: &[Name], findings: &mut Findings) {
    let shadows = &seen.model.shadows;
    let waits = |ask: &Ask| ask.waits_for_answer() && ask.request.deadline > seen.at;
    for (ticket, ask) in shadows.asks.iter().filter(|(_, ask)| waits(ask)) {
        let used = ask.answers().iter().any(|filter| filters.contains(filter));
        let what = || format!("UNSUBSCRIBE {id} of the answers that request {ticket} waits for");
        findings.check(Oracle::S27, !used, what);
    }
    for watch in shadows.watches.values().filter(|watch| watch.begun) {
        let used = watch.ask.streams().any(|filter| filters.contains(&filter));
        let ticket = watch.ticket;
        findings.check(Oracle::S27, !used, || format!("UNSUBSCRIBE {id} of what watch {ticket} needs"));
    }
}

/// At the end: how the service has the shadow, and what was told of it last.
pub(super) fn stands(
    seen: &Seen<'_>,
    shadow: Name,
    stands: Option<(u64, bool)>,
    settled_by: Option<Instant>,
    findings: &mut Findings,
) {
    let model = seen.model;
    let quiet = settled_by.is_some_and(|by| seen.at >= by) && model.life == Life::Running;
    let Some(watch) = model.shadows.watches.get(&shadow).filter(|watch| quiet && watch.ask.reads) else { return };
    let Some((version, true)) = stands else { return };
    findings.check(Oracle::L10, watch.begun, || format!("watch {} has not begun", watch.ticket));
    let told = watch.delta.max(watch.current);
    // What somebody else was sent in the client's name is not sent again, and a session that is there tells nothing of it.
    let robbed = model.shadows.robbed_at.is_some_and(|at| watch.told_at.is_none_or(|told| told <= at));
    findings.check(Oracle::L10, robbed || told == Some(version), || {
        format!("a watched shadow is at version {version}, and the application knows of {}", say::or_none(told))
    });
}
