//! Sessions that the server keeps, or has lost.

use core::time::Duration;

use thingwire_core::{Config, Notice};

use super::packets::{PUBACK, SUBSCRIBE};
use super::rig::Rig;
use super::{Checked, Log, demand};

pub(super) fn kept(log: &mut Log, config: &Config) -> Checked {
    let mut rig = subscribed(log, config)?;
    rig.hang_up();
    rig.trigger(b"stored");
    rig.until_online()?;
    rig.settle();
    demand(rig.notices.contains(&Notice::Online { resumed: true }), || "the session was not resumed".to_owned())?;
    let stored = |notice: &Notice| matches!(notice, Notice::Message(message) if message.payload[..] == b"stored"[..]);
    demand(rig.notices.iter().any(stored), || "what was stored did not arrive".to_owned())?;
    rig.sent_times(PUBACK, "PUBACK", 1)?;
    rig.sent_times(SUBSCRIBE, "SUBSCRIBE", 1)?;
    rig.judge()
}

pub(super) fn expired(log: &mut Log, config: &Config) -> Checked {
    let mut rig = subscribed(log, config)?;
    rig.broker.rules_mut().session_expiry = Some(Duration::from_millis(1));
    rig.hang_up();
    rig.until_online()?;
    rig.settle();
    rig.sent_times(SUBSCRIBE, "SUBSCRIBE", 2)?;
    let links: Vec<_> = rig.sent(SUBSCRIBE).iter().map(|sent| sent.link).collect();
    demand(links.windows(2).all(|pair| pair[0] < pair[1]), || "both times on one link".to_owned())?;
    rig.trigger(b"new");
    rig.sent_times(PUBACK, "PUBACK", 1)?;
    rig.judge()
}

/// A device with a session to keep.
fn subscribed<'a>(log: &'a mut Log, config: &Config) -> Checked<Rig<'a>> {
    let mut config = config.clone();
    config.clean_session = false;
    let mut rig = Rig::online(log, &config)?;
    rig.subscribe()?;
    rig.settle();
    Ok(rig)
}
