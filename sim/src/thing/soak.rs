//! Lives of components whose devices and cables do everything wrong, and then nothing any more.
//!
//! What must hold: every wish ends once; no command is sent that nobody wishes at that moment, and none more often than
//! it may be; nothing is heard that the device never was; and when the faults are over, the component knows what the
//! device is, and the last wishes are done.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use thingwire_core::Instant;
use thingwire_core::thing::lines::{Lines, codec, flag, number, template, words};
use thingwire_core::thing::{Access, ComponentAction, PropertyId, SetId};

use super::cable::Faults;
use super::stand::{Happened, Stand};
use crate::choices::{Choices, Seeded, Site};

/// How often a device may be told the same thing for one wish: [`Timing`](thingwire_core::thing::lines::Timing)'s default.
const ATTEMPTS_MAX: u32 = 3;

/// What lives were made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Wishes.
    pub wishes: u64,
    /// Wishes that were done.
    pub done: u64,
    /// Commands sent.
    pub commands: u64,
    /// Values heard.
    pub heard: u64,
    /// Notes, as of lines that nobody understood.
    pub notes: u64,
}

impl Totals {
    /// Counts another life as well.
    pub fn add(&mut self, other: &Self) {
        self.wishes += other.wishes;
        self.done += other.done;
        self.commands += other.commands;
        self.heard += other.heard;
        self.notes += other.notes;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wishes, done, commands, heard, notes } = self;
        write!(f, "{wishes} wishes, {done} of them done, {commands} commands, {heard} values heard, {notes} notes")
    }
}

/// pyIOT's README.
pub fn relay() -> Lines {
    Lines::new("relay")
        .property("relayState", words([("ON", "ON"), ("OFF", "OFF")]))
        .query("RELAY?", "RELAY{relayState}")
        .command("relayState", "RELAY{relayState}")
        .poll_every(Duration::from_secs(5))
}

/// The preamp of pyIOT's case study: one line with everything in it, and a volume in steps of 2.5 dB.
pub fn preamp() -> Lines {
    let volume = codec(
        |text: &str| {
            let decibels: f64 = text.parse().ok()?;
            (-95.5..=4.5).contains(&decibels).then_some(decibels + 95.5)
        },
        |value| {
            let percent = value.as_f64().filter(|percent| (0.0..=100.0).contains(percent))?;
            Some(format!("{:.1}", (percent / 2.5).round() * 2.5 - 95.5))
        },
    );
    Lines::new("preamp")
        .property("power", words([("1", "ON"), ("0", "OFF")]))
        .property("input", words([("0", "CD"), ("3", "TV"), ("7", "AUX")]))
        .property("volume", volume)
        .property("muted", flag())
        .query("P1P?", "P1P{power}")
        .query("P1?", "P1S{input}V{volume}M{muted}D{_}E{_}")
        .when("power", "ON")
        .hears("P1S{input}")
        .hears("P1VM{volume}")
        .hears("P1M{muted}")
        .command("power", "P1P{power}")
        .command("input", "P1S{input}")
        .command("volume", "P1VM{volume}")
        .command("muted", "P1M{muted}")
        .refused_by("Invalid Command")
        .refresh_on("power")
        .terminator("\n")
        .poll_every(Duration::from_secs(5))
}

/// The projector of pyIOT's case study: lines end with a colon, and it takes no command while it warms up.
pub fn projector() -> Lines {
    Lines::new("projector")
        .property("power", words([("00", "OFF"), ("01", "ON"), ("02", "WARMING"), ("03", "COOLING")]))
        .property("input", words([("30", "HDMI1"), ("A0", "HDMI2"), ("41", "VIDEO")]))
        .query("PWR?", "PWR={power}\r")
        .query("SOURCE?", "SOURCE={input}\r")
        .when("power", "ON")
        .command("power", template("PWR {power}").with("power", words([("ON", "ON"), ("OFF", "OFF")])))
        .shown_within(Duration::from_secs(10))
        .command("input", "SOURCE {input}")
        .refused_by("ERR\r")
        .hold_commands_while("power", ["WARMING", "COOLING"])
        .polling_every(Duration::from_secs(1))
        .refresh_on("power")
        .terminators(":", "\r")
        .poll_every(Duration::from_secs(5))
}

/// A device that says values without saying which.
pub fn meter() -> Lines {
    Lines::new("meter")
        .property("volts", number(0..=999))
        .property("amperes", number(0..=999))
        .query("VOLT?", template("{volts}").when_asked())
        .query("AMP?", template("{amperes}").when_asked())
        .poll_every(Duration::from_secs(3))
}

/// A device that says everything back, and then yes or no.
pub fn lamp() -> Lines {
    Lines::new("lamp")
        .property("lamp", flag())
        .property("dim", number(0..=255).hex().width(2))
        .query("?", "L{lamp}D{dim}")
        .command("lamp", "LAMP {lamp}")
        .acknowledged_by(["OK"])
        .command("dim", "DIM {dim}")
        .answered_by("L{lamp}D{dim}")
        .refused_by("NO")
        .echoes()
        .poll_every(Duration::from_secs(4))
}

/// One life of this seed, with faults at first.
pub fn life(seed: u64) -> Result<Totals, String> {
    let mut script = Seeded::new(seed);
    let tables = [relay, preamp, projector, meter, lamp];
    let which = script.below(0, Site::Hands, tables.len() as u64);
    let table = tables[usize::try_from(which).unwrap_or(0)]();
    let told = |why: String| format!("seed {seed}, {}: {why}", table.name);
    let mut stand = Stand::new(&table, Box::new(Seeded::new(seed))).map_err(|mistakes| told(mistakes.to_string()))?;
    trouble(&mut stand, &mut script);
    let last = peace(&mut stand, &mut script);
    if let Some(broken) = stand.broken.take() {
        return Err(told(broken));
    }
    converged(&stand, &last).map_err(told)?;
    stand.unplug();
    judge(&stand).map_err(told)
}

/// A minute or so in which everything goes wrong.
fn trouble(stand: &mut Stand, script: &mut Seeded) {
    let mut draw = |n| script.below(0, Site::Hands, n);
    let chance = [0, 10, 50, 150, 300][usize::try_from(draw(5)).unwrap_or(0)];
    stand.cable.faults = Faults::all(chance);
    let manners = &mut stand.device.manners;
    (manners.deaf, manners.half, manners.twice) = (chance, chance, chance);
    (manners.refuses, manners.wrong_echo, manners.busy) = (chance / 2, chance, chance / 4);
    manners.announces = draw(2) == 0;
    for property in 0..stand.component.properties().len() {
        let value = any_value(stand, PropertyId(property), draw(1_000));
        stand.turn(PropertyId(property), value);
    }
    stand.plug();
    for _ in 0..40 {
        let pause = Duration::from_millis(draw(2_000));
        stand.run_until(stand.now() + pause);
        let property = PropertyId(usize::try_from(draw(stand.component.properties().len() as u64)).unwrap_or(0));
        let value = any_value(stand, property, draw(1_000));
        match draw(20) {
            0 => stand.unplug(),
            1..=5 => stand.turn(property, value),
            6 => {}
            _ if stand.component.check(property, &value).is_ok() => drop(stand.set(property, value)),
            _ => {}
        }
        if draw(3) == 0 {
            stand.plug();
        }
    }
}

/// Nothing goes wrong any more. Returns the last wishes.
fn peace(stand: &mut Stand, script: &mut Seeded) -> Vec<(SetId, PropertyId, Value)> {
    stand.cable.faults = Faults::default();
    stand.device.manners = super::Manners { announces: stand.device.manners.announces, ..Default::default() };
    // What was said before may still be on its way, and be taken for an answer.
    stand.run_until(stand.now() + Duration::from_secs(10));
    // What takes no commands would not do as it is told.
    if let Some(power) = stand.component.properties().iter().position(|property| property.name == "power") {
        stand.turn(PropertyId(power), "ON");
        stand.plug();
        stand.set(PropertyId(power), "ON");
    }
    stand.plug();
    stand.run_until(stand.now() + Duration::from_secs(60));
    let mut wishes = Vec::new();
    for place in 0..stand.component.properties().len() {
        let property = PropertyId(place);
        let value = any_value(stand, property, script.below(0, Site::Hands, 1_000));
        let is_power = stand.component.properties()[place].name == "power";
        if !is_power && stand.component.check(property, &value).is_ok() {
            wishes.push((stand.set(property, value.clone()), property, value));
        }
    }
    stand.run_until(stand.now() + Duration::from_secs(60));
    wishes
}

/// One of the values that a property can have.
fn any_value(stand: &Stand, property: PropertyId, draw: u64) -> Value {
    let samples = stand.device.table().codec(property).map(thingwire_core::thing::lines::Codec::samples);
    match samples.filter(|samples| !samples.is_empty()) {
        Some(samples) => samples[usize::try_from(draw).unwrap_or(0) % samples.len()].clone(),
        None => Value::from(draw % 101),
    }
}

/// The component knows what the device is, and the last wishes are done.
fn converged(stand: &Stand, wishes: &[(SetId, PropertyId, Value)]) -> Result<(), String> {
    for (place, described) in stand.component.properties().iter().enumerate() {
        let (property, name) = (PropertyId(place), &described.name);
        let known = stand.log().iter().rev().find_map(|(_, happened)| match happened {
            Happened::Did(ComponentAction::Heard(heard, value)) if *heard == property => Some(value),
            _ => None,
        });
        let real = stand.device.value(property);
        if described.access != Access::Write && !known.is_some_and(|known| stand.component.same(property, known, real))
        {
            return Err(format!("{name} is {real}, and the component believes {known:?}"));
        }
    }
    for (id, property, value) in wishes {
        let done = stand.log().iter().any(|(_, happened)| *happened == Happened::Did(ComponentAction::Done(*id)));
        let real = stand.device.value(*property);
        if !done || !stand.component.same(*property, value, real) {
            return Err(format!("the last wish {id:?} for {value} ended with {real}, done: {done}"));
        }
    }
    Ok(())
}

/// What must hold all the time.
fn judge(stand: &Stand) -> Result<Totals, String> {
    let mut totals = Totals::default();
    // By property: the wish that counts, and how often the device was told.
    let mut open: BTreeMap<PropertyId, (SetId, Value, u32)> = BTreeMap::new();
    let (mut wished, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for (at, happened) in stand.log() {
        match happened {
            Happened::Wished(id, property, value) => {
                totals.wishes += 1;
                wished.insert(*id);
                open.insert(*property, (*id, value.clone(), 0));
            }
            Happened::Did(ComponentAction::Send(bytes)) => totals.commands += sent(stand, bytes, &mut open)?,
            Happened::Did(ComponentAction::Heard(property, value)) => {
                totals.heard += 1;
                // Two halves of numbers without a name make a number, and a late one is another's.
                if stand.device.table().name() != "meter" {
                    was(stand, *at, *property, value)?;
                }
            }
            Happened::Did(ComponentAction::Done(id) | ComponentAction::Failed(id, _)) => {
                totals.done += u64::from(matches!(happened, Happened::Did(ComponentAction::Done(_))));
                if !wished.contains(id) || !ended.insert(*id) {
                    return Err(format!("{id:?} ends at {at:?}, and nobody waits for that"));
                }
                open.retain(|_, (open, ..)| open != id);
            }
            Happened::Did(ComponentAction::Note(_)) => totals.notes += 1,
            Happened::Plugged | Happened::Unplugged => {}
        }
    }
    match wished.difference(&ended).next() {
        Some(left) => Err(format!("{left:?} never ended")),
        None => Ok(totals),
    }
}

/// A line that was sent asks something, or is what somebody wishes at this moment. Returns how many commands it is.
fn sent(stand: &Stand, bytes: &[u8], open: &mut BTreeMap<PropertyId, (SetId, Value, u32)>) -> Result<u64, String> {
    let table = stand.device.table();
    let text = String::from_utf8_lossy(bytes);
    let Some(line) = text.strip_suffix(table.wire().ending.as_str()) else {
        return Err(format!("{text:?} has no end"));
    };
    if table.queries().any(|(ask, ..)| ask == line) {
        return Ok(0);
    }
    for (property, (id, value, told)) in open.iter_mut() {
        let mut said = Vec::new();
        let reads = table.command(*property).is_some_and(|command| command.read(line, &mut said));
        let same = |(said, is): &(PropertyId, Value)| said == property && stand.component.same(*property, value, is);
        if reads && said.iter().any(same) {
            *told += 1;
            return if *told > ATTEMPTS_MAX { Err(format!("{id:?} was told {told} times")) } else { Ok(1) };
        }
    }
    Err(format!("{line:?} was sent, and nobody wished that"))
}

/// The device was once what the component has heard.
fn was(stand: &Stand, at: Instant, property: PropertyId, value: &Value) -> Result<(), String> {
    let history = stand.device.history();
    let same = |is: &Value| stand.component.same(property, value, is);
    let ever = history.iter().any(|written| written.property == property && written.at <= at && same(&written.value));
    if ever { Ok(()) } else { Err(format!("{property:?} was heard to be {value} at {at:?}, and never was")) }
}
