//! The ports of things: opened where that may block, read and written by the loop, and opened again.
#![allow(clippy::wildcard_enum_match_arm, reason = "the operating system has more kinds of error than matter here")]

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use log::Level;

use super::callbacks::Later;
use super::journal::Journal;
use super::line::Wants;
use super::lock::Lock;
use super::net::PortNet;
use super::thing_options::Opener;
use super::things::{Hosted, ThingNews, Things, Tools};
use crate::ports::{OpenPort, PortError, PortFault};
use crate::thing::{ComponentId, ThingEvent};
use crate::{Backoff, BackoffConfig, Instant, Rng};

/// Reads of one port in one turn: a device that never stops speaking leaves time for everything else.
const READS_PER_TURN: u32 = 16;
/// Bytes that wait for a port to take them.
const OUT_MAX: usize = 64 * 1024;
/// How long a port may take no byte of those that wait.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// The ports of all things of a client.
#[derive(Debug)]
pub(crate) struct Ports<N: PortNet> {
    list: Vec<Jack<N::Port>>,
    pub(crate) journal: Journal,
}

/// A component's port, open or not.
#[derive(Debug)]
struct Jack<P> {
    thing: u64,
    component: usize,
    opener: Opener,
    reopen: BackoffConfig,
    backoff: Backoff,
    rng: Rng,
    stage: Stage<P>,
    /// What its owner was told last of why it is not open.
    told: Option<PortFault>,
}

#[derive(Debug)]
enum Stage<P> {
    Closed {
        /// When it is opened.
        open_at: Instant,
    },
    /// Somewhere it is being opened. Here is left what comes of it.
    Opening(Arc<Lock<Option<Result<OpenPort, PortError>>>>),
    Open(Open<P>),
}

#[derive(Debug)]
struct Open<P> {
    port: P,
    since: Instant,
    readable: bool,
    writable: bool,
    out: Vec<u8>,
    /// When it has taken nothing for too long.
    stuck_at: Option<Instant>,
}

impl<N: PortNet> Default for Ports<N> {
    fn default() -> Self {
        Self { list: Vec::new(), journal: Journal::default() }
    }
}

impl<N: PortNet> Ports<N> {
    /// What open ports may do: `ready` is told what each is to be waited for, and tells whether it may be read from and
    /// written to. What was said before still holds.
    pub(crate) fn ready(&mut self, mut ready: impl FnMut(&mut N::Port, Wants) -> (bool, bool)) {
        for jack in &mut self.list {
            if let Stage::Open(open) = &mut jack.stage {
                let wants = Wants { readable: !open.readable, writable: !open.writable && !open.out.is_empty() };
                let (readable, writable) = ready(&mut open.port, wants);
                open.readable |= readable;
                open.writable |= writable;
            }
        }
    }

    /// Takes in new things, opens what is to be opened, and reads what has come.
    pub(crate) fn turn(
        &mut self,
        things: &mut Things,
        net: &mut N,
        now: Instant,
        chunk: &mut [u8],
        tools: Tools<'_>,
        later: &mut Later,
    ) {
        for hosted in things.iter_mut() {
            self.take_in(hosted, now);
        }
        let Self { list, journal } = self;
        list.retain_mut(|jack| {
            let Some(hosted) = things.find(jack.thing).filter(|hosted| hosted.bound.is_some()) else { return false };
            match jack.turn(hosted, net, now, chunk, tools) {
                Ok(true) => jack.opened(hosted, now, journal, later),
                Ok(false) => {}
                Err(why) => jack.failed(hosted, now, why, journal, later),
            }
            true
        });
    }

    /// A thing's components that have no port are there at once.
    fn take_in(&mut self, hosted: &mut Hosted, now: Instant) {
        for (component, opener) in hosted.ports.take().into_iter().flatten().enumerate() {
            match opener {
                None => hosted.handle(now, ThingEvent::Up(ComponentId(component))),
                Some(opener) => self.list.push(Jack {
                    thing: hosted.id,
                    component,
                    opener,
                    reopen: hosted.reopen,
                    backoff: Backoff::new(),
                    rng: Rng::new(now.as_micros() ^ hosted.id),
                    stage: Stage::Closed { open_at: now },
                    told: None,
                }),
            }
        }
    }

    /// Bytes go to a component's device. Without a port they have nowhere to go.
    pub(crate) fn send(&mut self, thing: u64, component: ComponentId, bytes: &[u8]) {
        let meant = |jack: &&mut Jack<N::Port>| jack.thing == thing && jack.component == component.0;
        if let Some(Jack { stage: Stage::Open(open), .. }) = self.list.iter_mut().find(meant) {
            open.out.extend_from_slice(bytes);
        }
    }

    /// Writes what waits; tells whether a port was lost by that, so that its thing has something to do.
    pub(crate) fn flush(&mut self, things: &mut Things, now: Instant, later: &mut Later) -> bool {
        let mut lost = false;
        for jack in &mut self.list {
            let Stage::Open(open) = &mut jack.stage else { continue };
            let Err(why) = open.write(now) else { continue };
            if let Some(hosted) = things.find(jack.thing) {
                jack.failed(hosted, now, why, &mut self.journal, later);
                lost = true;
            }
        }
        lost
    }

    /// When to look at them although nothing happens.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let of = |jack: &Jack<N::Port>| match &jack.stage {
            Stage::Closed { open_at } => Some(*open_at),
            Stage::Opening(_) => None,
            Stage::Open(open) => open.stuck_at,
        };
        self.list.iter().filter_map(of).min()
    }

    /// Whether one of them has more than was read.
    pub(crate) fn has_more(&self) -> bool {
        self.list.iter().any(|jack| matches!(&jack.stage, Stage::Open(open) if open.readable))
    }
}

impl<P: Read + Write> Jack<P> {
    /// Does what can be done without waiting; tells whether it has just been opened.
    fn turn<N: PortNet<Port = P>>(
        &mut self,
        hosted: &mut Hosted,
        net: &mut N,
        now: Instant,
        chunk: &mut [u8],
        tools: Tools<'_>,
    ) -> Result<bool, PortFault> {
        match &mut self.stage {
            Stage::Closed { open_at } if *open_at <= now => self.begin(tools).map(|()| false),
            Stage::Closed { .. } => Ok(false),
            Stage::Opening(place) => {
                let Some(opened) = place.lock().take() else { return Ok(false) };
                let port = net.adopt(opened.map_err(|error| error.why)?).map_err(|error| PortFault::of(&error))?;
                // To be tried though nobody has told so.
                let (readable, writable) = (true, true);
                let out = Vec::new();
                self.stage = Stage::Open(Open { port, since: now, readable, writable, out, stuck_at: None });
                Ok(true)
            }
            Stage::Open(open) => open.read(hosted, ComponentId(self.component), now, chunk).map(|()| false),
        }
    }

    /// Opens it, where that may block.
    fn begin(&mut self, tools: Tools<'_>) -> Result<(), PortFault> {
        let place = Arc::new(Lock::new(None));
        let (answer, opener, bell) = (Arc::clone(&place), self.opener.clone(), tools.bell.clone());
        let open = async move {
            let result = catch_unwind(AssertUnwindSafe(|| opener.open()));
            let panicked = |_| Err(opener.error(PortFault::Os { why: "opening it has panicked".to_owned() }));
            *answer.lock() = Some(result.unwrap_or_else(panicked));
            bell.ring();
        };
        let failed = |error| PortFault::Os { why: format!("no thread to open it: {error}") };
        tools.spawn.spawn("thingwire-port", Box::pin(open)).map_err(failed)?;
        self.stage = Stage::Opening(place);
        Ok(())
    }

    fn opened(&mut self, hosted: &mut Hosted, now: Instant, journal: &mut Journal, later: &mut Later) {
        self.told = None;
        let news = ThingNews::PortOpen { component: hosted.name(self.component), port: self.opener.to_string() };
        journal.note(Level::Info, format_args!("{news}"));
        hosted.tell(news, later);
        hosted.handle(now, ThingEvent::Up(ComponentId(self.component)));
    }

    /// It is not open any more, or not yet.
    fn failed(&mut self, hosted: &mut Hosted, now: Instant, why: PortFault, journal: &mut Journal, later: &mut Later) {
        if let Stage::Open(open) = &self.stage {
            self.backoff.lasted(&self.reopen, now.since(open.since));
            hosted.handle(now, ThingEvent::Down(ComponentId(self.component)));
        }
        let retry_in = self.backoff.wait(&self.reopen, &mut self.rng);
        self.stage = Stage::Closed { open_at: now + retry_in };
        if self.told.as_ref() == Some(&why) {
            return;
        }
        self.told = Some(why.clone());
        let (component, error) = (hosted.name(self.component), self.opener.error(why));
        let news = ThingNews::PortFailed { component, error, retry_in };
        journal.note(Level::Warn, format_args!("{news}"));
        hosted.tell(news, later);
    }
}

impl<P: Read + Write> Open<P> {
    fn read(
        &mut self,
        hosted: &mut Hosted,
        component: ComponentId,
        now: Instant,
        chunk: &mut [u8],
    ) -> Result<(), PortFault> {
        // What has come comes before what is due, also when the port's readiness is told later than the time.
        let deadline = hosted.bound.as_ref().and_then(|bound| bound.next_deadline());
        self.readable |= deadline.is_some_and(|deadline| deadline <= now);
        for _ in 0..READS_PER_TURN {
            if !self.readable {
                break;
            }
            match self.port.read(chunk) {
                Ok(0) => return Err(PortFault::Closed),
                Ok(len) => hosted.handle(now, ThingEvent::Received(component, &chunk[..len])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(PortFault::of(&error)),
            }
        }
        Ok(())
    }

    fn write(&mut self, now: Instant) -> Result<(), PortFault> {
        while self.writable && !self.out.is_empty() {
            match self.port.write(&self.out) {
                Ok(0) => return Err(PortFault::Closed),
                Ok(len) => {
                    self.out.drain(..len);
                    self.stuck_at = None;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(PortFault::of(&error)),
            }
        }
        if self.out.is_empty() {
            self.stuck_at = None;
            return Ok(());
        }
        let stuck_at = *self.stuck_at.get_or_insert(now + STUCK_AFTER);
        if stuck_at <= now || self.out.len() > OUT_MAX { Err(PortFault::Stuck) } else { Ok(()) }
    }
}

#[cfg(test)]
#[cfg(unix)]
pub(super) mod tests;
