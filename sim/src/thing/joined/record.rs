//! What has happened, as far as somebody judges it.

use core::time::Duration;

use serde_json::Value;
use thingwire_core::Instant;

use super::device::Kind;

/// How much later than a wish, or than the connection after it, the program may still do what was desired before.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// What the service's clock, which shows seconds, cannot tell apart.
const CLOCKS_DIFFER: Duration = Duration::from_secs(3);

/// Starts of the program and openings of a port may cause an attempt each, at most so many.
const ATTEMPTS_PER_TROUBLE: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Record {
    devices: Vec<Story>,
    pub(super) connects: usize,
    online_since: Option<Instant>,
    pub(super) gets: usize,
    pub(super) updates: usize,
    pub(super) turns: usize,
    pub(super) edits: usize,
    restarts: usize,
}

/// Of one device.
#[derive(Debug, Default, Clone)]
struct Story {
    /// What anybody has wished for in the cloud and when, the last one last.
    wishes: Vec<(Instant, Value)>,
    /// The youngest of these wishes that was acted on.
    acted: usize,
    /// What the program has set. It may do so before it hears of an older wish, so there is no order between the two.
    sets: Vec<Value>,
    attempts: usize,
    last_attempt: Option<(u32, u64)>,
    /// What may have been set though nobody wished for it anew.
    troubles: usize,
    turns: usize,
    /// The program has forgotten what it had done: what is desired may be done again.
    forgotten: bool,
    /// What was desired until somebody wished for something else, of which the program hears later.
    replaced: Vec<(Instant, Value)>,
    /// The device is put back, or set at the start.
    free: bool,
}

impl Record {
    pub(super) fn new(devices: usize) -> Self {
        Self { devices: vec![Story::default(); devices], ..Self::default() }
    }

    /// The device of this place may be set without a wish: by its policy.
    pub(super) fn free(&mut self, index: usize) {
        self.devices[index].free = true;
    }

    pub(super) fn edit(&mut self, now: Instant, index: usize, value: &Value) {
        self.edits += 1;
        self.devices[index].wishes.push((now, value.clone()));
    }

    pub(super) fn set(&mut self, index: usize, value: &Value) {
        self.devices[index].sets.push(value.clone());
    }

    pub(super) fn turn(&mut self, index: usize) {
        self.turns += 1;
        self.devices[index].turns += 1;
    }

    pub(super) fn down(&mut self, index: usize) {
        self.devices[index].troubles += 1;
    }

    pub(super) fn restart(&mut self) {
        self.restarts += 1;
        for story in &mut self.devices {
            story.troubles += 1;
        }
    }

    pub(super) fn online(&mut self, now: Instant) {
        self.connects += 1;
        self.online_since = Some(now);
    }

    pub(super) fn offline(&mut self) {
        self.online_since = None;
    }

    pub(super) fn forgotten(&mut self) {
        for story in &mut self.devices {
            story.forgotten = true;
        }
    }

    /// Somebody wishes for something else than what was desired of this device.
    pub(super) fn replaced(&mut self, now: Instant, index: usize, desired: Value) {
        self.devices[index].replaced.push((now, desired));
    }

    pub(super) fn request(&mut self, verb: &str) {
        if verb == "get" { self.gets += 1 } else { self.updates += 1 }
    }

    /// How many attempts to set the device of this place were made.
    pub(super) fn attempts(&self, index: usize) -> usize {
        self.devices[index].attempts
    }

    /// An attempt to set a device, told the first time or again.
    pub(super) fn command(
        &mut self,
        now: Instant,
        index: usize,
        id: (u32, u64),
        value: &Value,
        desired: &[Value],
    ) -> Result<(), String> {
        let story = &mut self.devices[index];
        if story.last_attempt.replace(id) == Some(id) {
            return Ok(());
        }
        story.attempts += 1;
        if story.free {
            return Ok(());
        }
        let kind = Kind::ALL[index];
        let is_it = |wish: &Value| kind.takes(wish) == kind.takes(value);
        let wished = story.wishes.iter().enumerate().skip(story.acted).find(|(_, (_, wish))| is_it(wish));
        let wished = wished.map(|(index, _)| index);
        // One that was made at about the same time: nobody can tell which was the later one.
        let acted_at = story.wishes.get(story.acted).map_or(now, |&(at, _)| at);
        let close = |at: Instant| acted_at.since(at) <= CLOCKS_DIFFER;
        let close = story.wishes.iter().take(story.acted).any(|(at, wish)| is_it(wish) && close(*at));
        let set = story.sets.iter().any(is_it);
        let online_since = self.online_since;
        story.replaced.retain(|&(at, _)| online_since.is_none_or(|since| now.since(at.max(since)) < HEARD_WITHIN));
        let unheard = story.replaced.iter().any(|(_, replaced)| replaced == value);
        let again = story.forgotten && (desired.contains(value) || unheard);
        match wished {
            _ if again || set || close => {}
            Some(wish) => story.acted = wish,
            None if story.wishes.iter().any(|(_, wish)| is_it(wish)) => {
                return Err(format!("{}: an old wish came back: {value} at {now:?}", kind.property()));
            }
            None => return Err(format!("{}: nobody wished for {value} at {now:?}", kind.property())),
        }
        let most = story.wishes.len() + story.sets.len() + story.troubles * ATTEMPTS_PER_TROUBLE;
        if story.attempts > most {
            return Err(format!("{}: {} attempts for {} wishes", kind.property(), story.attempts, story.wishes.len()));
        }
        Ok(())
    }

    /// What may be asked of the service for what has happened.
    pub(super) fn requests_max(&self, seconds: usize) -> usize {
        let devices: usize =
            self.devices.iter().map(|story| story.wishes.len() + story.sets.len() + story.turns + story.attempts).sum();
        // A change is an update, perhaps after a get; every reconnect and restart reads; so does every minute.
        40 + 8 * devices + 8 * (self.connects + self.restarts) + seconds / 4
    }
}
