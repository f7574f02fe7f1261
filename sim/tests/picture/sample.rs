//! What the tests make pictures of.

use std::collections::BTreeMap;

use thingwire_core::{Instant, Outcome, Phase, Qos};
use thingwire_sim::oracle::Finding;
use thingwire_sim::picture::report::{Failure, FaultRow, Profile, Property, Slow, Summary};
use thingwire_sim::plan::{
    AppFault, BrokerFault, ClientPlan, ClockFault, ConnectFault, Direction, Fault, How, Meddling, Network, Op, OpKind,
    PacketType, Plan, PlannedFault, Span, Trigger, Workload,
};
use thingwire_sim::run::run;
use thingwire_sim::trace::{Holds, Name, Operation, Packet, Published, Record, Trace, What};

pub(crate) fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

/// A device's two minutes with a bit of everything.
pub(crate) fn plan() -> Plan {
    let fault = |name: &str, secs, lasts: Option<u64>, fault| PlannedFault {
        name: name.into(),
        when: Trigger::At(Span::millis(secs)),
        lasts: lasts.map(Span::millis),
        device: 0,
        fault,
    };
    let meddle = |packet, how| Fault::Meddle { packet, every: 2, count: 3, how };
    let publish = |every, qos, topic: &str| Workload::Publish {
        topic: topic.into(),
        topics: 3,
        qos,
        every: Span::millis(every),
        random: true,
        burst: 1,
        size: 64,
        expires_in: Some(Span::secs(20)),
        count: None,
    };
    let filters = vec!["device-0/commands/#".to_owned(), "device-0/config".to_owned()];
    Plan {
        name: "a bit of everything".into(),
        seed: 7,
        duration: Span::secs(150),
        heal: Span::secs(120),
        devices: 1,
        client: ClientPlan::default(),
        network: Network { jitter: Span::millis(15), ..Network::default() },
        workload: vec![publish(1_200, 1, "{id}/temperature/{n}"), publish(6_000, 0, "{id}/noise/{n}")],
        op: vec![Op { at: Span::millis(100), device: 0, kind: OpKind::Subscribe { filters, qos: 1 } }],
        fault: vec![
            fault("network.hold", 8_000, Some(4_000), Fault::Hold(Direction::Both)),
            fault("ack.drop", 15_000, Some(10_000), meddle(PacketType::Puback, Meddling::Drop)),
            fault("network.reset", 31_000, None, Fault::Cut { how: How::Reset, after: None }),
            fault("connect.refused", 31_000, Some(9_000), Fault::Connect(ConnectFault::Refused)),
            fault("broker.kick", 62_000, None, Fault::Broker(BrokerFault::Kick)),
            fault("app.burst", 66_000, None, Fault::App(AppFault::Burst(30))),
            fault("clock.suspend", 80_000, Some(30_000), Fault::Clock(ClockFault::SuspendRunning)),
            fault(
                "broker.deny-publish",
                125_000,
                Some(8_000),
                Fault::Broker(BrokerFault::DenyPublish("device-0/noise".into())),
            ),
        ],
    }
}

/// Three devices, each with troubles of its own.
pub(crate) fn fleet() -> Plan {
    let mut plan = plan();
    plan.name = "three devices".into();
    plan.devices = 3;
    plan.fault[1].device = 1;
    plan.fault[4].device = 2;
    plan.fault[5].device = 2;
    plan
}

/// The run of a plan, with the names of its topics.
pub(crate) fn trace_of(plan: &Plan) -> Trace {
    let mut trace = run(plan, true).unwrap().trace.unwrap();
    for text in
        ["temperature/0", "temperature/1", "temperature/2", "noise/0", "noise/1", "noise/2", "commands/#", "config"]
    {
        for device in 0..plan.devices {
            let text = format!("device-{device}/{text}");
            trace.names.insert(Name::of(text.as_bytes()), text);
        }
    }
    trace
}

pub(crate) fn finding(millis: u64, what: &str) -> Finding {
    Finding { oracle: "S17", at: at(millis), device: 0, what: what.into() }
}

/// A short life with one of nearly everything, made by hand.
pub(crate) fn small() -> Trace {
    small_on("meter/power")
}

pub(crate) fn small_on(topic: &str) -> Trace {
    let name = Name::of(topic.as_bytes());
    let message = Published { id: 0, dup: false, qos: Qos::AtLeastOnce, retain: false, topic: name, tag: 1, len: 64 };
    let publish = |ticket| What::Accepted { ticket, operation: Operation::Publish(message, None) };
    let sent = |dup| Packet::Publish(Published { id: 1, dup, ..message });
    let holds = |queued, in_flight| What::Holds(Holds { queued, queued_bytes: u64::from(queued) * 75, in_flight });
    let fault = |begins| What::Fault { index: 0, name: "network.reset", begins };
    let happened = [
        (0, What::Start),
        (0, What::Phase(Phase::Opening)),
        (0, What::Dial(1)),
        (20, What::Up(1)),
        (20, What::Phase(Phase::AwaitingConnack)),
        (20, What::Sent(1, Packet::Connect { clean: true, keep_alive_secs: 60 })),
        (60, What::Received(1, Packet::Connack { present: false, code: 0 })),
        (60, What::Phase(Phase::Ready)),
        (1_000, publish(1)),
        (1_000, holds(0, 1)),
        (1_000, What::Sent(1, sent(false))),
        (1_500, fault(true)),
        (1_500, What::Down(1, thingwire_core::LinkError::Closed)),
        (1_500, What::Phase(Phase::BackingOff)),
        (1_600, publish(2)),
        (1_600, holds(1, 1)),
        (31_500, What::Phase(Phase::Opening)),
        (31_500, What::Dial(2)),
        (31_520, What::Up(2)),
        (31_560, What::Phase(Phase::Ready)),
        (31_560, What::Sent(2, sent(true))),
        (31_600, What::Received(2, Packet::Puback(1))),
        (31_600, What::Finished { ticket: 1, outcome: Outcome::Acked }),
        (31_600, holds(0, 0)),
        (31_700, What::Finished { ticket: 2, outcome: Outcome::TimedOut }),
        (32_000, fault(false)),
        (32_000, What::Healed),
        (33_000, What::End),
    ];
    let records = happened.into_iter().map(|(millis, what)| Record { at: at(millis), device: 0, what });
    Trace { records: records.collect(), names: BTreeMap::from([(name, topic.to_owned())]) }
}

/// As many records as are asked for, and at least as many findings and faults as would fill a page.
pub(crate) fn large(records: u64) -> (Trace, Vec<Finding>) {
    let name = Name::of(b"t");
    let message =
        |id| Published { id, dup: id % 7 == 0, qos: Qos::AtLeastOnce, retain: false, topic: name, tag: 1, len: 64 };
    let mut trace = Trace { records: Vec::new(), names: BTreeMap::from([(name, "t".to_owned())]) };
    for nth in 0..records / 8 {
        let id = u16::try_from(nth % 100 + 1).unwrap();
        let held = u32::try_from(nth % 37).unwrap();
        let round = [
            What::Accepted { ticket: nth, operation: Operation::Publish(message(0), None) },
            What::Holds(Holds { queued: held, queued_bytes: 0, in_flight: held / 2 }),
            What::Phase(if nth % 2 == 0 { Phase::Draining } else { Phase::Ready }),
            What::Fault { index: u32::try_from(nth / 100).unwrap(), name: "network.hold", begins: nth % 100 == 0 },
            What::Sent(nth / 1_000, Packet::Publish(message(id))),
            What::Dial(nth),
            What::Received(nth / 1_000, Packet::Puback(id)),
            What::Finished { ticket: nth, outcome: if nth % 11 == 0 { Outcome::TimedOut } else { Outcome::Acked } },
        ];
        let when = at(nth * 13);
        trace.records.extend(round.into_iter().map(|what| Record { at: when, device: 0, what }));
    }
    let findings = (0..1_000).map(|nth| finding(nth * 50, "an acknowledgement nobody waited for")).collect();
    (trace, findings)
}

/// A campaign that failed.
pub(crate) fn campaign() -> Summary {
    let property = |id: &str, statement: &str, checked, violated| Property {
        id: id.into(),
        statement: statement.into(),
        checked,
        violated,
    };
    let phases = ["Idle", "Opening", "AwaitingConnack", "Resubscribing", "Draining", "Ready", "BackingOff", "Closing"];
    let row = |family: &str, fault: &str, counts: [u64; 8]| FaultRow {
        fault: fault.into(),
        family: family.into(),
        counts: phases.iter().map(|phase| (*phase).to_owned()).zip(counts).collect(),
    };
    let failure = |signature: &str, count, seed: u64, detail: &str| Failure {
        signature: signature.into(),
        count,
        example: format!("swarm, seed {seed}"),
        commands: vec![
            (
                "make it again".into(),
                format!("thingwire-sim run --profile swarm --seed {seed} --picture /tmp/run.html"),
            ),
            (
                "make it smaller".into(),
                format!("thingwire-sim shrink --profile swarm --seed {seed} --out smaller.toml"),
            ),
        ],
        detail: detail.into(),
    };
    Summary {
        title: "Campaign: swarm, storm and calm".into(),
        notes: vec!["2026-11-21, seeds 1 to 10,000".into()],
        seeds: 10_000,
        failed: 14,
        virtual_hours: 16_204.5,
        wall_seconds: 71.3,
        events: 104_332_118,
        counts: vec![("messages acknowledged".into(), 20_114_212), ("connections".into(), 188_230)],
        profiles: ["swarm", "storm", "calm"]
            .map(|name| Profile { name: name.into(), seeds: 3_333, failed: u64::from(name == "swarm") * 14 })
            .into(),
        properties: vec![
            property("S1", "Every accepted operation ends exactly once, and nothing else ends.", Some(20_320_111), 0),
            property(
                "S6",
                "DUP is set if and only if the message was written before in this session.",
                Some(20_114_212),
                13,
            ),
            property("S9", "The queue is never longer than its bound, in operations and in bytes.", None, 0),
            property("L8", "At the end the client is connected and quiet.", Some(0), 0),
            property("S31", "After a wake the next deadline is later.", Some(99_112_334), 1),
        ],
        failures: vec![
            failure(
                "S6 Publish without DUP",
                13,
                8_812,
                "S6 at 0:31.56, device 0: message 17 was written on link 1 and again on link 2 with DUP = 0",
            ),
            failure(
                "panic core/src/client/timers.rs: attempt to subtract with overflow",
                1,
                71_230_011_923,
                "thread panicked at core/src/client/timers.rs:88:23:\nattempt to subtract with overflow",
            ),
        ],
        marks: [
            ("reconnect with session", 12_233),
            ("reconnect without session", 9_121),
            ("a PUBACK for an unknown id", 412),
            ("the packet ids wrap", 0),
            ("backoff at its longest", 88),
            ("the drain is interrupted", 1),
            ("the keep-alive runs out while the queue is full", 0),
        ]
        .map(|(name, count)| (name.to_owned(), count))
        .into(),
        phases: phases.map(str::to_owned).into(),
        faults: vec![
            row("network", "network.reset", [0, 120, 98, 44, 310, 9_120, 233, 2]),
            row("network", "network.hold", [0, 140, 77, 31, 290, 8_900, 260, 1]),
            row("network", "network.vanish-without-a-word", [0, 0, 12, 3, 30, 1_000, 0, 0]),
            row("broker", "broker.kick", [0, 0, 0, 16, 32, 64, 0, 0]),
            row("broker", "broker.takeover", [0; 8]),
            row("clock", "clock.suspend", [3, 9, 27, 81, 243, 729, 2_187, 6_561]),
        ],
        slowest: vec![
            Slow { seed: "storm, seed 4411".into(), millis: 812.25 },
            Slow { seed: "swarm, seed 12".into(), millis: 99.0 },
        ],
    }
}
