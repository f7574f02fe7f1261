//! What must hold when everything is well again.

use core::time::Duration;

use serde_json::{Value, json};
use thingwire_core::thing::{Authority, Boot};

use super::device::Kind;
use super::rules::{SHOW, show};
use super::world::{Happening, World};

/// Everything is in step after so long: busy devices, waits after failures and the time to obey included.
const IN_STEP_WITHIN: Duration = Duration::from_secs(200);
/// The same, when nothing has gone wrong for long.
const CALM_WITHIN: Duration = Duration::from_secs(150);
const SILENCE: Duration = Duration::from_secs(50);

impl World {
    /// Nothing goes wrong from now on, and everything is in step after a while.
    pub(super) fn heals(&mut self) -> Result<(), String> {
        self.faults = false;
        self.later(Duration::from_secs(6), Happening::Starts);
        self.run(Duration::from_secs(10))?;
        for index in 0..self.ports.len() {
            self.later(Duration::ZERO, Happening::PortOpens(index));
        }
        self.run(Duration::from_secs(25))?;
        if self.plan.last_reconnect {
            self.link_down(false);
        }
        self.later(Duration::from_secs(1), Happening::LinkUp { resumed: !self.plan.last_reconnect });
        self.run(IN_STEP_WITHIN)?;
        self.is_in_step("in the end")?;
        self.is_silent()
    }

    /// What the cloud holds is what the devices are, and nobody wishes for anything else.
    pub(super) fn is_in_step(&self, when: &str) -> Result<(), String> {
        let document = self.document();
        for port in &self.ports {
            let (property, is) = (port.device.kind.property(), &port.device.value);
            let reported = &document["state"]["reported"][property];
            if reported != is {
                return Err(format!("{when}: {property} is {is}, and {reported} is reported"));
            }
            let differs = &document["state"]["delta"][property];
            if !differs.is_null() {
                return Err(format!("{when}: {property} is {is}, and {differs} is still desired"));
            }
        }
        let device = |kind: Kind| &self.ports[kind as usize].device.value;
        let shows = show(device(Kind::Relay), device(Kind::Projector));
        let reported = &document["state"]["reported"][SHOW];
        if *reported != shows {
            return Err(format!("{when}: {SHOW} is {shows}, and {reported} is reported"));
        }
        let differs = &document["state"]["delta"][SHOW];
        if !differs.is_null() {
            return Err(format!("{when}: {SHOW} is {shows}, and {differs} is still desired"));
        }
        Ok(())
    }

    fn is_silent(&mut self) -> Result<(), String> {
        let asked = self.record.updates;
        let attempts: Vec<_> = self.attempts();
        self.run(SILENCE)?;
        if self.record.updates != asked {
            return Err("updates though nothing changes".to_owned());
        }
        if self.attempts() != attempts {
            return Err("devices are set though nothing changes".to_owned());
        }
        Ok(())
    }

    fn attempts(&self) -> Vec<usize> {
        (0..self.ports.len()).map(|index| self.record.attempts(index)).collect()
    }

    /// One thing after the other, each with time to settle: whoever was last wins, or whoever the policy says.
    pub(super) fn one_after_the_other(&mut self) -> Result<(), String> {
        // One of the devices, and one of the troubles: in every world others.
        let index = self.some_device();
        self.wished(index)?;
        self.turned(index, "by hand", |_| {})?;
        match self.below(3) {
            0 => self.turned(index, "by hand, offline", |world| {
                let resumes = world.below(2) == 0;
                world.cut(resumes, Duration::from_secs(20));
            })?,
            1 => self.turned(index, "by hand, with the port closed", |world| {
                world.port_closes(index);
                world.later(Duration::from_secs(20), Happening::PortOpens(index));
            })?,
            _ => self.turned(index, "by hand, with the program ended", |world| {
                world.ends(true);
                world.restart(Duration::from_secs(20));
            })?,
        }
        self.is_silent()
    }

    /// Somebody wishes for something else than it is.
    fn wished(&mut self, index: usize) -> Result<(), String> {
        let (kind, is) = (self.ports[index].device.kind, self.ports[index].device.value.clone());
        let property = kind.property();
        let wish = other(kind, &is);
        let before = self.record.attempts(index);
        self.record.edit(self.now, index, &wish);
        self.desire(&json!({ property: wish }));
        self.run(CALM_WITHIN)?;
        self.is_in_step("after a wish")?;
        let (now, attempts) = (&self.ports[index].device.value, self.record.attempts(index) - before);
        let obeys = kind != Kind::Mute;
        if obeys && *now != wish || !obeys && *now != is {
            return Err(format!("{property} was wished to be {wish}, and is {now}"));
        }
        if attempts != 1 {
            return Err(format!("{property} was set {attempts} times for one wish"));
        }
        Ok(())
    }

    /// Somebody turns it by hand, while something else is the matter.
    fn turned(&mut self, index: usize, how: &str, trouble: impl FnOnce(&mut Self)) -> Result<(), String> {
        let (kind, was) = (self.ports[index].device.kind, self.ports[index].device.value.clone());
        let (property, policy) = (kind.property(), self.plan.devices[index].1.clone());
        let desired = self.document()["state"]["desired"][property].clone();
        let before = self.record.attempts(index);
        trouble(self);
        self.drain()?;
        self.run(Duration::from_secs(3))?;
        let hand = other(kind, &was);
        self.turn(index, hand.clone());
        self.run(CALM_WITHIN)?;
        let when = format!("{how}: {property} with {:?}, {:?}", policy.authority, policy.boot);
        self.is_in_step(&when)?;
        // A start that sets the projector may have a rule set the relay.
        let ruled = kind == Kind::Relay && self.plan.follows;
        let boots = |kind: Kind| self.plan.devices[kind as usize].1.boot != Boot::Read;
        let starts = how.contains("program") && (boots(kind) || ruled && boots(Kind::Projector));
        if starts {
            // What the start does is not the hand's.
            return Ok(());
        }
        let is = &self.ports[index].device.value;
        let put_back = policy.authority == Authority::Cloud && !desired.is_null() && kind != Kind::Mute;
        let expected = if put_back { &was } else { &hand };
        if is != expected {
            return Err(format!("{when}: it was {was}, became {hand}, and is {is}"));
        }
        let attempts = self.record.attempts(index) - before;
        let tries = usize::from(policy.authority == Authority::Cloud && !desired.is_null());
        if attempts > tries {
            return Err(format!("{when}: set {attempts} times, at most {tries} are right"));
        }
        Ok(())
    }
}

/// Something else that the device can be.
fn other(kind: Kind, value: &Value) -> Value {
    match kind {
        Kind::Dimmer => json!((value.as_u64().unwrap_or(0) + 30) % 110),
        Kind::Relay | Kind::Projector | Kind::Mute => json!(value != &json!(true)),
    }
}
