//! S13: what is told about links comes in pairs, and a stopped client is quiet.

use thingwire_core::Notice;

use super::judge::Seen;
use super::model::Life;
use super::{Findings, Oracle, say};

#[derive(Debug, Default)]
pub(super) struct Notices {
    stands: Stands,
    /// Stops that were not told to be complete yet.
    stopping: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stands {
    #[default]
    Down,
    Attempting,
    Online,
    Ready,
}

impl Notices {
    pub(super) fn stopped(&mut self, seen: &Seen<'_>) {
        self.stopping += u32::from(seen.model.life == Life::Running);
    }

    pub(super) fn told(&mut self, seen: &Seen<'_>, notice: &Notice, findings: &mut Findings) {
        let before = self.stands;
        let after = match (before, notice) {
            (Stands::Down, Notice::Attempting { .. }) => {
                self.quiet(seen, "an attempt", findings);
                Stands::Attempting
            }
            (Stands::Attempting, Notice::Online { .. }) => Stands::Online,
            (Stands::Online, Notice::Ready) => {
                all_sent(seen, findings);
                Stands::Ready
            }
            (Stands::Attempting, Notice::Failed { .. }) | (Stands::Online | Stands::Ready, Notice::Offline { .. }) => {
                Stands::Down
            }
            (Stands::Down, Notice::Stopped) if self.stopping > 0 => {
                self.stopping -= 1;
                Stands::Down
            }
            (_, Notice::SubscriptionLost { .. } | Notice::Shadow(_)) => before,
            (_, notice) => {
                findings.add(Oracle::S13, format!("\"{notice}\" is told while the client stands {before:?}"));
                match notice {
                    Notice::Attempting { .. } => Stands::Attempting,
                    Notice::Online { .. } => Stands::Online,
                    Notice::Ready => Stands::Ready,
                    _ => Stands::Down,
                }
            }
        };
        self.stands = after;
    }

    pub(super) fn dialed(&self, seen: &Seen<'_>, findings: &mut Findings) {
        self.quiet(seen, "a link", findings);
    }

    /// What a stop has overtaken may still be told; afterwards nothing is.
    fn quiet(&self, seen: &Seen<'_>, what: &str, findings: &mut Findings) {
        let allowed = seen.model.life != Life::Idle || self.stopping > 0;
        findings.check(Oracle::S13, allowed, || format!("{what} although the client is stopped"));
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping > 0
    }
}

/// The backlog is what was accepted before the link was.
fn all_sent(seen: &Seen<'_>, findings: &mut Findings) {
    let (ops, link) = (&seen.model.ops, &seen.model.link);
    let left = ops.queue().next().filter(|op| op.ticket <= link.backlog_until).map(|op| op.ticket);
    let resend = seen.model.session.next_resend();
    let done = left.is_none() && resend.is_none() && seen.model.session.renewals() == 0;
    findings.check(Oracle::S13, done, || {
        format!("ready, and of operations {} waits, of packets {}", say::or_none(left), say::or_none(resend))
    });
}
