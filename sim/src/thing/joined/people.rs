//! What people do to a thing: turn it by hand, wish for things, pull plugs.

use serde_json::{Value, json};

use super::device::Kind;
use super::rules::{SHOW, SHOWN};
use super::world::{Happening, World};

impl World {
    /// The next thing that happens, and when the one after it does.
    pub(super) fn live(&mut self) {
        if !self.faults {
            return;
        }
        match self.below(100) {
            0..35 => self.edit(),
            35..60 => {
                let index = self.some_device();
                let value = self.some_value(index);
                self.turn(index, value);
            }
            60..68 => {
                let index = self.some_device();
                let value = self.some_value(index);
                self.set(index, &value);
            }
            68..78 => {
                let resumes = self.below(2) == 0;
                let back = self.span(50, 20_000);
                self.cut(resumes, back);
            }
            78..88 => {
                let index = self.some_device();
                self.port_closes(index);
                let back = self.span(50, 20_000);
                self.later(back, Happening::PortOpens(index));
            }
            88..94 => {
                let in_peace = self.below(2) == 0;
                self.ends(in_peace);
                if self.below(6) == 0 {
                    self.memory.truncate(self.memory.len() / 2);
                    self.record.forgotten();
                }
                let back = self.span(500, 5_000);
                self.restart(back);
            }
            94..96 => self.delete(),
            // Unless it differs from what is desired, nobody tells of it.
            _ if self.plan.is_read() => self.write_reported(),
            _ => {}
        }
        let pace = u64::try_from(self.plan.pace.as_millis()).unwrap_or(1);
        let wait = self.span(1, 2 * pace);
        self.later(wait, Happening::Life);
    }

    pub(super) fn some_device(&mut self) -> usize {
        let n = self.ports.len() as u64;
        usize::try_from(self.below(n)).unwrap_or(0)
    }

    /// A value that the device can have.
    pub(super) fn some_value(&mut self, index: usize) -> Value {
        match self.ports[index].device.kind {
            Kind::Dimmer => json!(self.below(11) * 10),
            Kind::Relay | Kind::Projector | Kind::Mute => json!(self.below(2) == 1),
        }
    }

    /// Somebody turns a device by hand.
    pub(super) fn turn(&mut self, index: usize, value: Value) {
        self.record.turn(index);
        self.note(|world| format!("BY HAND {} to {value}", world.ports[index].device.kind.property()));
        if let Some(line) = self.ports[index].device.turn(self.now, value) {
            self.device_says(index, line);
        }
    }

    /// Somebody wishes, well or badly.
    fn edit(&mut self) {
        let index = self.some_device();
        let property = self.ports[index].device.kind.property();
        let value = match self.below(12) {
            0 => Value::Null,
            1 => json!(["nonsense", 7]),
            2 => json!(200),
            // Between two steps.
            3 if property == "level" => json!(self.below(101)),
            _ => self.some_value(index),
        };
        let mut desired = json!({ property: value });
        self.record.edit(self.now, index, &value);
        if self.below(8) == 0 {
            desired["stranger"] = json!(self.below(3));
        }
        if self.below(4) == 0 {
            let other = self.some_device();
            let value = self.some_value(other);
            if other != index {
                self.record.edit(self.now, other, &value);
                desired[self.ports[other].device.kind.property()] = value;
            }
        }
        if self.below(8) == 0 {
            let on = json!(self.below(2) == 1);
            for kind in SHOWN {
                self.record.edit(self.now, kind as usize, &on);
            }
            desired[SHOW] = on;
        }
        self.desire(&desired);
    }

    /// Writes to `desired` from behind.
    pub(super) fn desire(&mut self, desired: &Value) {
        let request = json!({ "state": { "desired": desired } }).to_string();
        self.note(|_| format!("WISHED {desired}"));
        self.outdates(|property| desired.get(property).is_some());
        let (moment, shadow) = (self.moment(), self.shadow.clone());
        let _version = self.service.update(moment, &shadow, request.as_bytes());
    }

    /// What was desired is no more, which the program hears later.
    fn outdates(&mut self, is_meant: impl Fn(&str) -> bool) {
        let known = self.document();
        for (index, port) in self.ports.iter().enumerate() {
            let property = port.device.kind.property();
            let shown = SHOWN.contains(&port.device.kind).then_some(SHOW);
            for property in [property].into_iter().chain(shown).filter(|property| is_meant(property)) {
                self.record.replaced(self.now, index, known["state"]["desired"][property].clone());
            }
        }
    }

    /// The program itself sets a property.
    pub(super) fn set(&mut self, index: usize, value: &Value) {
        let property = self.ports[index].device.kind.property();
        let now = self.now;
        let Some(thing) = &mut self.thing else { return };
        if thing.set(now, property, value.clone()).is_ok() {
            self.record.set(index, value);
            self.note(|_| format!("SET {property} to {value}"));
        }
    }

    pub(super) fn cut(&mut self, resumes: bool, back: core::time::Duration) {
        if self.link.up {
            self.link_down(resumes);
            self.later(back, Happening::LinkUp { resumed: resumes });
        }
    }

    pub(super) fn restart(&mut self, back: core::time::Duration) {
        self.later(back, Happening::Starts);
        let online = self.span(100, 4_000);
        self.later(back + online, Happening::LinkUp { resumed: false });
    }

    fn delete(&mut self) {
        self.note(|_| "DELETED".to_owned());
        self.outdates(|_| true);
        let (moment, topic) = (self.moment(), self.shadow.topic("delete"));
        self.service.request(moment, 999_999, &topic, b"{}");
    }

    /// Somebody writes what is the device's to say.
    fn write_reported(&mut self) {
        let index = self.some_device();
        let (property, value) = (self.ports[index].device.kind.property(), self.some_value(index));
        let request = json!({ "state": { "reported": { property: value } } }).to_string();
        let (moment, shadow) = (self.moment(), self.shadow.clone());
        let _version = self.service.update(moment, &shadow, request.as_bytes());
    }
}
