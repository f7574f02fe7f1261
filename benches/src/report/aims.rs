//! What is aimed at, beside what was measured.

use thingwire_core::Qos;

use super::table::table;
use super::{engines, memory, scale};

/// A bound for some figures.
#[derive(Debug, Clone)]
pub struct Aim {
    /// What they are.
    pub what: String,
    /// What none of them should exceed.
    pub at_most: f64,
    /// What they are measured in.
    pub unit: &'static str,
    /// All of them.
    pub measured: Vec<f64>,
}

/// Of messages of 64 bytes, in memory.
pub fn of_memory(rows: &[memory::Row]) -> Vec<Aim> {
    let mut aims = Vec::new();
    for (publishes, work, at_most) in [(true, "publish", 0.3), (false, "receive", 0.5)] {
        let ours = |row: &&memory::Row| row.publishes == publishes && row.qos == Qos::AtLeastOnce && row.len == 64;
        let rows: Vec<_> = rows.iter().filter(ours).collect();
        let of_rumqttc = rows.iter().map(|row| row.core / row.rumqttc).collect();
        aims.push(Aim::times(format!("{work} QoS 1, 64 B, of rumqttc"), at_most, of_rumqttc));
        let least = rows.iter().map(|row| row.core).fold(f64::INFINITY, f64::min);
        let of_least = rows.iter().map(|row| row.core / least).collect();
        aims.push(Aim::times(format!("{work} QoS 1, 64 B, 1 to 100 at once, of the cheapest"), 1.2, of_least));
    }
    aims
}

/// Of TLS.
pub fn of_engines(rows: &[engines::Row]) -> Vec<Aim> {
    let of_rustls = rows.iter().map(|row| row.tls / row.rustls).collect();
    vec![Aim::times("the engine over TLS, of rustls alone".to_owned(), 1.15, of_rustls)]
}

/// Of much of little.
pub fn of_scale(rows: &[scale::Row]) -> Vec<Aim> {
    let aim = |row: &scale::Row| {
        let what = format!("{}, with {} of {} {}", row.work, row.counts[1], row.counts[0], row.of);
        Aim::times(what, 1.2, vec![row.each[1] / row.each[0]])
    };
    rows.iter().filter(|row| row.of == "queued messages").map(aim).collect()
}

/// As a table.
pub fn show(aims: &[Aim]) -> String {
    let rows: Vec<_> = aims.iter().map(Aim::cells).collect();
    table(&["", "at most", "measured", ""], &rows)
}

impl Aim {
    fn times(what: String, at_most: f64, measured: Vec<f64>) -> Self {
        Self { what, at_most, unit: "×", measured }
    }

    fn cells(&self) -> Vec<String> {
        let Self { what, at_most, unit, measured } = self;
        let least = measured.iter().copied().fold(f64::INFINITY, f64::min);
        let most = measured.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shown = [least, most].map(|figure| format!("{figure:.2}"));
        let range = if shown[0] == shown[1] { shown[0].clone() } else { shown.join(" to ") };
        // As it is shown: what differs by less is not measured.
        let is_met = (most * 100.0).round() <= (at_most * 100.0).round();
        let verdict = if is_met { "met" } else { "not met" };
        vec![what.clone(), format!("{at_most}{unit}"), format!("{range}{unit}"), verdict.to_owned()]
    }
}
