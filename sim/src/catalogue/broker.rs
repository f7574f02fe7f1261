//! What the broker does.

use super::Made::{Always, By, Elsewhere};
use super::{Draw, Made, Row};
use crate::plan::{BrokerFault, Fault, Garbage, Meddling, PacketType, PlannedFault, Span};

const fn row(
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    oracles: &'static [&'static str],
    made: Made,
) -> Row {
    super::row(super::Family::Broker, name, what, expected, oracles, made)
}

pub(super) const ROWS: &[Row] = &[
    row(
        "B1 refused",
        "CONNECT is refused with 1, 2, 4 or 5",
        "never online; the longest wait at once, because hands may be needed",
        &["S11", "S14", "S35"],
        By(|d| {
            let code = d.pick(&[1, 2, 4, 5]);
            d.refuse(BrokerFault::Refuse(code))
        }),
    ),
    row(
        "B2 unavailable",
        "CONNECT is refused with 3",
        "another attempt after a growing wait",
        &["S11", "S35"],
        By(|d| d.refuse(BrokerFault::Refuse(3))),
    ),
    row(
        "B3 strange-connack",
        "CONNACK has a code above 5, or flags that it cannot have",
        "a protocol error; another attempt after a wait",
        &["S11", "S21"],
        By(|d| {
            let code = u8::try_from(d.between(6, 255)).unwrap_or(6);
            let how = d.pick(&[Meddling::ReturnCode(code), Meddling::WrongFlags, Meddling::TrailingByte]);
            d.answer_to_connect(how)
        }),
    ),
    row(
        "B4 second-connack",
        "CONNACK comes a second time",
        "a protocol error",
        &["S21"],
        By(|d| d.once(Fault::Inject(Garbage::SecondConnack))),
    ),
    row(
        "B5 too-early",
        "another packet comes before CONNACK",
        "a protocol error",
        &["S14", "S21"],
        By(|d| {
            let early = [Garbage::UnknownPuback, Garbage::UnknownSuback, Garbage::UnaskedPingresp];
            let (packet, nth) = (d.pick(&early), d.between(1, 4));
            let sent = crate::plan::Trigger::OnSent { packet: PacketType::Connect, nth, after: Span::default() };
            d.when(sent, None, Fault::Inject(packet))
        }),
    ),
    row(
        "B6 session-lie",
        "CONNACK says the contrary of what is true about the session",
        "the client cannot know; nothing is lost that it holds itself",
        &["S1", "S2", "S10"],
        By(|d| d.answer_to_connect(Meddling::FlipSessionPresent)),
    ),
    row(
        "B7 session-lost",
        "the broker has forgotten the session",
        "resubscribes first, then publishes again as new",
        &["S6", "S15", "L4"],
        By(|d| {
            let mut faults = d.once(Fault::Broker(BrokerFault::ForgetSession));
            let when = faults[0].when;
            faults.extend(d.when(when, None, Fault::Broker(BrokerFault::Kick)));
            faults
        }),
    ),
    row(
        "B8 session-of-clean-connect",
        "a session is claimed to exist although a clean one was asked for",
        "a protocol error [MQTT-3.2.2-1]",
        &["S24"],
        By(|d| d.answer_to_connect(Meddling::FlipSessionPresent)),
    ),
    row(
        "B9 filter-refused",
        "SUBACK refuses one of several filters",
        "that one is reported, and not renewed; the others work",
        &["S23"],
        By(|d| d.meddle(PacketType::Suback, 3, Meddling::RefuseFilter)),
    ),
    row(
        "B10 granted-less",
        "SUBACK grants a lower quality of service",
        "reported as granted",
        &["S23"],
        By(|d| d.meddle(PacketType::Suback, 3, Meddling::GrantLess)),
    ),
    row(
        "B11 suback-count",
        "SUBACK has an answer too many, or an id that nobody waits for",
        "a protocol error, or ignored",
        &["S3", "S23"],
        By(|d| {
            let how = d.pick(&[Meddling::OneMore, Meddling::WrongId]);
            d.meddle(PacketType::Suback, 2, how)
        }),
    ),
    row(
        "B12 suback-lost",
        "SUBACK never comes",
        "the operation ends at its timeout, or is sent again under its id",
        &["S4", "S5", "L2"],
        By(|d| {
            let packet = d.pick(&[PacketType::Suback, PacketType::Unsuback]);
            d.meddle(packet, 2, Meddling::Drop)
        }),
    ),
    row(
        "B13 not-allowed",
        "the broker closes the connection on a publish or refuses a filter, every time",
        "the operation is given up after a few times and reported; no endless loop",
        &["S11", "S34"],
        By(|d| {
            let deny = [
                BrokerFault::DenyPublish(DENIED.to_owned()),
                BrokerFault::DenyPublish(String::new()),
                BrokerFault::DenySubscribe(String::new()),
            ];
            let fault = d.pick(&deny);
            d.lasting(1_000, 90_000, Fault::Broker(fault))
        }),
    ),
    row(
        "B14 kicked",
        "the broker closes without a reason",
        "offline as closed; the first attempt not before 1 s",
        &["S12", "S35"],
        By(|d| d.once(Fault::Broker(BrokerFault::Kick))),
    ),
    row(
        "B15 takeover",
        "somebody else connects with the same client id, again and again",
        "waits grow: no war faster than one connection a second",
        &["S11", "S12"],
        By(|d| {
            let times = d.between(1, 8);
            (0..times).flat_map(|_| d.once(Fault::Broker(BrokerFault::Takeover))).collect()
        }),
    ),
    row(
        "B16 client-packet",
        "the broker sends a packet that only clients may send",
        "a protocol error",
        &["S21"],
        By(|d| d.once(Fault::Inject(Garbage::ClientPacket))),
    ),
    row(
        "B17 keep-alive",
        "the broker closes after one and a half keep-alives of silence",
        "never happens to a healthy client",
        &["S18"],
        Always,
    ),
    row(
        "B18 throttled",
        "acknowledgements come late because too much is published",
        "the drain stays below its rate; nothing is lost",
        &["S16", "S8"],
        By(|d| {
            let rate = d.between(1, 5);
            d.lasting(1_000, 60_000, Fault::Broker(BrokerFault::Throttle(rate)))
        }),
    ),
    row(
        "B19 connect-throttled",
        "CONNECT is answered by closing, for a while",
        "waits grow",
        &["S11", "S12"],
        By(|d| d.refuse(BrokerFault::RefuseSilently)),
    ),
    row(
        "B20 inbound-window",
        "a hundred messages to the client are not acknowledged",
        "never on the client's side: its own window is no larger",
        &["S8"],
        Always,
    ),
    row(
        "B21 restart",
        "the broker restarts, and keeps its sessions or not",
        "offline and back; what was held is sent",
        &["S15", "L1", "L2"],
        By(|d| {
            let forget = d.chance(50);
            d.once(Fault::Broker(BrokerFault::Restart { forget }))
        }),
    ),
    row(
        "B22 brown-out",
        "the broker accepts, and answers CONNECT slowly",
        "attempts do not pile up: waits grow",
        &["S11", "S19"],
        By(|d| {
            let slow = d.millis(500, 20_000);
            d.refuse(BrokerFault::SlowConnack(slow))
        }),
    ),
    row(
        "B23 qos-2",
        "a QoS 2 message arrives",
        "a protocol error, never a silent loss",
        &["S21"],
        By(|d| d.once(Fault::Inject(Garbage::PublishQos2))),
    ),
    row("B24 overlap", "two filters match one message", "delivered as often as it arrives", &["S22"], Always),
    row(
        "B25 payload-too-long",
        "the application publishes more than the service takes",
        "refused at the call",
        &["S10"],
        Elsewhere("core tests: limits"),
    ),
    row(
        "B26 topic-too-deep",
        "the application publishes to a topic that the service does not take",
        "refused at the call",
        &["S10"],
        Elsewhere("core tests: limits"),
    ),
    row(
        "B27 many-filters",
        "more filters are subscribed to than one request or one connection may have",
        "refused, or spread over requests",
        &["S23"],
        Elsewhere("core tests: subscriptions"),
    ),
];

/// What nothing else publishes to, so that a refusal hits one operation.
const DENIED: &str = "dt/device-0/0";

impl Draw<'_> {
    /// CONNECT meets this for a while, and the connection there is ends, or nobody would notice.
    fn refuse(&mut self, fault: BrokerFault) -> Vec<PlannedFault> {
        let (when, lasts) = (crate::plan::Trigger::At(self.time()), self.millis(1_000, 180_000));
        let mut faults = self.when(when, Some(lasts), Fault::Broker(fault));
        faults.extend(self.cut_at(when));
        faults
    }

    /// The next CONNACKs are changed, and the connection there is ends.
    fn answer_to_connect(&mut self, how: Meddling) -> Vec<PlannedFault> {
        let (when, lasts, count) =
            (crate::plan::Trigger::At(self.time()), self.millis(1_000, 60_000), self.between(1, 3));
        let meddle = Fault::Meddle { packet: PacketType::Connack, every: 1, count, how };
        let mut faults = self.when(when, Some(lasts), meddle);
        faults.extend(self.cut_at(when));
        faults
    }
}
