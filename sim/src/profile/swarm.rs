//! Runs that are different on purpose: some families of faults, each with a weight, and settings at their edges.

use crate::catalogue::{Draw, Family, Made, Row};
use crate::choices::Choices;
use crate::plan::{ClientPlan, JitterName, Network, Op, OpKind, Plan, Span, Workload};

pub(super) fn swarm(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let plan = edgy(draw, 300, 1_800);
    let weighted: Vec<_> = Family::OF_THE_CONNECTION.into_iter().filter_map(|family| weight(draw, family)).collect();
    filled(choices, plan, 5, 60, &deal(&weighted))
}

pub(super) fn all(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let plan = edgy(draw, 300, 1_800);
    filled(choices, plan, 5, 60, &deal(&Family::OF_THE_CONNECTION.map(|family| (family, 1))))
}

pub(super) fn soak(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let mut plan = edgy(draw, 7_200, 7_200);
    // What is found in two hours is found by faults: there is a message seldom enough that most of the time goes to them.
    // Once in a while there are more messages than packet ids.
    let many = plan.client.queue != Some(-1) && draw.chance(1);
    let every = if many { Span::millis(75) } else { draw.millis(5_000, 60_000) };
    for workload in &mut plan.workload {
        if let Workload::Publish { qos: 1, every: between, burst, .. } = workload {
            (*between, *burst) = (every, 1);
        }
    }
    filled(choices, plan, 100, 300, &deal(&Family::OF_THE_CONNECTION.map(|family| (family, 1))))
}

/// Device shadows, and about half of everything else.
pub(super) fn shadows(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    // Requests end within seconds, and there are many of them.
    let mut plan = edgy(draw, 60, 600);
    requests(draw, &mut plan.client);
    let thing = if draw.chance(20) { "shared" } else { "{id}" }.to_owned();
    let shadows = draw.between(1, 3);
    let (every, burst) = (draw.millis(2_000, 20_000), if draw.chance(20) { draw.between(5, 25) } else { 1 });
    plan.workload.push(Workload::Shadow { thing: thing.clone(), shadows, every, burst, count: None });
    if draw.chance(90) {
        plan.workload.push(Workload::Cloud { thing, shadows, every: draw.millis(2_000, 30_000), count: None });
    }
    let others: Vec<_> = Family::OF_THE_CONNECTION.into_iter().filter_map(|family| weight(draw, family)).collect();
    let mut rows = deal(&others);
    let weight = rows.len().max(1) / Family::Shadow.rows().len() + 1;
    rows.extend(deal(&[(Family::Shadow, u32::try_from(weight).unwrap_or(1))]));
    filled(choices, plan, 3, 40, &rows)
}

/// Settings of requests, of which about every third is at one of its edges.
fn requests(draw: &mut Draw<'_>, client: &mut ClientPlan) {
    client.request_timeout = edge(draw, |draw| draw.millis(500, 20_000));
    client.requests_max = edge(draw, |draw| draw.pick(&[1, 2, 10, 40]));
    client.requests_in_flight = edge(draw, |draw| draw.pick(&[1, 2, 10]));
    client.request_filters = edge(draw, |draw| draw.pick(&[4, 6, 8, 12]));
    client.keep_subscriptions = edge(draw, |_| false);
}

/// A run of `low` to `high` seconds in which nothing happens yet.
pub(super) fn quiet(draw: &mut Draw<'_>, low: u32, high: u32) -> Plan {
    // Whole tens of seconds: the number is read by people.
    let duration = Span::secs(u64::from(draw.between(low / 10, high / 10)) * 10);
    Plan {
        name: String::new(),
        seed: 0,
        duration,
        heal: Span::default(),
        devices: 1,
        client: ClientPlan::default(),
        network: Network::default(),
        workload: Vec::new(),
        op: Vec::new(),
        fault: Vec::new(),
    }
}

/// A run with settings at their edges and every kind of work.
fn edgy(draw: &mut Draw<'_>, low: u32, high: u32) -> Plan {
    let mut plan = quiet(draw, low, high);
    plan.devices = if draw.chance(10) { draw.between(2, 3) } else { 1 };
    plan.client = client(draw);
    // PINGRESP of a keep-alive of 1 s has to be back within half a second.
    plan.network = Network {
        latency: draw.millis(1, 100),
        jitter: if draw.chance(50) { draw.millis(1, 60) } else { Span::default() },
        fragmented: draw.chance(30),
        ..Network::default()
    };
    busy(draw, &mut plan);
    if draw.chance(40) {
        let (filters, every) = (draw.between(1, 6), draw.millis(10_000, 120_000));
        plan.workload.push(Workload::Churn { filter: "churn/{id}/{n}".to_owned(), filters, every });
    }
    if draw.chance(30) {
        plan.workload.push(Workload::Meddle { every: draw.millis(20_000, 120_000) });
    }
    plan
}

/// What every application does: it publishes, and has subscribed to what is published to it.
pub(super) fn busy(draw: &mut Draw<'_>, plan: &mut Plan) {
    let every = draw.millis(3_000, 10_000);
    plan.workload.push(Workload::Publish {
        topic: "dt/{id}/{n}".to_owned(),
        topics: draw.between(1, 4),
        qos: 1,
        every,
        random: draw.chance(50),
        burst: if draw.chance(10) { draw.between(2, 5) } else { 1 },
        size: draw.between(8, 400),
        expires_in: draw.chance(10).then(|| draw.millis(1_000, 60_000)),
        count: None,
    });
    if draw.chance(30) {
        let (every, size) = (draw.millis(5_000, 60_000), draw.between(8, 200));
        let (topic, random) = ("log/{id}".to_owned(), draw.chance(50));
        let quick = Workload::Publish {
            topic,
            topics: 1,
            qos: 0,
            every,
            random,
            burst: 1,
            size,
            expires_in: None,
            count: None,
        };
        plan.workload.push(quick);
    }
    if draw.chance(70) {
        for device in 0..plan.devices {
            let filters = vec![format!("cmd/{}/+", plan.client.client_id(device))];
            let (at, qos) = (Span::default(), u8::from(draw.chance(80)));
            plan.op.push(Op { at, device, kind: OpKind::Subscribe { filters, qos } });
        }
        plan.workload.push(Workload::Inbound {
            topic: "cmd/{id}/{n}".to_owned(),
            topics: draw.between(1, 3),
            qos: u8::from(draw.chance(80)),
            every: draw.millis(5_000, 60_000),
            random: draw.chance(50),
            burst: if draw.chance(10) { draw.between(2, 10) } else { 1 },
            size: draw.between(8, 200),
            count: None,
        });
    }
}

/// Settings of which about every third is at one of its edges.
pub(super) fn client(draw: &mut Draw<'_>) -> ClientPlan {
    let mut client = ClientPlan::default();
    let millis = |low: u64, high: u64| move |draw: &mut Draw<'_>| draw.millis(low, high);
    client.clean_session = draw.chance(50).then_some(false);
    client.keep_alive = edge(draw, |draw| Span::secs(u64::from(draw.between(1, 5))));
    client.manual_acks = edge(draw, |_| true);
    client.connect_timeout = edge(draw, millis(1_000, 5_000));
    client.operation_timeout = edge(draw, millis(1_000, 60_000));
    client.resend_after = edge(draw, millis(1_000, 15_000));
    client.closes_max = edge(draw, |draw| draw.between(1, 5));
    client.in_flight_max = edge(draw, |draw| draw.pick(&[1, 1, 2, 8]));
    client.unacked_max = edge(draw, |draw| draw.pick(&[1, 2, 8]));
    client.jitter = edge(draw, |draw| {
        draw.pick(&[JitterName::None, JitterName::Equal, JitterName::Decorrelated, JitterName::Full])
    });
    if draw.chance(30) {
        let base = draw.millis(100, 4_000);
        client.backoff_base = Some(base);
        client.backoff_max = Some(Span(base.0 * draw.between(1, 32)));
        client.backoff_stable = Some(Span(base.0 * 2 + draw.millis(1, 20_000).0));
    }
    client.queue = edge(draw, |draw| draw.pick(&[0, 1, 2, 3, 100, -1]));
    client.drop_oldest = edge(draw, |_| true);
    client.queue_bytes = draw.chance(10).then(|| u64::from(draw.between(200, 4_000)));
    // An endless queue that drains slowly would have to be waited for too long.
    let rates: &[f64] =
        if client.queue == Some(-1) { &[10.0, 1_000.0, 0.0, -1.0] } else { &[0.2, 1.0, 1_000.0, 0.0, -1.0] };
    client.drain_hz = edge(draw, |draw| draw.pick(rates)).or((client.queue == Some(-1)).then_some(10.0));
    client
}

fn edge<T>(draw: &mut Draw<'_>, value: impl FnOnce(&mut Draw<'_>) -> T) -> Option<T> {
    draw.chance(30).then(|| value(draw))
}

/// A family that takes part, and how much of it; half of them do not.
fn weight(draw: &mut Draw<'_>, family: Family) -> Option<(Family, u32)> {
    draw.chance(50).then(|| (family, draw.between(1, 10)))
}

/// The cases to draw from, each as often as its family weighs.
fn deal(weighted: &[(Family, u32)]) -> Vec<&'static Row> {
    let times = |&(family, weight): &(Family, u32)| (0..weight).flat_map(move |_| family.rows());
    weighted.iter().flat_map(times).collect()
}

/// The plan with `low` to `high` faults, drawn from these cases.
pub(super) fn filled(choices: &mut dyn Choices, mut plan: Plan, low: u32, high: u32, rows: &[&'static Row]) -> Plan {
    let made: Vec<_> = rows.iter().copied().filter(|row| matches!(row.made, Made::By(_))).collect();
    if made.is_empty() {
        return plan;
    }
    let count = Draw::new(choices, 0, plan.duration).between(low, high) as usize;
    while plan.fault.len() < count {
        let device = Draw::new(choices, 0, plan.duration).between(0, plan.devices - 1);
        let row = Draw::new(choices, 0, plan.duration).pick(&made);
        let faults = row.faults(&mut Draw::new(choices, device, plan.duration));
        plan.fault.extend(faults);
    }
    plan
}
