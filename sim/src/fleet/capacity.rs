//! What the server can take, as a queue that answers at once: every attempt takes the same way through it, so its end
//! is known when it begins.
//!
//! | when | what |
//! |---|---|
//! | 0 | SYN |
//! | 1½ round trips | the handshake reaches a worker, or the backlog's end and nobody |
//! | + queue + work + ½ | the device has a secure link and sends CONNECT |
//! | + ½ | a token of the bucket is taken, or none is left |
//! | + ½ | the device has its answer |
//!
//! A device that has given up meanwhile costs its handshake all the same, and is heard no more. What is left out: a
//! dropped SYN is not sent again within its attempt; and where some devices are nearer than others, attempts that arrive
//! within the spread of the round trips are served in the order in which they began.

use core::time::Duration;
use std::collections::VecDeque;

use thingwire_core::Rng;

use super::{Storm, millis};

/// What a server can take.
#[derive(Debug, Clone, PartialEq)]
pub struct Capacity {
    /// CONNECTs accepted a second in the long run.
    pub rate: u32,
    /// CONNECTs accepted at once after a rest.
    pub burst: u32,
    /// What a CONNECT over the rate is answered with.
    pub over_rate: OverRate,
    /// The round trip between the nearest device and the server.
    pub round_trip: Duration,
    /// How much longer that of the farthest one is: every device has its own, drawn evenly in between. Zero where all are
    /// equally far.
    pub round_trip_spread: Duration,
    /// What handshakes cost; `None` when they are no burden.
    pub handshakes: Option<Handshakes>,
    /// The least time between two CONNECTs of one client id; AWS has 1 s (B-2). It costs 4 bytes for each device, and
    /// stops nobody whose own limits say the same. `None` for any.
    pub id_spacing: Option<Duration>,
    /// How many per cent of `rate` are left while more than twice the rate arrive, for a second each time. 100 for all
    /// of it; below, a storm can keep itself alive.
    pub overloaded_percent: u32,
}

/// What a server answers a CONNECT with that is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverRate {
    /// The connection is closed: the device knows it at once.
    Refuse,
    /// Nothing: the device knows it when its connect timeout has run out.
    Ignore,
}

/// What TLS costs the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Handshakes {
    /// Handshakes worked on at one time.
    pub workers: u32,
    /// How long each takes.
    pub each: Duration,
    /// Connections that may wait for a worker; a SYN beyond gets no answer.
    pub backlog: u32,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// When the device has a secure link; `None` when it has given up by then.
    pub(super) ready: Option<u32>,
    /// When the device knows how it ended.
    pub(super) end: u32,
    pub(super) verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Refused,
    TimedOut,
}

impl Capacity {
    /// A server that accepts `rate` CONNECTs a second and as many at once, and refuses the others 180 ms after their
    /// attempts began.
    pub const fn new(rate: u32) -> Self {
        Self {
            rate,
            burst: rate,
            over_rate: OverRate::Refuse,
            round_trip_spread: Duration::ZERO,
            round_trip: Duration::from_millis(60),
            handshakes: None,
            id_spacing: None,
            overloaded_percent: 100,
        }
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        let minute = Duration::from_secs(60);
        let holds = |holds: bool, rule: &str| if holds { Ok(()) } else { Err(rule.to_owned()) };
        holds(self.rate > 0, "the server accepts at least one CONNECT a second")?;
        holds(self.burst > 0, "the server accepts at least one CONNECT at once")?;
        let round_trip = Duration::from_millis(1)..=minute;
        holds(round_trip.contains(&self.round_trip), "the round trip is 1 ms to 1 minute")?;
        holds(self.round_trip_spread <= minute, "the round trips of devices differ by at most 1 minute")?;
        holds(
            self.id_spacing.unwrap_or_default() <= minute,
            "two CONNECTs of one client id are at most 1 minute apart",
        )?;
        holds((1..=100).contains(&self.overloaded_percent), "1 to 100 % of the rate are left when overloaded")?;
        let Some(handshakes) = &self.handshakes else { return Ok(()) };
        holds((1..=1_000_000).contains(&handshakes.workers), "1 to 1,000,000 handshakes are worked on at one time")?;
        holds(handshakes.each <= minute, "a handshake takes at most 1 minute")?;
        holds(handshakes.backlog > 0, "at least one connection may wait for its handshake")
    }
}

/// The server while the storm goes on. Attempts come in the order of time.
pub(super) struct Server {
    over_rate: OverRate,
    trips: Trips,
    /// In milliseconds, like everything that a device notices; what the server does goes in microseconds.
    timeout: u32,
    workers: Option<Workers>,
    bucket: Bucket,
    ids: Option<Ids>,
}

impl Server {
    pub(super) fn new(storm: &Storm) -> Self {
        let (capacity, devices) = (&storm.capacity, storm.devices);
        Self {
            over_rate: capacity.over_rate,
            trips: Trips {
                half: micros(capacity.round_trip) / 2,
                half_spread: micros(capacity.round_trip_spread) / 2,
                seed: storm.seed,
            },
            timeout: millis(storm.connect_timeout),
            workers: capacity.handshakes.as_ref().map(Workers::new),
            bucket: Bucket::new(capacity),
            ids: capacity.id_spacing.map(|spacing| Ids::new(spacing, devices)),
        }
    }

    /// What comes of the attempt that this device begins at this millisecond.
    pub(super) fn attempt(&mut self, device: u32, at: u32) -> Answer {
        let gives_up = at + self.timeout;
        let silence = |ready| Answer { ready, end: gives_up, verdict: Verdict::TimedOut };
        let half_trip = self.trips.half_of(device);
        let hello_at = u64::from(at) * 1_000 + 3 * half_trip;
        let handshake = self.workers.as_mut().map_or(Some(hello_at), |workers| workers.serve(hello_at));
        let Some(secure_at) = handshake.map(|done| done + half_trip) else { return silence(None) };
        let ready = to_millis(secure_at);
        if ready >= gives_up {
            return silence(None);
        }
        let connect_at = secure_at + half_trip;
        let allowed = self.ids.as_mut().is_none_or(|ids| ids.allow(device, connect_at));
        let accepted = allowed && self.bucket.take(connect_at);
        let verdict = match (accepted, self.over_rate) {
            (true, _) => Verdict::Accepted,
            (false, OverRate::Refuse) => Verdict::Refused,
            (false, OverRate::Ignore) => return silence(Some(ready)),
        };
        let end = to_millis(connect_at + half_trip);
        if end < gives_up { Answer { ready: Some(ready), end, verdict } } else { silence(Some(ready)) }
    }
}

/// How far away each device is, in microseconds.
struct Trips {
    half: u64,
    half_spread: u64,
    seed: u64,
}

impl Trips {
    /// Half of the round trip of a device.
    fn half_of(&self, device: u32) -> u64 {
        if self.half_spread == 0 {
            return self.half;
        }
        // Beyond the numbers that decide when a device is lost and what it draws.
        let drawn = Rng::new(Rng::new(self.seed).next_u64() ^ (u64::from(device) | 1 << 33)).next_u64();
        self.half + drawn % (self.half_spread + 1)
    }
}

/// Workers in parallel and the queue in front of them, first come, first served.
struct Workers {
    /// When each is free, the earliest at `next`: all jobs take equally long, so they come in turn.
    free_at: Vec<u64>,
    next: usize,
    each: u64,
    /// When those begin that wait.
    begins: VecDeque<u64>,
    backlog: usize,
}

impl Workers {
    fn new(handshakes: &Handshakes) -> Self {
        Self {
            free_at: vec![0; handshakes.workers as usize],
            next: 0,
            each: micros(handshakes.each),
            begins: VecDeque::new(),
            backlog: handshakes.backlog as usize,
        }
    }

    /// When the work that comes now is done; `None` when there is no room to wait.
    fn serve(&mut self, now: u64) -> Option<u64> {
        while self.begins.front().is_some_and(|&begin| begin <= now) {
            self.begins.pop_front();
        }
        let begin = self.free_at[self.next].max(now);
        if begin > now {
            if self.begins.len() >= self.backlog {
                return None;
            }
            self.begins.push_back(begin);
        }
        self.free_at[self.next] = begin + self.each;
        self.next = (self.next + 1) % self.free_at.len();
        Some(begin + self.each)
    }
}

/// Millionths of a CONNECT: what a rate of one a second gives in a microsecond.
const TOKEN: u64 = 1_000_000;

const SECOND: u64 = 1_000_000;

struct Bucket {
    rate: u64,
    full: u64,
    level: u64,
    /// Up to when it has been filled.
    filled: u64,
    overloaded_percent: u64,
    /// The rate is reduced until then.
    reduced_until: u64,
    /// What has arrived in the second that ends at `counted_until`.
    arrived: u64,
    counted_until: u64,
}

impl Bucket {
    fn new(capacity: &Capacity) -> Self {
        let full = u64::from(capacity.burst) * TOKEN;
        Self {
            rate: capacity.rate.into(),
            full,
            level: full,
            filled: 0,
            overloaded_percent: capacity.overloaded_percent.into(),
            reduced_until: 0,
            arrived: 0,
            counted_until: 0,
        }
    }

    fn take(&mut self, now: u64) -> bool {
        self.fill(now);
        self.count(now);
        let enough = self.level >= TOKEN;
        if enough {
            self.level -= TOKEN;
        }
        enough
    }

    fn fill(&mut self, now: u64) {
        let reduced = self.reduced_until.min(now).saturating_sub(self.filled);
        let normal = now.saturating_sub(self.filled) - reduced;
        let gained = normal.saturating_mul(self.rate) + reduced * self.rate * self.overloaded_percent / 100;
        self.level = self.level.saturating_add(gained).min(self.full);
        self.filled = self.filled.max(now);
    }

    fn count(&mut self, now: u64) {
        if now >= self.counted_until {
            self.arrived = 0;
            self.counted_until = now + SECOND;
        }
        self.arrived += 1;
        if self.arrived > 2 * self.rate {
            self.reduced_until = now + SECOND;
        }
    }
}

/// When each client id was heard last.
struct Ids {
    spacing: u32,
    /// In milliseconds, counted from 1; 0 for never.
    heard: Vec<u32>,
}

impl Ids {
    fn new(spacing: Duration, devices: u32) -> Self {
        Self { spacing: millis(spacing), heard: vec![0; devices as usize] }
    }

    fn allow(&mut self, device: u32, now: u64) -> bool {
        let now = to_millis(now) + 1;
        let last = core::mem::replace(&mut self.heard[device as usize], now);
        last == 0 || now - last >= self.spacing
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// The millisecond at whose beginning it has happened.
fn to_millis(micros: u64) -> u32 {
    u32::try_from(micros.div_ceil(1_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: u32 = 10_000;

    fn server(capacity: &Capacity) -> Server {
        let connect_timeout = Duration::from_millis(TIMEOUT.into());
        Server::new(&Storm { connect_timeout, ..Storm::new(100_000, capacity.clone()) })
    }

    /// How many of so many attempts at one time end in each way: accepted, refused, timed out.
    fn wave(server: &mut Server, at: u32, count: u32) -> [u32; 3] {
        let mut ends = [0; 3];
        for device in 0..count {
            ends[server.attempt(device, at).verdict as usize] += 1;
        }
        ends
    }

    #[test]
    fn an_attempt_takes_three_round_trips() {
        let answer = server(&Capacity::new(1)).attempt(0, 1_000);
        assert_eq!(answer, Answer { ready: Some(1_120), end: 1_180, verdict: Verdict::Accepted });
    }

    #[test]
    fn every_device_is_as_far_away_as_it_is() {
        let millis = Duration::from_millis;
        let mut server = server(&Capacity { round_trip_spread: millis(200), ..Capacity::new(1_000_000) });
        let took: Vec<_> = (0..1_000).map(|device| server.attempt(device, 0).end).collect();
        let (nearest, farthest) = (took.iter().min().unwrap(), took.iter().max().unwrap());
        assert!((180..190).contains(nearest) && (770..=780).contains(farthest), "{nearest} to {farthest}");
        let again: Vec<_> = (0..1_000).map(|device| server.attempt(device, 5_000).end - 5_000).collect();
        assert_eq!(took, again, "it does not move");
    }

    #[test]
    fn the_burst_is_accepted_at_once_and_then_the_rate() {
        let mut server = server(&Capacity { burst: 30, ..Capacity::new(10) });
        assert_eq!(wave(&mut server, 0, 100), [30, 70, 0]);
        assert_eq!(wave(&mut server, 500, 100), [5, 95, 0]);
        assert_eq!(wave(&mut server, 1_450, 100), [9, 91, 0]);
        assert_eq!(wave(&mut server, 1_500, 100), [1, 99, 0], "halves are kept");
        assert_eq!(wave(&mut server, 60_000, 100), [30, 70, 0], "no more than the burst is saved up");
    }

    #[test]
    fn who_is_ignored_waits_for_its_own_timeout() {
        let mut server = server(&Capacity { over_rate: OverRate::Ignore, ..Capacity::new(1) });
        assert_eq!(wave(&mut server, 0, 3), [1, 0, 2]);
        let answer = server.attempt(4, 7);
        assert_eq!(answer, Answer { ready: Some(127), end: 7 + TIMEOUT, verdict: Verdict::TimedOut });
    }

    fn slow_handshakes(workers: u32, each: u64, backlog: u32) -> Capacity {
        let each = Duration::from_millis(each);
        Capacity { handshakes: Some(Handshakes { workers, each, backlog }), ..Capacity::new(1_000_000) }
    }

    #[test]
    fn handshakes_queue_for_the_workers() {
        let mut server = server(&slow_handshakes(2, 100, 1_000));
        let ready: Vec<_> = (0..5).map(|device| server.attempt(device, 0).ready).collect();
        assert_eq!(ready, [220, 220, 320, 320, 420].map(Some));
        assert_eq!(server.attempt(5, 1_000).ready, Some(1_220), "the queue is gone");
    }

    #[test]
    fn what_the_backlog_cannot_hold_is_never_heard() {
        let mut server = server(&slow_handshakes(2, 100, 3));
        assert_eq!(wave(&mut server, 0, 10), [5, 0, 5]);
        let dropped = Answer { ready: None, end: 50 + TIMEOUT, verdict: Verdict::TimedOut };
        assert_eq!(server.attempt(0, 50), dropped);
        assert_eq!(wave(&mut server, 100, 10), [2, 0, 8], "two have begun meanwhile");
    }

    #[test]
    fn a_queue_longer_than_the_timeout_is_a_brown_out() {
        let mut server = server(&slow_handshakes(1, 100, 100_000));
        // 98 handshakes and three round trips fit 10 s.
        assert_eq!(wave(&mut server, 0, 1_000), [98, 0, 902]);
        assert_eq!(wave(&mut server, 50_000, 10), [0, 0, 10], "it works for those who have left");
        assert_eq!(wave(&mut server, 200_000, 10), [10, 0, 0]);
    }

    #[test]
    fn one_client_id_is_heard_once_a_second() {
        let mut server = server(&Capacity { id_spacing: Some(Duration::from_secs(1)), ..Capacity::new(1_000) });
        let mut attempt = |device, at| server.attempt(device, at).verdict;
        assert_eq!(attempt(0, 0), Verdict::Accepted);
        assert_eq!(attempt(0, 999), Verdict::Refused);
        assert_eq!(attempt(1, 999), Verdict::Accepted, "another device");
        assert_eq!(attempt(0, 1_998), Verdict::Refused, "what was refused was heard too");
        assert_eq!(attempt(0, 2_998), Verdict::Accepted);
    }

    #[test]
    fn an_overloaded_server_accepts_less_until_a_second_has_passed() {
        let mut server = server(&Capacity { overloaded_percent: 50, ..Capacity::new(10) });
        assert_eq!(wave(&mut server, 0, 20), [10, 10, 0], "twice the rate is no overload");
        assert_eq!(wave(&mut server, 1_000, 21), [10, 11, 0]);
        assert_eq!(wave(&mut server, 2_000, 10), [5, 5, 0]);
        assert_eq!(wave(&mut server, 3_000, 10), [10, 0, 0]);
    }
}
