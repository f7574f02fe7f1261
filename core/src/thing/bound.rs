//! A thing joined to a client.

use core::time::Duration;

use super::{Ask, RequestId, Thing, ThingAction, ThingEvent};
use crate::{Client, Instant, Notice, Outcome, Phase, ShadowEvent, ShadowName, ShadowRequest, ShadowWatch, Ticket};

/// After a watch that the client gave up, or did not take.
const WATCH_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// A [`Thing`] and the shadow it keeps with a [`Client`]: whoever drives it carries bytes, and nothing else.
///
/// A client may have any number of them, and other work besides. The loop of a driver has three more lines:
///
/// ```no_run
/// # use thingwire_core::thing::{Bound, ThingAction, ThingEvent};
/// # use thingwire_core::{Action, Client, Instant, Notice};
/// # fn to_the_port(_: usize, _: &[u8]) {}
/// # fn to_disk(_: &[u8]) {}
/// fn drain(client: &mut Client, thing: &mut Bound, now: Instant) {
///     while let Some(action) = client.poll_action() {
///         if let Action::Notify(notice) = &action {
///             if thing.on_notice(now, notice) {
///                 continue;
///             }
///         }
///         // Whatever else a driver does with actions.
///     }
///     while let Some(action) = thing.poll_action(client, now) {
///         match action {
///             ThingAction::Send(component, bytes) => to_the_port(component.0, &bytes),
///             ThingAction::Persist(memory) => to_disk(&memory),
///             ThingAction::Notify(notice) => println!("{notice}"),
///             ThingAction::Ask(..) => {} // `Bound` asks.
///         }
///     }
///     // Sleep until bytes arrive, or the earlier of client.next_deadline() and thing.next_deadline().
/// }
/// ```
#[derive(Debug)]
pub struct Bound {
    thing: Thing,
    shadow: ShadowName,
    watch: Watch,
    request: Option<(Ticket, RequestId)>,
    /// Whether the server has kept the session of the connection that is up.
    resumed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    /// To be begun, at this time at the earliest.
    Due(Instant),
    Begun(Ticket),
}

impl Bound {
    /// Joins a thing to a shadow, the classic one or a named one.
    pub fn new(thing: Thing, shadow: ShadowName) -> Self {
        Self { thing, shadow, watch: Watch::Due(Instant::EPOCH), request: None, resumed: false }
    }

    /// The thing.
    pub fn thing(&self) -> &Thing {
        &self.thing
    }

    /// The thing, to set or refresh its properties. What it wants done comes from [`poll_action`](Self::poll_action).
    pub fn thing_mut(&mut self) -> &mut Thing {
        &mut self.thing
    }

    /// The shadow.
    pub fn shadow(&self) -> &ShadowName {
        &self.shadow
    }

    /// Something has happened to a device: a port was opened or closed, bytes came, time has passed.
    pub fn handle(&mut self, now: Instant, event: ThingEvent<'_>) {
        self.thing.handle(now, event);
    }

    /// To be shown every notice of the client. Tells whether it was for the thing alone.
    pub fn on_notice(&mut self, now: Instant, notice: &Notice) -> bool {
        match notice {
            Notice::Online { resumed } => self.resumed = *resumed,
            Notice::Ready => self.thing.handle(now, ThingEvent::Online { resumed: self.resumed }),
            Notice::Offline { .. } | Notice::Stopped => self.thing.handle(now, ThingEvent::Offline),
            Notice::Shadow(news) if self.watch == Watch::Begun(news.watch) => {
                if matches!(news.event, ShadowEvent::GivenUp { .. }) {
                    self.watch = Watch::Due(now + WATCH_AGAIN_AFTER);
                }
                self.thing.handle(now, ThingEvent::Shadow(&news.event));
                return true;
            }
            Notice::Done { ticket, outcome } => return self.done(now, *ticket, outcome),
            Notice::Attempting { .. }
            | Notice::Failed { .. }
            | Notice::Message(_)
            | Notice::SubscriptionLost { .. }
            | Notice::Shadow(_) => {}
        }
        false
    }

    fn done(&mut self, now: Instant, ticket: Ticket, outcome: &Outcome) -> bool {
        if let Some((_, id)) = self.request.take_if(|(asked, _)| *asked == ticket) {
            self.thing.handle(now, ThingEvent::Answered(id, outcome.clone().into_document()));
            return true;
        }
        self.watch == Watch::Begun(ticket)
    }

    /// What is to be done next; never a [`ThingAction::Ask`], which is asked of the client at once.
    ///
    /// The client has something to send after that: it is to be drained again.
    #[must_use]
    pub fn poll_action(&mut self, client: &mut Client, now: Instant) -> Option<ThingAction> {
        self.watch(client, now);
        loop {
            match self.thing.poll_action()? {
                ThingAction::Ask(id, ask) => self.ask(client, now, id, ask),
                action @ (ThingAction::Send(..) | ThingAction::Persist(_) | ThingAction::Notify(_)) => {
                    return Some(action);
                }
            }
        }
    }

    /// When the thing wants to be woken with [`ThingEvent::Wake`].
    pub fn next_deadline(&self) -> Option<Instant> {
        let watch = if let Watch::Due(at) = self.watch { Some(at) } else { None };
        [self.thing.next_deadline(), watch].into_iter().flatten().min()
    }

    /// Ends the watch, and gives the thing back.
    pub fn unbind(mut self, client: &mut Client, now: Instant) -> Thing {
        if let Watch::Begun(watch) = self.watch {
            client.unwatch_shadow(now, watch);
        }
        self.thing.handle(now, ThingEvent::Offline);
        self.thing
    }

    fn watch(&mut self, client: &mut Client, now: Instant) {
        if !matches!(self.watch, Watch::Due(at) if at <= now) {
            return;
        }
        let watch = ShadowWatch::deltas(self.shadow.clone()).deletions(true);
        self.watch = match client.watch_shadow(now, watch) {
            Ok(ticket) => Watch::Begun(ticket),
            Err(_refused) => {
                self.thing.handle(now, ThingEvent::Shadow(&ShadowEvent::NotSubscribed));
                Watch::Due(now + WATCH_AGAIN_AFTER)
            }
        };
        if client.phase() == Phase::Ready {
            self.thing.handle(now, ThingEvent::Online { resumed: false });
        }
    }

    fn ask(&mut self, client: &mut Client, now: Instant, id: RequestId, ask: Ask) {
        let request = match ask {
            Ask::Get => ShadowRequest::get(self.shadow.clone()),
            Ask::Update(update) => ShadowRequest::update(self.shadow.clone(), *update),
        };
        match client.ask_shadow(now, request) {
            Ok(ticket) => self.request = Some((ticket, id)),
            Err(refused) => self.thing.handle(now, ThingEvent::Refused(id, refused.why)),
        }
    }
}
