//! Device shadows: what the service does, and what others do to them.

use super::Made::{Always, By};
use super::{Draw, Made, Row};
use crate::plan::{
    BrokerFault, Fault, How, Meddling, Mood, PacketType, PlannedFault, ShadowFault, ShadowMessage, ShadowOrder, Span,
    Trigger, Whim,
};

const fn row(
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    oracles: &'static [&'static str],
    made: Made,
) -> Row {
    super::row(super::Family::Shadow, name, what, expected, oracles, made)
}

/// What requests are rejected with.
const CODES: [u16; 11] = [400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503];

pub(super) const ROWS: &[Row] = &[
    row(
        "SH1 rejected",
        "requests are rejected, with any code of the service's",
        "each ends once, rejected with that code; a watch reads again where the reason passes",
        &["S25"],
        By(|d| {
            let code = d.pick(&CODES);
            d.spoil(&[ShadowMessage::Any], Whim::Reject(code))
        }),
    ),
    row(
        "SH2 conflict",
        "updates are rejected because the shadow has another version",
        "rejected with 409; what follows is the application's to decide",
        &["S25", "L5"],
        By(|d| d.spoil(&[ShadowMessage::Any], Whim::Reject(409))),
    ),
    row(
        "SH3 busy",
        "the service takes fewer requests at a time than it says",
        "no more than ten wait for an answer; those beyond what it takes are rejected with 429",
        &["S25", "S28"],
        By(|d| {
            let most = d.between(0, 4);
            d.lasting(1_000, 60_000, Fault::ShadowService(ShadowFault::Busy(most)))
        }),
    ),
    row(
        "SH4 no-reply",
        "answers are lost, or come after the request's time",
        "timed out exactly at the deadline; a late answer has no effect",
        &["S25", "L5"],
        By(|d| match d.below(3) {
            0 => d.spoil(&[ShadowMessage::Accepted, ShadowMessage::Rejected], Whim::Drop),
            1 => {
                let span = d.millis(1_000, 30_000);
                d.spoil(&[ShadowMessage::Accepted, ShadowMessage::Rejected], Whim::Delay(span))
            }
            _ => d.lasting(500, 60_000, Fault::ShadowService(ShadowFault::Absent)),
        }),
    ),
    row(
        "SH5 duplicate",
        "answers and notifications come more than once",
        "the first counts",
        &["S25", "S26"],
        By(|d| {
            let more = d.pick(&[1, 1, 2, 3]);
            d.spoil(&[ShadowMessage::Any, ShadowMessage::Accepted, ShadowMessage::Rejected], Whim::Duplicate(more))
        }),
    ),
    row(
        "SH6 other-order",
        "answers come in another order than the requests",
        "each finds its request",
        &["S25"],
        By(|d| {
            let span = d.millis(10, 3_000);
            d.spoil(&[ShadowMessage::Accepted, ShadowMessage::Any], Whim::Delay(span))
        }),
    ),
    row(
        "SH7 foreign-token",
        "answers have no token, or one that is nobody's and too long",
        "they belong to nobody here",
        &["S25"],
        By(|d| {
            let how = d.pick(&[Whim::WithoutToken, Whim::ForeignToken]);
            d.spoil(&[ShadowMessage::Accepted, ShadowMessage::Rejected, ShadowMessage::Any], how)
        }),
    ),
    row(
        "SH8 other-kind",
        "an answer comes on the topic of another kind of request",
        "it answers nothing: token, kind and shadow have to fit",
        &["S25"],
        By(|d| d.spoil(&[ShadowMessage::Accepted, ShadowMessage::Rejected], Whim::OtherCall)),
    ),
    row(
        "SH9 delta-order",
        "deltas are late, repeated or missing",
        "nothing older and nothing twice is told; what is older makes the watch read the shadow",
        &["S26", "L10"],
        By(|d| {
            let span = d.millis(10, 10_000);
            let how = d.pick(&[Whim::Delay(span), Whim::Duplicate(1), Whim::Drop, Whim::Garbled]);
            d.spoil(&[ShadowMessage::Delta, ShadowMessage::Delta, ShadowMessage::Documents], how)
        }),
    ),
    row(
        "SH10 older-version",
        "answers and deltas have an older version than others before, and the answer comes before the delta",
        "nothing is forgotten for it",
        &["S26", "L10"],
        By(|d| {
            if d.chance(50) {
                let order = d.pick(&[ShadowOrder::AcceptedFirst, ShadowOrder::Changing]);
                return d.lasting(10_000, 300_000, Fault::ShadowService(ShadowFault::Order(order)));
            }
            let less = u64::from(d.between(1, 5));
            d.spoil(&[ShadowMessage::Any, ShadowMessage::Accepted, ShadowMessage::Delta], Whim::OlderVersion(less))
        }),
    ),
    row(
        "SH11 deleted",
        "somebody deletes the shadow, and perhaps makes it anew; versions go on or begin anew",
        "after a deletion any version may follow, and what the shadow is then is told",
        &["S26", "L10"],
        By(|d| {
            let (at, again, forgetful) = (d.time(), d.chance(60), d.chance(50));
            let fault = if again { ShadowFault::Recreate } else { ShadowFault::Delete };
            let mut faults = Vec::new();
            if forgetful {
                faults.extend(d.when(
                    Trigger::At(at),
                    Some(Span::secs(1)),
                    Fault::ShadowService(ShadowFault::Forgetful),
                ));
            }
            faults.extend(d.when(Trigger::At(at), None, Fault::ShadowService(fault)));
            faults
        }),
    ),
    row(
        "SH12 lost-between",
        "the connection breaks between a request and its answer",
        "the request lives on until its deadline; what the server has not acknowledged is published again",
        &["S25", "L10"],
        By(|d| {
            let (latency, nth) = (d.millis(100, 3_000), d.between(1, 30));
            let after = d.millis(1, 1_000);
            let how = d.pick(&[How::Reset, How::Fin]);
            let when = Trigger::OnSent { packet: PacketType::Publish, nth, after };
            let mut faults = d.lasting(5_000, 60_000, Fault::ShadowService(ShadowFault::Slow(latency)));
            faults.extend(d.when(when, None, Fault::Cut { how, after: None }));
            faults
        }),
    ),
    row(
        "SH13 not-subscribed",
        "the server refuses the subscription to answers or notifications, or does not answer",
        "no request is published; each ends unsent at its deadline, and the subscription is asked for again",
        &["S27", "L10"],
        By(|d| match d.below(3) {
            0 => {
                let ends =
                    ["", "device-0/shadow/get/accepted", "device-0/shadow/update/delta", "device-0/shadow/delete"];
                let prefix = format!("$aws/things/{}", d.pick(&ends));
                d.lasting(1_000, 60_000, Fault::Broker(BrokerFault::DenySubscribe(prefix)))
            }
            1 => d.meddle(PacketType::Suback, 6, Meddling::RefuseFilter),
            _ => d.meddle(PacketType::Suback, 6, Meddling::Drop),
        }),
    ),
    row(
        "SH14 unsubscribed",
        "subscriptions are given up while new requests come",
        "none is given up that a request waits for",
        &["S27"],
        Always,
    ),
    row(
        "SH15 garbled",
        "messages end in the middle, or are no JSON",
        "an answer that cannot be read belongs to nobody; a notification is told to make no sense",
        &["S25", "S26"],
        By(|d| d.spoil(&[ShadowMessage::Any, ShadowMessage::Delta, ShadowMessage::Accepted], Whim::Garbled)),
    ),
    row(
        "SH16 delta-before-read",
        "after a lost session a delta comes before the answer to the reading",
        "the versions decide",
        &["S26", "L10"],
        By(|d| {
            let (latency, at) = (d.millis(100, 3_000), d.time());
            let mut faults =
                d.when(Trigger::At(at), Some(Span::secs(30)), Fault::ShadowService(ShadowFault::Slow(latency)));
            faults.extend(d.when(Trigger::At(at), None, Fault::Broker(BrokerFault::ForgetSession)));
            faults.extend(d.when(Trigger::At(at), None, Fault::Broker(BrokerFault::Kick)));
            faults
        }),
    ),
    row("SH17 too-large", "an update is larger than the service takes", "refused at the call", &["S10"], Always),
    row(
        "SH18 names-mixed",
        "the classic shadow of a thing is used beside named ones",
        "each answer finds the shadow that was asked for",
        &["S25"],
        Always,
    ),
];

impl Draw<'_> {
    /// A few of the service's messages of one of these kinds, spoilt within two minutes.
    fn spoil(&mut self, kinds: &[ShadowMessage], how: Whim) -> Vec<PlannedFault> {
        let (to, every, count) = (self.pick(kinds), self.between(1, 3), self.between(1, 12));
        self.lasting(1_000, 120_000, Fault::Shadows(Mood { to, every, count, how }))
    }
}
