//! What a client costs that has much to do, beside one that has little.

use std::time::Duration;

use bytes::Bytes;
use thingwire_core::{Publish, Qos, WhenFull};

use super::measure::{nanoseconds, of_thread, timed};
use super::table::{number, table, times};
use crate::peers::{Core, Peer as _};
use crate::requests::Requests;
use crate::shadows::Watched;
use crate::{Bench, PAYLOAD_LEN, message_to};

const SUBSCRIPTIONS: [usize; 2] = [1, 50];
const SHADOWS: [usize; 2] = [1, 1_000];
const DEPTHS: [usize; 2] = [1_000, 1_000_000];

/// Requests of a batch, and so answers: as many as the service takes at a time.
const IN_FLIGHT: usize = 10;

/// Nanoseconds each.
pub struct Row {
    /// What is done.
    pub work: &'static str,
    /// What there is little and much of.
    pub of: &'static str,
    /// How much of it.
    pub counts: [usize; 2],
    /// What each costs.
    pub each: [f64; 2],
}

/// Measures all.
pub fn measure() -> Vec<Row> {
    vec![
        row("publish QoS 1", "subscriptions", SUBSCRIPTIONS, [1; 2], publishing),
        row("receive on each topic in turn", "subscriptions", SUBSCRIPTIONS, [1; 2], receiving),
        row("update each shadow in turn", "shadows", SHADOWS, [IN_FLIGHT; 2], updating),
        row("a delta of each watched shadow in turn", "shadows", SHADOWS, [1; 2], watching),
        row("accept a message", "queued messages", DEPTHS, DEPTHS, accepting),
        row("accept a message for the oldest", "queued messages", DEPTHS, [1; 2], replacing),
        row("send a queued message, acknowledged", "queued messages", DEPTHS, DEPTHS, draining),
        row("reconnect with a full window", "queued messages", DEPTHS, [1; 2], reconnecting),
        row("wake for a ping, and its answer", "expiring messages", DEPTHS, [1; 2], pinging),
    ]
}

/// As a table.
pub fn show(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let [[few, many], [little, much]] = [row.counts.map(|count| count.to_string()), row.each.map(number)];
        vec![row.work.to_owned(), format!("{few} and {many} {}", row.of), little, much, times(row.each[1], row.each[0])]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    table(&["ns for each", "with", "few", "many", "many of few"], &rows)
}

fn row<W: FnMut(u32) -> Duration>(
    work: &'static str,
    of: &'static str,
    counts: [usize; 2],
    at_once: [usize; 2],
    make: impl Fn(usize) -> W,
) -> Row {
    let [mut few, mut many] = counts.map(make);
    let [few, many] = nanoseconds(&mut [&mut few, &mut many]);
    Row { work, of, counts, each: [few / at_once[0] as f64, many / at_once[1] as f64] }
}

fn publishing(subscriptions: usize) -> impl FnMut(u32) -> Duration {
    let mut core = Core::default();
    core.bench.subscribe_many(subscriptions);
    let payload = Bytes::from(vec![0x2a; PAYLOAD_LEN]);
    timed(move || core.publish(Qos::AtLeastOnce, 1, &payload))
}

fn receiving(subscriptions: usize) -> impl FnMut(u32) -> Duration {
    let mut bench = Bench::online();
    bench.subscribe_many(subscriptions);
    // As many topics in either case: that one is the topic of the message before is another matter.
    let topic = |number: usize| format!("{}/{number}", crate::TOPIC);
    let messages: Vec<_> = (0..50).map(|number| message_to(&topic(number), &[0x2a; PAYLOAD_LEN], None)).collect();
    let mut next = 0;
    timed(move || {
        assert_eq!(bench.receive(&messages[next]), 1);
        next = (next + 1) % messages.len();
    })
}

fn updating(shadows: usize) -> impl FnMut(u32) -> Duration {
    move |count| {
        let count = count as usize * IN_FLIGHT;
        let mut requests = Requests::new(shadows, count, IN_FLIGHT);
        let start = of_thread();
        for first in (0..count).step_by(IN_FLIGHT) {
            requests.exchange(first..first + IN_FLIGHT);
        }
        of_thread().saturating_sub(start)
    }
}

fn watching(shadows: usize) -> impl FnMut(u32) -> Duration {
    let mut watched = Watched::new(shadows);
    move |count| {
        let deltas = watched.deltas(count as usize);
        let start = of_thread();
        assert_eq!(watched.take(&deltas), deltas.len());
        of_thread().saturating_sub(start)
    }
}

fn accepting(depth: usize) -> impl FnMut(u32) -> Duration {
    move |count| {
        let accept = || {
            let (mut bench, start) = (Bench::offline(), of_thread());
            bench.publish_many(depth, |publish| publish);
            of_thread().saturating_sub(start)
        };
        (0..count).map(|_| accept()).sum()
    }
}

fn replacing(depth: usize) -> impl FnMut(u32) -> Duration {
    let mut bench = Bench::queueing(|queue| {
        queue.count_max = Some(depth);
        queue.when_full = WhenFull::DropOldest;
    });
    bench.publish_many(depth, |publish| publish);
    timed(move || {
        bench.publish_many(1, |publish| publish);
        assert_eq!(bench.ended(), 1);
    })
}

fn draining(depth: usize) -> impl FnMut(u32) -> Duration {
    move |count| {
        let drain = || {
            let mut bench = Bench::offline();
            bench.publish_many(depth, |publish| publish);
            bench.connect();
            let start = of_thread();
            assert_eq!(bench.drain(), depth);
            of_thread().saturating_sub(start)
        };
        (0..count).map(|_| drain()).sum()
    }
}

fn reconnecting(depth: usize) -> impl FnMut(u32) -> Duration {
    let mut bench = Bench::offline();
    bench.publish_many(depth, |publish| publish);
    bench.connect();
    timed(move || {
        bench.transmit();
        bench.lose_link();
        bench.connect();
    })
}

/// Nothing is acknowledged, so that what is behind the window waits.
fn pinging(depth: usize) -> impl FnMut(u32) -> Duration {
    let mut bench = Bench::offline();
    let ten_years = Duration::from_secs(10 * 365 * 86_400);
    bench.publish_many(depth, |publish: Publish| publish.expires_in(ten_years));
    bench.connect();
    bench.transmit();
    timed(move || bench.ping())
}
