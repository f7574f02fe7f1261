//! A device that says much in one line.

use thingwire_core::Instant;
use thingwire_core::thing::lines::{LineComponent, Lines, decimal, flag, number, words};
use thingwire_core::thing::{Component, ComponentAction, ComponentEvent};

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
        let mut lines = Lines::new("preamp")
            .property("input", number(0..=9))
            .property("volume", decimal(-95.5..=31.5, 1))
            .property("muted", flag())
            .property("decoder", words([("0", 0), ("1", 1), ("2", 2)]))
            .query("P1?", "P1S{input}V{volume}M{muted}D{decoder}E{_}");
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
