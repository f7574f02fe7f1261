//! S11, S12: when attempts are made.

use core::time::Duration;

use thingwire_core::{BackoffConfig, Instant, Jitter, LinkError, Notice};

use super::judge::Seen;
use super::model::Life;
use super::model::link::Stage;
use super::{Findings, Oracle, say};

#[derive(Debug)]
pub(super) struct Backoff {
    /// Attempts that failed since the last stable link; `None` when a link was stable to within the slack.
    failures: Option<u32>,
    last_wait: Duration,
    /// When the next attempt is due.
    next_at: Option<Instant>,
    /// When the last attempt began, or its CONNECT was sent.
    attempted_at: Option<Instant>,
    connected_at: Option<Instant>,
}

impl Backoff {
    pub(super) fn new(config: &BackoffConfig) -> Self {
        Self { failures: Some(0), last_wait: config.base, next_at: None, attempted_at: None, connected_at: None }
    }

    pub(super) fn started(&mut self, seen: &Seen<'_>) {
        if seen.model.life == Life::Idle {
            self.next_at = Some(self.earliest(seen));
        }
    }

    pub(super) fn connects(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        let spacing = seen.rules.config.limits.connect_spacing;
        if let Some(last) = self.connected_at {
            let distance = seen.at.since(last);
            findings
                .check(Oracle::S12, distance >= spacing, || format!("CONNECT {} after the last", say::span(distance)));
        }
        self.connected_at = Some(seen.at);
        self.attempted_at = Some(seen.at);
    }

    pub(super) fn told(&mut self, seen: &Seen<'_>, notice: &Notice, findings: &mut Findings) {
        match notice {
            Notice::Attempting { attempt } => self.attempting(seen, *attempt, findings),
            Notice::Failed { why, retry_in } | Notice::Offline { why, retry_in } => {
                self.lasted(seen);
                self.next_at = None;
                match (why, retry_in) {
                    (Some(why), Some(wait)) => self.waits(seen, why, *wait, findings),
                    (None, None) => {}
                    _ => findings.add(Oracle::S11, "an attempt follows a stop, or none follows a failure"),
                }
            }
            Notice::Stopped => match seen.model.life {
                Life::Closing { again: true } => self.next_at = Some(self.earliest(seen)),
                Life::Closing { again: false } | Life::Idle => self.next_at = None,
                Life::Running => {}
            },
            _ => {}
        }
    }

    fn earliest(&self, seen: &Seen<'_>) -> Instant {
        let spacing = seen.rules.config.limits.connect_spacing;
        self.attempted_at.map_or(seen.at, |at| seen.at.max(at + spacing))
    }

    fn attempting(&mut self, seen: &Seen<'_>, attempt: u32, findings: &mut Findings) {
        let expected = self.failures.map_or(attempt, |failures| failures.saturating_add(1));
        findings.check(Oracle::S11, attempt == expected, || format!("attempt {attempt}, and {expected} was its turn"));
        self.failures = Some(attempt.saturating_sub(1));
        if let Some(due) = self.next_at.take() {
            let early = seen.at + seen.rules.slack < due;
            let late = seen.model.is_late(due, seen.rules.slack);
            findings.check(Oracle::S11, !early && !late, || format!("an attempt that was due at {}", say::at(due)));
        }
        self.attempted_at = Some(seen.at);
    }

    /// How long a link lasted counts from its CONNACK.
    fn lasted(&mut self, seen: &Seen<'_>) {
        let Some(online_at) = seen.model.link.online_at else { return };
        let (lasted, config) = (seen.model.link.gone_at.since(online_at), &seen.rules.config.backoff);
        let slack = seen.rules.slack;
        if lasted >= config.stable + slack {
            self.failures = Some(0);
            self.last_wait = config.base;
        } else if lasted + slack >= config.stable {
            self.failures = None;
        }
    }

    fn waits(&mut self, seen: &Seen<'_>, why: &LinkError, wait: Duration, findings: &mut Findings) {
        let (config, slack) = (&seen.rules.config, seen.rules.slack);
        let gone_at = seen.model.link.gone_at;
        self.next_at = Some(gone_at + wait);
        let Some(failures) = self.failures else {
            self.last_wait = wait;
            return;
        };
        let hopeless = matches!(why, LinkError::Refused(refusal) if refusal.code() != 3);
        let (low, high) = self.interval(&config.backoff, if hopeless { u32::MAX } else { failures });
        let spacing = config.limits.connect_spacing;
        let distance = self.attempted_at.map_or(Duration::ZERO, |at| (at + spacing).since(gone_at));
        let (low, high) = (low.max(distance), high.max(distance));
        let within = wait + slack >= low && wait <= high + slack;
        findings.check(Oracle::S11, within, || {
            let [wait, low, high] = [wait, low, high].map(say::span);
            format!("a wait of {wait} after {failures} failures, not {low} to {high}")
        });
        self.failures = Some(failures.saturating_add(1));
        self.last_wait = wait;
    }

    /// The shortest and the longest wait after so many failures.
    fn interval(&self, config: &BackoffConfig, failures: u32) -> (Duration, Duration) {
        let BackoffConfig { base, max, floor, jitter, .. } = *config;
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        let e = if failures == u32::MAX { max } else { base.saturating_mul(factor).min(max) };
        match jitter {
            Jitter::None => (e, e),
            Jitter::Equal => (e / 2, e),
            Jitter::Decorrelated => (base, self.last_wait.saturating_mul(3).clamp(base, max)),
            // The default.
            _ => (floor, floor + e),
        }
    }

    pub(super) fn settled(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        if let Some(due) = self.next_at {
            if seen.model.life == Life::Running && seen.model.is_late(due, seen.rules.slack) {
                findings.add(Oracle::S11, format!("no attempt, and one was due at {}", say::at(due)));
                self.next_at = None;
            }
        }
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures.unwrap_or(0)
    }
}

pub(super) fn dialed(seen: &Seen<'_>, link: u64, findings: &mut Findings) {
    let last = &seen.model.link;
    let alone = matches!(last.stage, Stage::Never | Stage::Gone);
    findings.check(Oracle::S12, alone, || format!("link {link} is made while link {} is there", last.number));
    findings.check(Oracle::S12, link > last.number, || format!("link {link} comes after link {}", last.number));
}
