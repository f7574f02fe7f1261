//! The things that run beside a client, as its state knows them.

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use super::callbacks::Later;
use super::inbox::{Inbox, Item};
use super::keeper::{Keeper, Kept};
use super::net::Spawn;
use super::thing_options::{Opener, ThingError, ThingOptions};
use super::wakers::Bell;
use crate::ports::PortError;
use crate::thing::{Bound, ComponentId, Note, Thing, ThingAction, ThingEvent, ThingNotice};
use crate::{BackoffConfig, Client, Instant, Notice, host};

/// What happens to a running thing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ThingNews {
    /// Something that its application may want to know.
    Thing(ThingNotice),
    /// A component tells something of its device.
    Device {
        /// Which component.
        component: String,
        /// What.
        note: Note,
    },
    /// A port is open.
    PortOpen {
        /// Of which component.
        component: String,
        /// The port, as a person would name it.
        port: String,
    },
    /// A port was lost, or cannot be opened. It is tried again and again; told once, and again when it is for another
    /// reason.
    PortFailed {
        /// Of which component.
        component: String,
        /// Which, and why.
        error: PortError,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// What the thing remembers cannot be read: it begins without.
    NotRemembered {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// What the thing is to remember cannot be written. It is tried again every 30 s, and told once.
    NotKept {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It can again.
    Kept {
        /// The file.
        path: PathBuf,
    },
}

/// One line; no value is shown.
impl fmt::Display for ThingNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thing(notice) => notice.fmt(f),
            Self::Device { component, note } => write!(f, "{component}: {note}"),
            Self::PortOpen { component, port } => write!(f, "{component}: {port} is open"),
            Self::PortFailed { component, error, retry_in } => {
                write!(f, "{component}: {error}; tried again in {retry_in:?}")
            }
            Self::NotRemembered { path, why } => {
                write!(f, "{}: {why}; without it, every wish in the cloud is new", path.display())
            }
            Self::NotKept { path, why } => {
                write!(f, "{}: {why}; after a restart, wishes may be done again", path.display())
            }
            Self::Kept { path } => write!(f, "{}: written again", path.display()),
        }
    }
}

impl Item for ThingNews {
    fn weight(&self) -> usize {
        if let Self::Thing(ThingNotice::UnknownKey { value, .. }) = self { value.len() } else { 0 }
    }
}

/// The things of a client.
#[derive(Debug, Default)]
pub(crate) struct Things {
    next: u64,
    list: Vec<Hosted>,
}

/// A thing that runs.
#[derive(Debug)]
pub(crate) struct Hosted {
    pub(crate) id: u64,
    /// `None` once it has ended, and only its memory is still being written.
    pub(crate) bound: Option<Box<dyn Run>>,
    pub(crate) news: Arc<Inbox<ThingNews>>,
    /// The ports of its components, until the loop takes them: those without one have nothing to be opened.
    pub(crate) ports: Option<Vec<Option<Opener>>>,
    pub(crate) reopen: BackoffConfig,
    pub(crate) names: Vec<String>,
    keeper: Option<Keeper>,
    leaving: bool,
}

/// What the loop does with a [`Bound`]. Only [`prepare`] names the type: a program that runs no things does not carry
/// their code.
pub(crate) trait Run: fmt::Debug + Send {
    fn thing_mut(&mut self) -> &mut Thing;
    fn handle(&mut self, now: Instant, event: ThingEvent<'_>);
    fn on_notice(&mut self, now: Instant, notice: &Notice) -> bool;
    fn poll_action(&mut self, client: &mut Client, now: Instant) -> Option<ThingAction>;
    fn next_deadline(&self) -> Option<Instant>;
    /// Ends it. Returns what it remembers.
    fn end(self: Box<Self>, client: &mut Client, now: Instant) -> Vec<u8>;
}

impl Run for Bound {
    fn thing_mut(&mut self) -> &mut Thing {
        self.thing_mut()
    }

    fn handle(&mut self, now: Instant, event: ThingEvent<'_>) {
        self.handle(now, event);
    }

    fn on_notice(&mut self, now: Instant, notice: &Notice) -> bool {
        self.on_notice(now, notice)
    }

    fn poll_action(&mut self, client: &mut Client, now: Instant) -> Option<ThingAction> {
        self.poll_action(client, now)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline()
    }

    fn end(self: Box<Self>, client: &mut Client, now: Instant) -> Vec<u8> {
        let memory = self.thing().memory();
        drop(self.unbind(client, now));
        memory
    }
}

/// What a turn is done with.
#[derive(Clone, Copy)]
pub(crate) struct Tools<'a> {
    pub(crate) spawn: &'a Arc<dyn Spawn>,
    pub(crate) bell: &'a Bell,
}

/// Puts a thing together. It reads its memory: not to be called under a lock.
pub(crate) fn prepare(options: ThingOptions) -> Result<Hosted, ThingError> {
    let ThingOptions { mut builder, shadow, ports, memory, reopen } = options;
    let mut problem = None;
    if let Some(path) = &memory {
        match host::remembered(path) {
            Ok(bytes) => builder = builder.remember(bytes),
            Err(why) => problem = Some(ThingNews::NotRemembered { path: path.clone(), why }),
        }
    }
    let thing = builder.build(host::seed().map_err(ThingError::Setup)?).map_err(ThingError::Build)?;
    let names: Vec<_> = thing.components().map(|(_, name)| name.to_owned()).collect();
    let mut openers: Vec<Option<Opener>> = names.iter().map(|_| None).collect();
    for (name, opener) in ports {
        let Some(place) = names.iter().position(|known| *known == name) else {
            return Err(ThingError::NoSuchComponent { name });
        };
        if openers[place].replace(opener).is_some() {
            return Err(ThingError::TwoPorts { name });
        }
    }
    let news = Arc::new(Inbox::new());
    if let Some(problem) = problem {
        news.push_over(problem, &mut Later::default());
    }
    Ok(Hosted {
        id: 0,
        bound: Some(Box::new(Bound::new(thing, shadow))),
        news,
        ports: Some(openers),
        reopen,
        names,
        keeper: memory.map(Keeper::new),
        leaving: false,
    })
}

impl Things {
    pub(crate) fn add(&mut self, mut hosted: Hosted) -> u64 {
        self.next += 1;
        hosted.id = self.next;
        self.list.push(hosted);
        self.next
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Hosted> {
        self.list.iter_mut()
    }

    pub(crate) fn find(&mut self, id: u64) -> Option<&mut Hosted> {
        self.list.iter_mut().find(|hosted| hosted.id == id)
    }

    /// The thing itself, while it runs.
    pub(crate) fn thing(&mut self, id: u64) -> Option<&mut Thing> {
        Some(self.find(id)?.bound.as_mut()?.thing_mut())
    }

    /// It is to end. That takes until its memory is written.
    pub(crate) fn leave(&mut self, id: u64) {
        if let Some(hosted) = self.find(id) {
            hosted.leaving = true;
        }
    }

    /// Shows a notice of the client to all of them; tells whether it was for one of them alone.
    pub(crate) fn on_notice(&mut self, now: Instant, notice: &Notice) -> bool {
        self.list.iter_mut().filter_map(|hosted| hosted.bound.as_mut()).any(|bound| bound.on_notice(now, notice))
    }

    /// Has them do what there is to be done. What they ask of the client is to be sent afterwards.
    pub(crate) fn act(
        &mut self,
        now: Instant,
        client: &mut Client,
        tools: Tools<'_>,
        later: &mut Later,
        mut send: impl FnMut(u64, ComponentId, Vec<u8>),
    ) {
        for hosted in &mut self.list {
            hosted.act(now, client, tools, later, &mut send);
        }
        self.list.retain(|hosted| {
            let stays = hosted.bound.is_some() || !hosted.keeper.as_ref().is_none_or(Keeper::is_idle);
            if !stays {
                hosted.news.close(later);
            }
            stays
        });
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let of = |hosted: &Hosted| {
            let bound = hosted.bound.as_ref().and_then(|bound| bound.next_deadline());
            let keeper = hosted.keeper.as_ref().filter(|_| hosted.bound.is_some()).and_then(Keeper::next_deadline);
            bound.into_iter().chain(keeper).min()
        };
        self.list.iter().filter_map(of).min()
    }

    /// The loop ends: nothing more will happen.
    pub(crate) fn end(&mut self, later: &mut Later) {
        self.list.drain(..).for_each(|hosted| hosted.news.close(later));
    }
}

impl Hosted {
    /// Tells that something has happened to a device.
    pub(crate) fn handle(&mut self, now: Instant, event: ThingEvent<'_>) {
        if let Some(bound) = &mut self.bound {
            bound.handle(now, event);
        }
    }

    pub(crate) fn tell(&self, news: ThingNews, later: &mut Later) {
        self.news.push_over(news, later);
    }

    pub(crate) fn name(&self, component: usize) -> String {
        self.names.get(component).cloned().unwrap_or_default()
    }

    fn act(
        &mut self,
        now: Instant,
        client: &mut Client,
        tools: Tools<'_>,
        later: &mut Later,
        send: &mut impl FnMut(u64, ComponentId, Vec<u8>),
    ) {
        let due = self.bound.as_ref().and_then(|bound| bound.next_deadline());
        if due.is_some_and(|at| at <= now) {
            self.handle(now, ThingEvent::Wake);
        }
        while let Some(action) = self.bound.as_mut().and_then(|bound| bound.poll_action(client, now)) {
            match action {
                ThingAction::Send(component, bytes) => send(self.id, component, bytes),
                ThingAction::Persist(memory) => self.keep(memory, tools),
                ThingAction::Notify(notice) => self.notify(notice, later),
                // It was asked of the client.
                ThingAction::Ask(..) => {}
            }
        }
        if self.leaving {
            if let Some(bound) = self.bound.take() {
                let memory = bound.end(client, now);
                self.keep(memory, tools);
            }
        }
        let kept = self.keeper.as_mut().and_then(|keeper| {
            let kept = keeper.turn(now, tools.spawn.as_ref(), tools.bell)?;
            Some((keeper.path().to_owned(), kept))
        });
        match kept {
            Some((path, Kept::Again)) => self.tell(ThingNews::Kept { path }, later),
            Some((path, Kept::Not { why })) => self.tell(ThingNews::NotKept { path, why }, later),
            None => {}
        }
    }

    fn keep(&mut self, memory: Vec<u8>, tools: Tools<'_>) {
        if let Some(keeper) = &mut self.keeper {
            keeper.keep(memory, tools.spawn.as_ref(), tools.bell);
        }
    }

    fn notify(&self, notice: ThingNotice, later: &mut Later) {
        let news = if let ThingNotice::Device(ComponentId(component), note) = notice {
            ThingNews::Device { component: self.name(component), note }
        } else {
            ThingNews::Thing(notice)
        };
        self.tell(news, later);
    }
}
