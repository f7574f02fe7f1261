//! What the samples of things have in common: devices that are played where there is none, and somebody who changes
//! things in the cloud and by hand where there is nobody.

#[path = "../../src/bin/thingwire/played.rs"]
mod played;

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use thingwire_core::thing::lines::{Lines, Mirror};
use thingwire_core::thing::{Port, ThingNotice};
use thingwire_sim::double::Double;
use thingwire_sim::shadow;
use thingwire_std::{RunningThing, ShadowName, ThingNews};

pub(crate) use self::played::Played;
use super::Failure;

/// How long a change may take to be where it belongs.
const PATIENCE: Duration = Duration::from_secs(20);

/// The thing of a sample.
#[derive(Debug, Args)]
pub(crate) struct ThingFlags {
    /// The thing's name in AWS IoT.
    #[arg(short = 'n', long, alias = "thingName", value_name = "NAME", default_value = "Bot")]
    pub(crate) thing_name: String,
    /// After how many changes it ends; without it, there is no end.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<usize>,
}

impl ThingFlags {
    pub(crate) fn shadow(&self) -> Result<ShadowName, Failure> {
        Ok(ShadowName::classic(&self.thing_name)?)
    }
}

/// A device: the real one at this port, or one that is played behind a terminal.
pub(crate) fn device(port: Option<&Port>, lines: &Lines) -> Result<(Port, Option<Played>), Failure> {
    if let Some(port) = port {
        return Ok((port.clone(), None));
    }
    let played = Played::on_terminal(Mirror::new(lines)?, None, |_| ())?;
    println!("No port given: a {} is played at {}", lines.name, played.port());
    Ok((played.port().clone(), Some(played)))
}

/// The same behind a TCP port.
pub(crate) fn tcp_device(port: Option<&Port>, lines: &Lines) -> Result<(Port, Option<Played>), Failure> {
    if let Some(port) = port {
        return Ok((port.clone(), None));
    }
    let played = Played::on_tcp(Mirror::new(lines)?, "127.0.0.1:0", |_| ())?;
    println!("No port given: a {} is played at {}", lines.name, played.port());
    Ok((played.port().clone(), Some(played)))
}

/// Somebody changes something, and this is what the thing is to become by that, in the shadow as well.
pub(crate) struct Scene<'a> {
    who: Who<'a>,
    property: &'static str,
    value: Value,
    ends: Vec<(&'static str, Value)>,
}

enum Who<'a> {
    Cloud,
    Hand(Box<dyn Fn() -> Result<(), Failure> + 'a>),
}

impl<'a> Scene<'a> {
    /// Somebody writes to `desired`.
    pub(crate) fn cloud(property: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        Self { who: Who::Cloud, property, ends: vec![(property, value.clone())], value }
    }

    /// Somebody turns the device; `turn` does it.
    pub(crate) fn hand(
        property: &'static str,
        value: impl Into<Value>,
        turn: impl Fn() -> Result<(), Failure> + 'a,
    ) -> Self {
        let value = value.into();
        Self { who: Who::Hand(Box::new(turn)), property, ends: vec![(property, value.clone())], value }
    }

    /// What becomes of it is something else: rules have their say.
    pub(crate) fn ends(mut self, ends: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        self.ends = ends.into_iter().collect();
        self
    }
}

/// Tells what happens. Where there is a double, somebody plays these scenes with it, one after the other; then it ends
/// after as many of them as the flags say, otherwise after as many changes.
pub(crate) fn show(
    thing: &RunningThing,
    flags: &ThingFlags,
    double: Option<&Double>,
    scenes: &[Scene<'_>],
) -> Result<(), Failure> {
    let count = flags.count.unwrap_or(usize::MAX);
    let Some(double) = double.filter(|_| !scenes.is_empty()) else {
        let mut changes = 0;
        while changes < count {
            let Some(news) = thing.news(Duration::MAX) else { break };
            changes += usize::from(tell(&news));
        }
        return Ok(());
    };
    for property in thing.properties() {
        until(thing, |thing| thing.property(&property).is_some_and(|state| state.reported.is_some()))?;
    }
    println!("The shadow has what the devices are: {}", reported(thing));
    for scene in scenes.iter().cycle().take(count) {
        match &scene.who {
            Who::Cloud => {
                println!("Somebody in the cloud wishes: {} = {}", scene.property, scene.value);
                let update = json!({ "state": { "desired": { scene.property: scene.value } } });
                let name = shadow::ShadowName::classic(&flags.thing_name).ok_or("no thing name")?;
                let updated = double.update_shadow(&name, &update.to_string());
                updated.map_err(|rejection| format!("{rejection:?}"))?;
            }
            Who::Hand(turn) => {
                println!("Somebody turns the device: {} = {}", scene.property, scene.value);
                turn()?;
            }
        }
        for (property, value) in &scene.ends {
            until(thing, |thing| {
                thing
                    .property(property)
                    .is_some_and(|state| state.actual.as_ref() == Some(value) && state.reported.as_ref() == Some(value))
            })?;
        }
        println!("The shadow has it: {}", reported(thing));
    }
    Ok(())
}

/// What the cloud holds.
fn reported(thing: &RunningThing) -> Value {
    let state = |name: String| Some((name.clone(), thing.property(&name)?.reported?));
    thing.properties().into_iter().filter_map(state).collect::<serde_json::Map<_, _>>().into()
}

fn until(thing: &RunningThing, is_so: impl Fn(&RunningThing) -> bool) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so(thing) {
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(news) = thing.news(left) else { return Err("it did not become so in time".into()) };
        tell(&news);
    }
    Ok(())
}

/// One line for each thing that happens; tells whether it was a change.
fn tell(news: &ThingNews) -> bool {
    match news {
        ThingNews::Thing(ThingNotice::Changed { property, new, cause, .. }) => {
            println!("{property} = {new}, by {cause}");
            return true;
        }
        ThingNews::Thing(ThingNotice::Accepted { .. } | ThingNotice::Fulfilled { .. } | ThingNotice::NoShadow)
        | ThingNews::PortOpen { .. } => {}
        news => eprintln!("{news}"),
    }
    false
}
