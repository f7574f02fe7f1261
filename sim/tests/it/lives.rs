//! Lives of devices in the simulated world.

use std::time::Duration;

use thingwire_core::{LinkError, Notice, Phase};
use thingwire_sim::plan::{
    ClientPlan, Direction, Fault, Mood, Network, Op, OpKind, Plan, PlannedFault, ShadowMessage, Span, Trigger, Whim,
    Workload,
};
use thingwire_sim::run::{Run, run};
use thingwire_sim::trace::{Packet, What};

fn plan() -> Plan {
    Plan {
        name: "life".into(),
        seed: 1,
        duration: Span::secs(60),
        heal: Span::secs(60),
        devices: 1,
        client: ClientPlan::default(),
        network: Network::default(),
        workload: Vec::new(),
        op: Vec::new(),
        fault: Vec::new(),
    }
}

fn records(run: &Run) -> impl Iterator<Item = &What> {
    run.trace.iter().flat_map(|trace| &trace.records).map(|record| &record.what)
}

#[test]
fn a_round_trip_through_the_virtual_network() {
    let op = |at, kind| Op { at: Span::millis(at), device: 0, kind };
    let subscribe = OpKind::Subscribe { filters: vec!["t".into()], qos: 1 };
    let publish = OpKind::Publish { topic: "t".into(), qos: 1, size: 20, expires_in: None, retain: false };
    let run =
        run(&Plan { op: vec![op(0, subscribe), op(500, publish), op(2_000, OpKind::Stop)], ..plan() }, true).unwrap();
    let delivered: Vec<_> = records(&run).filter(|what| matches!(what, What::Delivered(_))).collect();
    assert!(matches!(delivered[..], [What::Delivered(message)] if message.len == 20 && message.tag == 1));
    assert_eq!((run.counts.accepted, run.counts.acked), (2, 1));
    assert!(records(&run).any(|what| *what == What::Told(Notice::Stopped)));
    assert!(!records(&run).any(|what| matches!(what, What::Violation(_))));
}

#[test]
fn a_device_of_the_simulated_world_has_a_shadow_whose_answers_a_fault_can_take() {
    let (request, answer) = ("$aws/things/t/shadow/update", "$aws/things/t/shadow/update/rejected");
    let op = |at, kind| Op { at: Span::millis(at), device: 0, kind };
    let subscribe = OpKind::Subscribe { filters: vec![answer.into()], qos: 1 };
    let publish = OpKind::Publish { topic: request.into(), qos: 1, size: 20, expires_in: None, retain: false };
    let mood = Mood { to: ShadowMessage::Rejected, every: 2, count: 0, how: Whim::Drop };
    let fault = |lasts| PlannedFault {
        name: String::new(),
        when: Trigger::At(Span::default()),
        lasts: Some(Span::secs(lasts)),
        device: 0,
        fault: Fault::Shadows(mood),
    };
    let ops: Vec<_> = (1..=6).map(|at| op(at * 1_000, publish.clone())).chain([op(0, subscribe)]).collect();
    for (fault, answers) in [(vec![], 6), (vec![fault(60)], 3), (vec![fault(3)], 5)] {
        let run = run(&Plan { op: ops.clone(), fault, ..plan() }, true).unwrap();
        let delivered = records(&run).filter(|what| matches!(what, What::Delivered(_))).count();
        assert_eq!((delivered, run.findings), (answers, vec![]));
    }
}

#[test]
fn an_idle_day_is_pings_only() {
    let run = run(&Plan { duration: Span::secs(86_400), ..plan() }, true).unwrap();
    let sent: Vec<_> = records(&run)
        .filter_map(|what| match what {
            What::Sent(_, packet) => Some(packet),
            _ => None,
        })
        .collect();
    assert!(matches!(sent[0], Packet::Connect { clean: true, keep_alive_secs: 60 }));
    assert!(sent[1..].iter().all(|packet| **packet == Packet::Pingreq));
    assert!((1_430..=1_441).contains(&sent[1..].len()), "{}", sent.len());
    assert!(run.counts.events < 10 * 1_441, "idle time is free: {}", run.counts.events);
}

#[test]
fn a_silent_network_is_found_out_by_the_keep_alive() {
    let silence = PlannedFault {
        name: String::new(),
        when: Trigger::At(Span::secs(5)),
        lasts: Some(Span::secs(100)),
        device: 0,
        fault: Fault::Hold(Direction::Both),
    };
    let run = run(&Plan { duration: Span::secs(200), fault: vec![silence], ..plan() }, true).unwrap();
    let trace = run.trace.as_ref().unwrap();
    let down = trace.records.iter().find(|record| matches!(record.what, What::Told(Notice::Offline { .. }))).unwrap();
    assert!(matches!(&down.what, What::Told(Notice::Offline { why: Some(LinkError::KeepAlive), .. })));
    assert!(down.at.since(thingwire_core::Instant::EPOCH) <= Duration::from_secs(71), "{down:?}");
    let last = trace.records.iter().rev().find_map(|record| match record.what {
        What::Phase(phase) => Some(phase),
        _ => None,
    });
    assert_eq!(last, Some(Phase::Ready));
}

#[test]
fn the_same_seed_gives_the_same_life_and_another_seed_another() {
    let telemetry = Workload::Publish {
        topic: "dt/{id}/{n}".into(),
        topics: 3,
        qos: 1,
        every: Span::millis(300),
        random: true,
        burst: 1,
        size: 64,
        expires_in: None,
        count: None,
    };
    let network = Network { jitter: Span::millis(50), fragmented: true, ..Network::default() };
    let plan = Plan { workload: vec![telemetry], network, ..plan() };
    let [one, same] = [1, 1].map(|seed| run(&Plan { seed, ..plan.clone() }, false).unwrap());
    assert_eq!(one, same);
    assert!(one.counts.acked > 100 && one.counts.acked == one.counts.accepted, "{:?}", one.counts);
    assert_ne!(one.hash, run(&Plan { seed: 2, ..plan }, false).unwrap().hash);
}
