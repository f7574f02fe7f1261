//! The profiles that stand for a place.

use super::swarm::{busy, client, filled, quiet};
use crate::catalogue::{self, Draw, Family, Row};
use crate::choices::Choices;
use crate::plan::{ClientPlan, Network, Plan, Span};

pub(super) fn calm(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let mut plan = quiet(draw, 300, 900);
    plan.network = Network { latency: draw.millis(1, 100), ..Network::default() };
    busy(draw, &mut plan);
    plan
}

pub(super) fn flaky_wifi(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let mut plan = quiet(draw, 300, 1_800);
    plan.network = Network {
        latency: draw.millis(2, 50),
        jitter: draw.millis(1, 50),
        fragmented: draw.chance(50),
        ..Network::default()
    };
    plan.client = persistent(draw);
    busy(draw, &mut plan);
    let rows = rows(&["T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T14", "T17", "T18", "T19"])
        .chain(rows(&["D1", "N1", "N2", "N3", "A9", "B14"]));
    filled(choices, plan, 10, 60, &rows.collect::<Vec<_>>())
}

pub(super) fn cellular(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let mut plan = quiet(draw, 600, 1_800);
    plan.network = Network {
        latency: draw.millis(60, 800),
        jitter: draw.millis(1, 600),
        bytes_per_second: draw.between(2_000, 40_000),
        ..Network::default()
    };
    plan.client = persistent(draw);
    busy(draw, &mut plan);
    let rows =
        rows(&["T7", "T8", "T9", "T10", "T11", "T12", "T13", "T16", "T17", "D1", "D2", "N2", "N3", "C2", "C3", "C4"]);
    filled(choices, plan, 5, 40, &rows.collect::<Vec<_>>())
}

pub(super) fn captive(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let mut plan = quiet(draw, 300, 1_200);
    busy(draw, &mut plan);
    let rows = rows(&["D1", "D5", "P1", "P2", "P3", "N3", "N4", "N5", "TL1", "TL6", "TL7", "T1"]);
    filled(choices, plan, 5, 30, &rows.collect::<Vec<_>>())
}

pub(super) fn brownout(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let mut plan = quiet(draw, 600, 1_800);
    plan.client = persistent(draw);
    busy(draw, &mut plan);
    let rows = rows(&["B2", "B14", "B18", "B19", "B21", "B22", "N1", "N5", "A1", "A2", "T10"]);
    filled(choices, plan, 5, 40, &rows.collect::<Vec<_>>())
}

pub(super) fn takeover(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let mut plan = quiet(draw, 300, 1_200);
    plan.client = persistent(draw);
    busy(draw, &mut plan);
    filled(choices, plan, 5, 40, &rows(&["B15", "B15", "B14", "T6", "AP3"]).collect::<Vec<_>>())
}

pub(super) fn powercut(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let mut plan = quiet(draw, 600, 1_200);
    plan.devices = draw.between(2, 5);
    plan.client = persistent(draw);
    busy(draw, &mut plan);
    let rows: Vec<_> = rows(&["B21", "N2", "N3", "D1", "T7", "B22"]).collect();
    let mut cuts = Vec::new();
    for _ in 0..draw.between(1, 5) {
        let row = draw.pick(&rows);
        cuts.push(row);
    }
    let duration = plan.duration;
    for row in cuts {
        let faults = row.faults(&mut Draw::new(choices, 0, duration));
        for device in 0..plan.devices {
            plan.fault.extend(faults.iter().cloned().map(|fault| crate::plan::PlannedFault { device, ..fault }));
        }
    }
    plan
}

pub(super) fn hostile_broker(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let mut plan = quiet(draw, 300, 1_800);
    plan.client = client(draw);
    busy(draw, &mut plan);
    let rows: Vec<_> = [Family::Broker, Family::Ack, Family::Bytes].into_iter().flat_map(Family::rows).collect();
    filled(choices, plan, 10, 60, &rows)
}

pub(super) fn device_advisor(choices: &mut dyn Choices) -> Plan {
    let draw = &mut Draw::new(choices, 0, Span::default());
    let mut plan = quiet(draw, 300, 1_200);
    plan.client = ClientPlan { device_advisor: true, clean_session: Some(draw.chance(50)), ..ClientPlan::default() };
    busy(draw, &mut plan);
    let rows = rows(&["N5", "N4", "A1", "A2", "A7", "A8", "B7", "B12", "B14", "B15", "A13", "TL1", "T7", "T19"]);
    filled(choices, plan, 5, 30, &rows.collect::<Vec<_>>())
}

/// The defaults, with a session that is kept half of the time.
fn persistent(draw: &mut Draw<'_>) -> ClientPlan {
    ClientPlan { clean_session: draw.chance(50).then_some(false), ..ClientPlan::default() }
}

fn rows(ids: &'static [&'static str]) -> impl Iterator<Item = &'static Row> {
    ids.iter().filter_map(|id| catalogue::find(id))
}
