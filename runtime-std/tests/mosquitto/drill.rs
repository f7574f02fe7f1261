//! Numbered messages through a network that breaks in every way, against a real broker.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use thingwire_sim::field::{Told, records};
use thingwire_sim::oracle::{Finding, Judge, Rulebook};
use thingwire_sim::trace::{Observer, Record, What as Happened};

use crate::proxy::{Entry, Fault, Proxy, What};
use crate::rig::{PATIENCE, broker, fast, plain, plain_endpoint, publish, ready, subscribe, text};
use crate::runtime::thingwire_core::trace::Trace;
use crate::runtime::{Client, Config, LinkError, Notice, Notices, Options, Outcome, Subscription, TcpError};

const MESSAGES: u32 = 600;
/// The time between two messages: ten a second.
const PACE: Duration = Duration::from_millis(100);

/// Which fault, and the messages with which it begins and ends. Silence lasts longer than the keep-alive.
const SCRIPT: [(Fault, u32, u32); 8] = [
    (Fault::Reset, 30, 33),
    (Fault::Refuse, 70, 90),
    (Fault::Blackhole, 130, 180),
    (Fault::CutInPacket, 230, 235),
    (Fault::AcksWithheld, 270, 300),
    (Fault::AnswersWithheld, 350, 400),
    (Fault::SlowReader, 450, 490),
    (Fault::Reset, 540, 545),
];

const KEEP_ALIVE: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// How soon the first message is through after a fault: an attempt that began during the fault may have to run into
/// its timeout, and the longest wait follows. The rest is for a machine that has other things to do.
const DELIVERY_MAX: Duration = CONNECT_TIMEOUT.saturating_add(BACKOFF_MAX).saturating_add(Duration::from_secs(4));

/// How much later than due things may be that a thread has to be given time for.
const SLACK: Duration = Duration::from_millis(500);

/// An acknowledgement that passes so short before the end of its connection may be lost with it.
const LAST_MOMENT: Duration = Duration::from_millis(200);

#[test]
fn nothing_is_lost_or_reordered_with_a_clean_session() {
    drill(true);
}

#[test]
fn nothing_is_lost_or_reordered_with_a_persistent_session() {
    drill(false);
}

/// What happened to one fault.
struct Felt {
    fault: Fault,
    healed_at: Instant,
    /// How attempts and connections ended from its beginning to that of the next.
    errors: Vec<LinkError>,
}

fn drill(clean_session: bool) {
    let broker = broker();
    let listener = ready(plain(&broker, "listener"));
    let arriving = subscribe(&listener, "drill");
    let proxy = Proxy::start(plain_endpoint(&broker));
    let options = fast(Options::plain(&proxy.endpoint(), "device").unwrap()).with(|config| {
        config.clean_session = clean_session;
        config.keep_alive = KEEP_ALIVE;
        config.connect_timeout = CONNECT_TIMEOUT;
        config.backoff.max = BACKOFF_MAX;
        config.backoff.stable = 2 * BACKOFF_MAX;
    });
    let config = options.config.clone();
    let device = Client::new(options).unwrap();
    device.record(|options| options.with_payloads = true).unwrap();
    device.start();
    device.wait_ready_or_error(PATIENCE).unwrap();
    let arrivals = thread::spawn(move || collect(&arriving));
    let felt = publish_all(&device, &proxy);
    let arrivals = arrivals.join().unwrap();
    let record = proxy.record();
    report(clean_session, &felt, &arrivals, &record);

    let mut seen = BTreeSet::new();
    let first: Vec<u32> = arrivals.iter().map(|&(_, number)| number).filter(|&number| seen.insert(number)).collect();
    assert_eq!(first, (0..MESSAGES).collect::<Vec<_>>(), "each arrives, in order");
    let totals = device.status().totals;
    assert_eq!((totals.acked, totals.dropped()), (u64::from(MESSAGES), 0));
    only_what_lost_its_acknowledgement_is_repeated(&arrivals, &record);
    for Felt { fault, healed_at, errors } in &felt {
        assert!(*fault == Fault::SlowReader || errors.iter().any(|why| fits(*fault, why)), "{fault:?}: {errors:?}");
        assert!(delivery(*healed_at, &arrivals) <= DELIVERY_MAX, "{fault:?}");
    }
    assert!(device.stop(PATIENCE));
    assert_eq!(findings(&device.recording().unwrap(), config), []);
}

/// What the oracles of the simulator say to the life that the device has recorded.
fn findings(recording: &[u8], config: Config) -> Vec<Finding> {
    let Told { trace, error } = records(&Trace::parse(recording).unwrap());
    assert_eq!(error, None, "it is replayed bit for bit");
    let acked = |record: &&Record| matches!(record.what, Happened::Finished { outcome: Outcome::Acked, .. });
    assert_eq!(trace.records.iter().filter(acked).count(), MESSAGES as usize, "the oracles have seen everything");
    let rules = Rulebook { slack: SLACK, round_trip_max: SLACK, ..Rulebook::new(config) };
    let mut judge = Judge::new(vec![rules]);
    trace.records.iter().for_each(|record| judge.observe(record));
    judge.finish(trace.records.last().unwrap().at).findings
}

/// How the client has to see a fault.
fn fits(fault: Fault, why: &LinkError) -> bool {
    match fault {
        Fault::Reset => matches!(why, LinkError::Tcp { why: TcpError::Reset, .. }),
        Fault::Refuse => matches!(why, LinkError::Tcp { why: TcpError::Refused, .. }),
        Fault::Blackhole | Fault::AnswersWithheld => *why == LinkError::KeepAlive,
        Fault::CutInPacket | Fault::AcksWithheld => *why == LinkError::Closed,
        Fault::SlowReader | Fault::None => false,
    }
}

/// Publishes at the pace while the script runs, and waits for all acknowledgements.
fn publish_all(device: &Client, proxy: &Proxy) -> Vec<Felt> {
    let notices = device.notices();
    let (mut pendings, mut felt) = (Vec::new(), Vec::<Felt>::new());
    for number in 0..MESSAGES {
        thread::sleep(PACE);
        for (fault, begins, ends) in SCRIPT {
            if number == begins {
                hear(&notices, felt.last_mut());
                proxy.set(fault);
            } else if number == ends {
                proxy.set(Fault::None);
                felt.push(Felt { fault, healed_at: Instant::now(), errors: Vec::new() });
            }
        }
        pendings.push(device.publish(publish("drill", number.to_string())).unwrap());
    }
    assert_eq!(felt.len(), SCRIPT.len());
    for pending in pendings {
        assert_eq!(pending.wait(PATIENCE), Some(Outcome::Acked));
    }
    hear(&notices, felt.last_mut());
    felt
}

/// Adds what has gone wrong to the last fault that is over.
fn hear(notices: &Notices, felt: Option<&mut Felt>) {
    let errors = std::iter::from_fn(|| notices.try_recv()).filter_map(|notice| match notice {
        Notice::Failed { why, .. } | Notice::Offline { why, .. } => why,
        _ => None,
    });
    let errors: Vec<_> = errors.collect();
    if let Some(felt) = felt {
        felt.errors = errors;
    }
}

/// Everything that arrives, repetitions included, until all numbers are there.
fn collect(arriving: &Subscription) -> Vec<(Instant, u32)> {
    let (mut arrivals, mut seen) = (Vec::new(), BTreeSet::new());
    while seen.len() < MESSAGES as usize {
        let Some(message) = arriving.recv(PATIENCE) else { break };
        let number = text(&message).parse().unwrap();
        seen.insert(number);
        arrivals.push((Instant::now(), number));
    }
    arrivals
}

/// How long after a fault something was delivered again.
fn delivery(healed_at: Instant, arrivals: &[(Instant, u32)]) -> Duration {
    let first = arrivals.iter().find(|&&(at, _)| at > healed_at);
    first.map_or(Duration::MAX, |&(at, _)| at - healed_at)
}

/// Where each message has been sent: the connections in their order, with its packet id on each.
fn copies(record: &[Entry]) -> BTreeMap<u32, Vec<(usize, u16)>> {
    let mut copies = BTreeMap::<_, Vec<_>>::new();
    for entry in record {
        if let What::Publish { id, number } = entry.what {
            copies.entry(number).or_default().push((entry.connection, id));
        }
    }
    copies
}

fn only_what_lost_its_acknowledgement_is_repeated(arrivals: &[(Instant, u32)], record: &[Entry]) {
    let ends: BTreeMap<_, _> =
        record.iter().filter(|entry| entry.what == What::End).map(|entry| (entry.connection, entry.at)).collect();
    let heard = |connection, id| {
        let acknowledged = |entry: &&Entry| (entry.connection, entry.what) == (connection, What::Puback { id });
        let at = record.iter().find(acknowledged).map(|entry| entry.at);
        at.is_some_and(|at| ends.get(&connection).is_none_or(|end| at + LAST_MOMENT < *end))
    };
    let mut repeated = 0;
    for (number, copies) in copies(record) {
        let (last, before) = copies.split_last().unwrap();
        for &(connection, id) in before {
            assert!(!heard(connection, id), "message {number} was acknowledged on connection {connection}");
            assert_ne!(connection, last.0, "message {number} was repeated on a connection that lived");
        }
        let arrived = arrivals.iter().filter(|&&(_, other)| other == number).count();
        assert!(arrived <= copies.len(), "message {number} has come {arrived} times, sent {} times", copies.len());
        repeated += before.len();
    }
    assert!(repeated > 0, "no acknowledgement was lost");
}

#[expect(clippy::print_stdout, reason = "the table is for whoever runs the test to look at")]
fn report(clean_session: bool, felt: &[Felt], arrivals: &[(Instant, u32)], record: &[Entry]) {
    let copies: usize = copies(record).values().map(Vec::len).sum();
    let repeated = arrivals.len() - MESSAGES as usize;
    println!("clean session: {clean_session}; {MESSAGES} messages sent as {copies} packets, {repeated} arrived again");
    println!("{:<16} {:>6} {:>10}  how it was seen", "fault", "lasts", "delivery");
    for (Felt { fault, healed_at, errors }, (_, begins, ends)) in felt.iter().zip(SCRIPT) {
        let lasts = (PACE * (ends - begins)).as_secs_f64();
        let delivery = delivery(*healed_at, arrivals).as_secs_f64();
        let errors: BTreeSet<String> = errors.iter().map(|why| format!("{why:?}")).collect();
        println!("{:<16} {lasts:>4.1} s {delivery:>8.3} s  {errors:?}", format!("{fault:?}"));
    }
}
