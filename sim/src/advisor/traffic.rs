//! Single packets and their answers.

use core::time::Duration;

use thingwire_core::{Config, LinkError, Notice, Outcome, Qos};

use super::packets::{PINGREQ, PINGRESP, PUBACK, PUBLISH, SUBACK, SUBSCRIBE};
use super::rig::Rig;
use super::{Checked, Log, demand};

/// How soon something has to be sent again.
const AGAIN_WITHIN: Duration = Duration::from_secs(15);

pub(super) fn connect(log: &mut Log, config: &Config) -> Checked {
    let rig = Rig::online(log, config)?;
    let connects = rig.connects();
    demand(connects == 1, || format!("{connects} CONNECTs"))?;
    rig.judge()
}

pub(super) fn puback(log: &mut Log, config: &Config) -> Checked {
    for len in [0, 1, 128 * 1024] {
        let mut rig = Rig::online(log, config)?;
        rig.subscribe()?;
        rig.settle();
        rig.trigger(&vec![b'x'; len]);
        rig.sent_times(PUBACK, "PUBACK", 1)?;
        rig.judge()?;
    }
    Ok(())
}

pub(super) fn publish(log: &mut Log, config: &Config) -> Checked {
    let mut rig = Rig::online(log, config)?;
    rig.publish("t", "hello", Qos::AtMostOnce)?;
    rig.settle();
    let sent = rig.sent(PUBLISH).first().map(|sent| sent.packet.clone());
    demand(sent.as_deref() == Some(b"\x30\x08\0\x01thello"), || format!("it sent {sent:?}"))?;
    rig.judge()
}

pub(super) fn publish_again(log: &mut Log, config: &Config) -> Checked {
    let mut rig = Rig::online(log, config)?;
    rig.withheld = vec![PUBACK];
    rig.publish("t", "hello", Qos::AtLeastOnce)?;
    rig.run_until("published again", |rig| rig.sent(PUBLISH).len() == 2)?;
    let mut expected = rig.sent(PUBLISH).first().map(|first| first.packet.clone()).unwrap_or_default();
    if let Some(first) = expected.first_mut() {
        *first |= 0x08;
    }
    again(&rig, PUBLISH, &expected, "not the same packet id with DUP")?;
    rig.withheld.clear();
    rig.run_until("acknowledged", |rig| rig.has(&Outcome::Acked))?;
    let connects = rig.connects();
    demand(connects == 1, || format!("{connects} CONNECTs"))?;
    rig.judge()
}

pub(super) fn subscribe(log: &mut Log, config: &Config) -> Checked {
    let mut rig = Rig::online(log, config)?;
    rig.subscribe()?;
    until_subscribed(&mut rig)?;
    rig.sent_times(SUBSCRIBE, "SUBSCRIBE", 1)?;
    rig.judge()
}

pub(super) fn subscribe_again(log: &mut Log, config: &Config) -> Checked {
    let mut rig = Rig::online(log, config)?;
    rig.withheld = vec![SUBACK];
    rig.subscribe()?;
    rig.run_until("subscribed again", |rig| rig.sent(SUBSCRIBE).len() == 2)?;
    let expected = rig.sent(SUBSCRIBE).first().map(|first| first.packet.clone()).unwrap_or_default();
    again(&rig, SUBSCRIBE, &expected, "not the same packet")?;
    rig.withheld.clear();
    until_subscribed(&mut rig)?;
    rig.judge()
}

pub(super) fn no_answer(log: &mut Log, config: &Config) -> Checked {
    let mut rig = Rig::online(log, config)?;
    let silent_since = rig.now;
    rig.withheld = vec![PUBACK, SUBACK, PINGRESP];
    rig.subscribe()?;
    // Not to the topic subscribed to: its echo would be a sign of life.
    rig.publish("other", "hello", Qos::AtLeastOnce)?;
    rig.run_until("disconnected", |rig| rig.link.is_none())?;
    rig.sent_times(PINGREQ, "PINGREQ", 1)?;
    let (took, keep_alive) = (rig.now.since(silent_since), config.keep_alive);
    demand(took < keep_alive * 3 / 2, || format!("disconnected only after {took:?}"))?;
    let right = |why: &Option<LinkError>| *why == Some(LinkError::KeepAlive);
    let last = rig.notices.last();
    demand(matches!(last, Some(Notice::Offline { why, .. }) if right(why)), || format!("it said {last:?}"))?;
    rig.judge()
}

/// What was sent first was sent again in time, on the same link, as `expected`.
fn again(rig: &Rig<'_>, of: u8, expected: &[u8], otherwise: &str) -> Checked {
    let sent = rig.sent(of);
    let [first, again] = sent[..] else { return Err(format!("it was sent {} times", sent.len())) };
    let after = again.at.since(first.at);
    demand(after < AGAIN_WITHIN, || format!("sent again only after {after:?}"))?;
    demand(again.link == first.link, || "sent again on another link".to_owned())?;
    demand(again.packet == expected, || otherwise.to_owned())
}

fn until_subscribed(rig: &mut Rig<'_>) -> Checked {
    let granted = Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)]);
    rig.run_until("subscribed", |rig| rig.has(&granted))
}
