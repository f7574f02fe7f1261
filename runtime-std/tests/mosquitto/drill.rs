//! Numbered messages through a network that breaks in every way, against a real broker.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use thingwire_std::{Client, Options, Outcome, Subscription};

use crate::proxy::{Fault, Proxy};
use crate::rig::{PATIENCE, broker, fast, plain, plain_endpoint, publish, ready, subscribe, text};

const MESSAGES: u32 = 600;
/// The time between two messages.
const PACE: Duration = Duration::from_millis(15);

/// Which fault begins with which message, and how long it lasts.
const SCRIPT: [(u32, Fault, u64); 6] = [
    (30, Fault::Reset, 300),
    (70, Fault::CutInPacket, 0),
    (110, Fault::Blackhole, 2_500),
    (300, Fault::AnswersWithheld, 2_500),
    (490, Fault::SlowReader, 600),
    (550, Fault::Reset, 50),
];

#[test]
fn nothing_is_lost_or_reordered_with_a_clean_session() {
    drill(true);
}

#[test]
fn nothing_is_lost_or_reordered_with_a_persistent_session() {
    drill(false);
}

fn drill(clean_session: bool) {
    let broker = broker();
    let listener = ready(plain(&broker, "listener"));
    let arriving = subscribe(&listener, "drill");
    let proxy = Proxy::start(plain_endpoint(&broker));
    let options = fast(Options::plain(&proxy.endpoint(), "device").unwrap()).with(|config| {
        config.clean_session = clean_session;
        config.keep_alive = Duration::from_secs(1);
        config.connect_timeout = Duration::from_secs(1);
    });
    let device = ready(options);
    let arrivals = thread::spawn(move || collect(&arriving));
    let healed = publish_all(&device, &proxy);
    let arrivals = arrivals.join().unwrap();
    report(clean_session, &healed, &arrivals);

    let mut first = Vec::new();
    for (_, number) in &arrivals {
        if !first.contains(number) {
            first.push(*number);
        }
    }
    assert_eq!(first, (0..MESSAGES).collect::<Vec<_>>());
    let totals = device.status().totals;
    assert_eq!((totals.acked, totals.dropped()), (u64::from(MESSAGES), 0));
    assert!(totals.connections >= 5, "{} connections: the faults were felt", totals.connections);
}

/// Publishes while the script runs; returns when each fault was over.
fn publish_all(device: &Client, proxy: &Proxy) -> Vec<(Fault, Instant)> {
    let (mut pendings, mut healed, mut heal_at) = (Vec::new(), Vec::new(), None);
    for number in 0..MESSAGES {
        if let Some(&(_, fault, millis)) = SCRIPT.iter().find(|&&(at, ..)| at == number) {
            proxy.set(fault);
            heal_at = Some((fault, Instant::now() + Duration::from_millis(millis)));
        }
        pendings.push(device.publish(publish("drill", number.to_string())).unwrap());
        thread::sleep(PACE);
        if let Some((fault, _)) = heal_at.filter(|&(_, at)| at <= Instant::now()) {
            // The cut ends by itself, with the bytes that it cuts.
            if fault != Fault::CutInPacket {
                proxy.set(Fault::None);
            }
            healed.push((fault, Instant::now()));
            heal_at = None;
        }
    }
    assert_eq!(healed.len(), SCRIPT.len());
    for pending in pendings {
        assert_eq!(pending.wait(PATIENCE), Some(Outcome::Acked));
    }
    healed
}

/// Everything that arrives, repetitions included, until all numbers are there.
fn collect(arriving: &Subscription) -> Vec<(Instant, u32)> {
    let (mut arrivals, mut seen) = (Vec::new(), BTreeMap::new());
    while seen.len() < MESSAGES as usize {
        let Some(message) = arriving.recv(PATIENCE) else { break };
        let number = text(&message).parse().unwrap();
        *seen.entry(number).or_insert(0) += 1;
        arrivals.push((Instant::now(), number));
    }
    arrivals
}

#[expect(clippy::print_stdout, reason = "the table is for whoever runs the test to look at")]
fn report(clean_session: bool, healed: &[(Fault, Instant)], arrivals: &[(Instant, u32)]) {
    let repeated = arrivals.len() - MESSAGES as usize;
    println!("clean session: {clean_session}; {MESSAGES} messages, {repeated} of them repeated");
    for (fault, at) in healed {
        let next = arrivals.iter().find(|(arrival, _)| arrival > at);
        let after = next.map_or("never".to_owned(), |(arrival, _)| format!("{:?}", *arrival - *at));
        println!("{:<18} first arrival after healing: {after}", format!("{fault:?}"));
    }
}
