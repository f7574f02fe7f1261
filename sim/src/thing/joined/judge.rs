//! What must hold when everything is well again.

use core::time::Duration;

use serde_json::{Value, json};
use thingwire_core::thing::{Authority, Boot, Thing};

use super::device::Kind;
use super::rules::{SHOW, show};
use super::world::{Happening, World};

/// Everything is in step after so long: busy devices, waits after failures and the time to obey included.
const IN_STEP_WITHIN: Duration = Duration::from_secs(200);
/// The same, when nothing has gone wrong for long.
const CALM_WITHIN: Duration = Duration::from_secs(150);
const SILENCE: Duration = Duration::from_secs(50);

/// What may be the matter with everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Offline,
    PortClosed,
    ProgramEnded,
}

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
        let kept = |memory: Vec<u8>| memory == self.memory || memory == self.remembered;
        if !self.thing.as_ref().map(Thing::memory).is_none_or(kept) {
            return Err("what is to be remembered was not persisted".to_owned());
        }
        Ok(())
    }

    fn attempts(&self) -> Vec<usize> {
        (0..self.ports.len()).map(|index| self.record.attempts(index)).collect()
    }

    /// One thing after the other, each with time to settle: whoever was last wins, or whoever the policy says.
    pub(super) fn one_after_the_other(&mut self) -> Result<(), String> {
        // One of the devices, and two of the troubles: in every world others.
        let index = self.some_device();
        self.wished(index, None)?;
        self.turned(index, None)?;
        let trouble = self.some_trouble();
        self.turned(index, Some(trouble))?;
        self.is_silent()?;
        let trouble = self.some_trouble();
        self.wished(index, Some(trouble))?;
        self.wished_again(index)?;
        self.set_by_program(index)?;
        self.is_silent()
    }

    fn some_trouble(&mut self) -> Trouble {
        match self.below(3) {
            0 => Trouble::Offline,
            1 => Trouble::PortClosed,
            _ => Trouble::ProgramEnded,
        }
    }

    /// It begins, and passes within 20 s.
    fn befalls(&mut self, index: usize, trouble: Option<Trouble>) -> Result<(), String> {
        let span = Duration::from_secs(20);
        match trouble {
            None => {}
            Some(Trouble::Offline) => {
                let resumes = self.below(2) == 0;
                self.cut(resumes, span);
            }
            Some(Trouble::PortClosed) => {
                self.port_closes(index);
                self.later(span, Happening::PortOpens(index));
            }
            Some(Trouble::ProgramEnded) => {
                self.ends(true);
                self.restart(span);
            }
        }
        self.drain()?;
        self.run(Duration::from_secs(3))
    }

    /// Whether a start of the program sets it, by its policy, or because of what else that sets.
    fn starts_with(&self, kind: Kind, trouble: Option<Trouble>) -> bool {
        let boots = |kind: Kind| self.plan.devices[kind as usize].1.boot != Boot::Read;
        // A start that sets the projector may have a rule set the relay.
        let ruled = kind == Kind::Relay && self.plan.follows && boots(Kind::Projector);
        trouble == Some(Trouble::ProgramEnded) && (boots(kind) || ruled)
    }

    fn wish(&mut self, index: usize, value: &Value) {
        let property = self.ports[index].device.kind.property();
        self.record.edit(self.now, index, value);
        self.desire(&json!({ property: value }));
    }

    /// Somebody wishes for something else than it is, while something else may be the matter.
    fn wished(&mut self, index: usize, trouble: Option<Trouble>) -> Result<(), String> {
        let (kind, is) = (self.ports[index].device.kind, self.ports[index].device.value.clone());
        let (property, wish) = (kind.property(), other(kind, &is));
        let how = format!("wished, {trouble:?}");
        let before = self.record.attempts(index);
        self.befalls(index, trouble)?;
        self.wish(index, &wish);
        self.run(CALM_WITHIN)?;
        self.is_in_step(&how)?;
        if self.starts_with(kind, trouble) {
            return Ok(());
        }
        let (now, attempts) = (&self.ports[index].device.value, self.record.attempts(index) - before);
        let obeys = kind != Kind::Mute;
        if obeys && *now != wish || !obeys && *now != is {
            return Err(format!("{how}: {property} was wished to be {wish}, and is {now}"));
        }
        if attempts != 1 {
            return Err(format!("{how}: {property} was set {attempts} times for one wish"));
        }
        Ok(())
    }

    /// Somebody wishes for something else, and soon after for what it is.
    fn wished_again(&mut self, index: usize) -> Result<(), String> {
        let (kind, is) = (self.ports[index].device.kind, self.ports[index].device.value.clone());
        let (property, wish) = (kind.property(), other(kind, &is));
        self.wish(index, &wish);
        let soon = self.span(20, 600);
        self.run(soon)?;
        self.wish(index, &is);
        self.run(CALM_WITHIN)?;
        self.is_in_step("after another wish")?;
        let now = &self.ports[index].device.value;
        if *now != is {
            return Err(format!("{property} was wished to be {wish} and again {is}, and is {now}"));
        }
        Ok(())
    }

    /// The program sets it to something else than it is.
    fn set_by_program(&mut self, index: usize) -> Result<(), String> {
        let (kind, is) = (self.ports[index].device.kind, self.ports[index].device.value.clone());
        let property = kind.property();
        let wanted = other(kind, &is);
        self.set(index, &wanted);
        self.drain()?;
        self.run(CALM_WITHIN)?;
        self.is_in_step("after the program has set it")?;
        let now = &self.ports[index].device.value;
        if kind != Kind::Mute && *now != wanted {
            return Err(format!("{property} was set to {wanted} by the program, and is {now}"));
        }
        Ok(())
    }

    /// Somebody turns it by hand, while something else may be the matter.
    fn turned(&mut self, index: usize, trouble: Option<Trouble>) -> Result<(), String> {
        let (kind, was) = (self.ports[index].device.kind, self.ports[index].device.value.clone());
        let (property, policy) = (kind.property(), self.plan.devices[index].1.clone());
        let desired = self.document()["state"]["desired"][property].clone();
        let before = self.record.attempts(index);
        self.befalls(index, trouble)?;
        let hand = other(kind, &was);
        self.turn(index, hand.clone());
        self.run(CALM_WITHIN)?;
        let when = format!("by hand, {trouble:?}: {property} with {:?}, {:?}", policy.authority, policy.boot);
        self.is_in_step(&when)?;
        if self.starts_with(kind, trouble) {
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
