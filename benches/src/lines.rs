//! A device that says much in one line, and a thing with many of them.

use core::time::Duration;

use thingwire_core::Instant;
use thingwire_core::thing::lines::{LineComponent, Lines, decimal, flag, number, words};
use thingwire_core::thing::{Component, ComponentAction, ComponentEvent, ComponentId, Thing, ThingAction, ThingEvent};

/// What the device says: four properties, and two fields that do not matter.
pub const LINE: &[u8] = b"P1S3V-35.5M0D2E0\n";

/// A component that has heard everything once.
pub struct Device {
    component: LineComponent,
    actions: Vec<ComponentAction>,
}

impl Device {
    /// A preamp with a status line, and as many other lines that it may say.
    ///
    /// # Panics
    ///
    /// When the table has a mistake.
    pub fn new(others: u32) -> Self {
        let mut lines = preamp("");
        for other in 0..others {
            let name = format!("other{other}");
            lines = lines.property(&name, number(0..=9)).hears(format!("P2X{other}={{{name}}}"));
        }
        let component = lines.build().expect("no mistakes");
        let mut this = Self { component, actions: Vec::new() };
        this.give(ComponentEvent::Up);
        this.receive(LINE);
        this
    }

    /// The device says this; returns how many values were heard.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.give(ComponentEvent::Received(bytes))
    }

    fn give(&mut self, event: ComponentEvent<'_>) -> usize {
        self.actions.clear();
        self.component.handle(Instant::EPOCH, event, &mut self.actions);
        self.actions.iter().filter(|action| matches!(action, ComponentAction::Heard(..))).count()
    }
}

/// How often each device of [`Devices`] is asked.
pub const POLL_EVERY: Duration = Duration::from_secs(5);

/// A thing with many devices that are asked again and again, and are always the same.
pub struct Devices {
    thing: Thing,
    now: Instant,
    asked: Vec<ComponentId>,
}

impl Devices {
    /// So many, whose turns are spread over [`POLL_EVERY`].
    ///
    /// # Panics
    ///
    /// When the table has a mistake.
    pub fn new(count: u32) -> Self {
        let mut builder = Thing::builder();
        for index in 0..count {
            let lines = preamp(&index.to_string()).poll_every(POLL_EVERY).build().expect("no mistakes");
            builder = builder.component(format!("preamp{index}"), lines);
        }
        let thing = builder.build(1).expect("no mistakes");
        let mut this = Self { thing, now: Instant::EPOCH, asked: Vec::new() };
        for index in 0..count {
            this.now = Instant::EPOCH + POLL_EVERY * index / count;
            this.give(ThingEvent::Up(ComponentId(index as usize)));
            this.answer(LINE);
        }
        for _ in 0..count * 2 {
            this.poll(LINE);
        }
        this
    }

    /// Waits for the next device's turn: it is asked, and says this. Returns how many were asked.
    pub fn poll(&mut self, line: &[u8]) -> usize {
        let deadline = self.thing.next_deadline();
        self.now = deadline.map_or(self.now, |deadline| deadline.max(self.now));
        self.give(ThingEvent::Wake);
        self.answer(line)
    }

    fn answer(&mut self, line: &[u8]) -> usize {
        let asked = core::mem::take(&mut self.asked);
        for &component in &asked {
            self.give(ThingEvent::Received(component, line));
        }
        let count = asked.len();
        self.asked = asked;
        self.asked.clear();
        count
    }

    fn give(&mut self, event: ThingEvent<'_>) {
        self.thing.handle(self.now, event);
        while let Some(action) = self.thing.poll_action() {
            if let ThingAction::Send(component, _) = action {
                self.asked.push(component);
            }
        }
    }
}

/// Its properties have this at the end of their names.
fn preamp(suffix: &str) -> Lines {
    let name = |name: &str| format!("{name}{suffix}");
    Lines::new("preamp")
        .property(name("input"), number(0..=9))
        .property(name("volume"), decimal(-95.5..=31.5, 1))
        .property(name("muted"), flag())
        .property(name("decoder"), words([("0", 0), ("1", 1), ("2", 2)]))
        .query("P1?", format!("P1S{{input{suffix}}}V{{volume{suffix}}}M{{muted{suffix}}}D{{decoder{suffix}}}E{{_}}"))
}
