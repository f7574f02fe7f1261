//! The byte stream.

use super::Made::By;
use super::{Draw, Made, Row};
use crate::plan::{ConnectFault, Direction, Fault, How, Network, PacketType, PhaseName, PlannedFault, Span, Trigger};

const fn row(
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    oracles: &'static [&'static str],
    made: Made,
) -> Row {
    super::row(super::Family::Stream, name, what, expected, oracles, made)
}

pub(super) const ROWS: &[Row] = &[
    row(
        "T1 fragmented",
        "packets arrive in pieces, down to one byte",
        "nothing changes",
        &["S20"],
        By(|d| {
            let segment_len_max = d.between(1, 8);
            d.shape(Network { fragmented: true, segment_len_max, ..Network::default() })
        }),
    ),
    row(
        "T2 coalesced",
        "many packets arrive at once",
        "all are handled, in order",
        &["S20"],
        By(|d| {
            let lasts = d.millis(50, 3_000);
            let when = d.moment();
            d.when(when, Some(lasts), Fault::Hold(Direction::ToClient))
        }),
    ),
    row(
        "T3 small-writes",
        "the socket takes a few bytes at a time",
        "what is left follows in order, and nothing comes between",
        &["S13", "S21"],
        By(|d| {
            let most = d.between(1, 40);
            d.lasting(1_000, 60_000, Fault::SmallWrites(most))
        }),
    ),
    row(
        "T4 reset-to-broker",
        "the connection is reset at any byte on its way to the broker",
        "offline and back; what was not acknowledged is sent again",
        &["S2", "S10"],
        By(|d| d.cut(How::Reset, Direction::ToBroker)),
    ),
    row(
        "T5 cut-to-client",
        "the connection ends at any byte on its way to the client",
        "the partial packet is dropped, nothing of it is delivered",
        &["S21"],
        By(|d| {
            let how = d.pick(&[How::Fin, How::Reset]);
            d.cut(how, Direction::ToClient)
        }),
    ),
    row(
        "T6 fin",
        "the broker ends the stream",
        "the connection counts as lost; nothing more is written",
        &["S13"],
        By(|d| d.once(Fault::Cut { how: How::Fin, after: None })),
    ),
    row(
        "T7 half-open",
        "the peer is gone and nobody says so",
        "found by the keep-alive, within its bound",
        &["S18", "L6"],
        By(|d| d.once(Fault::Vanish)),
    ),
    row(
        "T8 deaf-broker",
        "nothing reaches the broker, but its packets arrive",
        "still delivers; the unanswered PINGREQ ends the connection in time",
        &["S18"],
        By(|d| d.lasting(1_000, 180_000, Fault::Hold(Direction::ToBroker))),
    ),
    row(
        "T9 deaf-client",
        "nothing reaches the client, but the broker hears it",
        "the connection ends in time; what is sent again is marked as such",
        &["S6", "S18"],
        By(|d| d.lasting(1_000, 180_000, Fault::Hold(Direction::ToClient))),
    ),
    row(
        "T10 stall",
        "nothing passes either way for a time, and then everything",
        "a short stall costs nothing; a long one, one reconnect",
        &["S1", "S18"],
        By(|d| d.lasting(100, 60_000, Fault::Hold(Direction::Both))),
    ),
    row(
        "T11 slow",
        "bytes take long, and not always as long",
        "everything holds, only later",
        &["S18", "L2"],
        By(|d| {
            let (latency, jitter) = (d.millis(50, 2_000), d.millis(1, 2_000));
            d.shape(Network { latency, jitter, ..Network::default() })
        }),
    ),
    row(
        "T12 narrow",
        "few bytes pass in a second, and the send buffer fills",
        "the queue holds what does not pass; PINGREQ still leaves in time",
        &["S9", "S18"],
        By(|d| {
            let (bytes_per_second, send_buffer) = (d.between(300, 4_000), d.between(64, 4_096));
            d.shape(Network { bytes_per_second, send_buffer, ..Network::default() })
        }),
    ),
    row(
        "T13 drip",
        "bytes arrive one by one, slowly",
        "the attempt ends at its timeout; half a packet is no sign of life",
        &["S18", "S19", "S20"],
        By(|d| {
            let bytes_per_second = d.between(1, 20);
            let shape = Network { bytes_per_second, segment_len_max: 1, ..Network::default() };
            d.lasting(1_000, 60_000, Fault::Shape(shape))
        }),
    ),
    row(
        "T14 old-link",
        "bytes of the old connection arrive after the new one has begun",
        "they change nothing",
        &["S13"],
        By(|d| {
            let (when, held) = (Trigger::At(d.time()), d.millis(500, 8_000));
            let mut faults = d.when(when, Some(held), Fault::Hold(Direction::ToClient));
            faults.extend(d.cut_at(when));
            faults
        }),
    ),
    row(
        "T15 corrupted",
        "a byte is changed on the way",
        "with TLS the connection ends; without, a malformed packet or another one",
        &["S20"],
        By(|d| {
            let bit = d.between(0, 4_096);
            d.once(Fault::FlipBit(bit))
        }),
    ),
    row(
        "T16 nat-expires",
        "the path dies while nothing is said",
        "found by the keep-alive, within its bound",
        &["L6"],
        By(|d| {
            let nth = d.between(1, 4);
            d.when(Trigger::OnAnswer { packet: PacketType::Pingresp, nth, after: Span::secs(1) }, None, Fault::Vanish)
        }),
    ),
    row(
        "T17 roaming",
        "the interface changes: the old connection is gone, the network is away for a moment",
        "another attempt, but not before the shortest wait",
        &["S12"],
        By(|d| d.unreachable(100, 10_000, ConnectFault::Unreachable)),
    ),
    row(
        "T18 lost-in-the-buffer",
        "what was written is lost, and the error comes later",
        "written is not acknowledged: it is kept and sent again",
        &["S2", "S10"],
        By(|d| {
            let (when, nth) = (d.millis(1, 500), d.between(1, 30));
            let trigger = Trigger::OnSent { packet: PacketType::Publish, nth, after: Span::default() };
            let later = Trigger::OnSent { packet: PacketType::Publish, nth, after: when };
            let mut faults = d.when(trigger, None, Fault::Vanish);
            faults.extend(d.cut_at(later));
            faults
        }),
    ),
    row(
        "T19 flapping",
        "the link comes up and is gone again a few seconds later, many times",
        "waits grow to the longest: a connection that short is no success",
        &["S11"],
        By(|d| {
            let (times, up) = (d.between(3, 12), d.millis(500, 15_000));
            let flap = |nth| Trigger::OnPhase { phase: PhaseName::Ready, nth, after: up };
            (1..=times).flat_map(|nth| d.cut_at(flap(nth))).collect()
        }),
    ),
    row(
        "T20 barely-stable",
        "the connection lasts as long as a stable one has to, give or take a millisecond",
        "waits start again from the first exactly if it lasted long enough",
        &["S11"],
        By(|d| {
            let (nth, off) = (d.between(1, 5), d.between(0, 4));
            let after = Span::millis(19_978 + u64::from(off));
            d.cut_at(Trigger::OnAnswer { packet: PacketType::Connack, nth, after })
        }),
    ),
];

impl Draw<'_> {
    /// The network is another one for a time.
    fn shape(&mut self, network: Network) -> Vec<PlannedFault> {
        self.lasting(5_000, 300_000, Fault::Shape(network))
    }

    /// The connection ends some bytes further on.
    fn cut(&mut self, how: How, way: Direction) -> Vec<PlannedFault> {
        let bytes = self.between(0, 300);
        self.once(Fault::Cut { how, after: Some((way, bytes)) })
    }

    /// The connection is reset at this moment.
    pub(super) fn cut_at(&self, when: Trigger) -> Vec<PlannedFault> {
        self.when(when, None, Fault::Cut { how: How::Reset, after: None })
    }
}
