//! A plan as a scenario file.

use core::fmt::Write as _;

use toml::{Table, Value};

use crate::plan::{Network, Plan};

/// The keys that come first where they are, in this order; others follow in alphabetical order.
const ORDER: [&str; 14] = [
    "kind", "name", "at", "when", "phase", "sent", "answer", "queued", "for", "device", "topic", "filter", "packet",
    "how",
];

/// The scenario file of a plan: [`read`](super::read) gives the plan back.
///
/// # Errors
///
/// When a number in it is beyond what TOML can carry, 2⁶³ − 1.
pub fn write(plan: &Plan) -> Result<String, toml::ser::Error> {
    // The seed is a u64, which TOML's own numbers are not.
    let Value::Table(table) = Value::try_from(Plan { seed: 0, ..plan.clone() })? else {
        return Ok(String::new());
    };
    let mut text = String::new();
    for key in ["name", "seed", "duration", "heal", "devices"] {
        match (key, table.get(key)) {
            ("seed", _) => line(&mut text, key, &plan.seed.to_string()),
            ("devices", Some(Value::Integer(1))) => {}
            (_, Some(value)) => line(&mut text, key, &inline(value)),
            (_, None) => {}
        }
    }
    for key in ["client", "network"] {
        let Some(Value::Table(own)) = table.get(key) else { continue };
        let mut own = own.clone();
        if key == "network" {
            own = without_defaults(own)?;
        }
        if !own.is_empty() {
            section(&mut text, &format!("[{key}]"), &own);
        }
    }
    for key in ["workload", "op", "fault"] {
        let Some(Value::Array(entries)) = table.get(key) else { continue };
        for entry in entries.iter().filter_map(Value::as_table) {
            let mut entry = entry.clone();
            if key == "workload" {
                entry.retain(|key, value| !is_usual(key, value));
            }
            section(&mut text, &format!("[[{key}]]"), &entry);
        }
    }
    Ok(text)
}

fn without_defaults(network: Table) -> Result<Table, toml::ser::Error> {
    let defaults = Value::try_from(Network::default())?;
    Ok(network.into_iter().filter(|(key, value)| defaults.get(key) != Some(value)).collect())
}

/// Whether a workload has this value without its being written.
fn is_usual(key: &str, value: &Value) -> bool {
    match key {
        "topics" | "filters" | "burst" | "shadows" => *value == Value::Integer(1),
        "random" => *value == Value::Boolean(false),
        "thing" => value.as_str() == Some("{id}"),
        _ => false,
    }
}

fn section(text: &mut String, header: &str, table: &Table) {
    let _ = writeln!(text, "\n{header}");
    for (key, value) in ordered(table) {
        line(text, key, &inline(value));
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    // Nothing can fail: it is written into a string.
    let _ = writeln!(text, "{key} = {value}");
}

fn ordered(table: &Table) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| ORDER.iter().position(|first| first == key).unwrap_or(ORDER.len()));
    entries
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Table(table) => {
            let entries: Vec<_> =
                ordered(table).iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            value.to_string()
        }
    }
}
