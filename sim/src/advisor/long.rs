//! The parts of the long-duration case.

use core::time::Duration;

use thingwire_core::{Config, Outcome, Qos};

use super::packets::{CONNACK, PINGREQ, PUBACK, PUBLISH, SUBACK, SUBSCRIBE, packet_id};
use super::rig::Rig;
use super::{Checked, Log, demand};

/// How long the server withholds its answers.
const WITHHELD: Duration = Duration::from_secs(15);
/// How often the network is cut.
const CUTS: u32 = 20;
/// The same settings have to pass whatever the dice say.
const SEEDS: u64 = 50;

pub(super) fn basic(log: &mut Log, config: &Config) -> Checked {
    let mut rig = Rig::online(log, config)?;
    rig.publish("t", "hello", Qos::AtMostOnce)?;
    rig.settle();
    rig.withheld = vec![PUBACK, SUBACK];
    rig.publish("t", "hello", Qos::AtLeastOnce)?;
    rig.subscribe_to("a", Qos::AtMostOnce)?;
    rig.subscribe_to("b", Qos::AtLeastOnce)?;
    rig.run_for(WITHHELD)?;
    for (kind, name) in [(PUBLISH, "PUBLISH"), (SUBSCRIBE, "SUBSCRIBE")] {
        let ids: Vec<_> = rig.sent(kind).iter().filter_map(|sent| packet_id(&sent.packet)).collect();
        let (first, again) = ids.split_at(ids.len() / 2);
        if first.is_empty() || first != again {
            rig.log.warn(format!("{name} was not sent again within {} s", WITHHELD.as_secs()));
        }
    }
    rig.withheld.clear();
    // Who has not asked again cannot be answered on this link.
    if rig.log.warning.is_none() {
        rig.run_until("acknowledged", |rig| rig.has(&Outcome::Acked))?;
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            rig.run_until("subscribed", |rig| rig.has(&Outcome::Subscribed(vec![Some(qos)])))?;
        }
    }
    let connects = rig.connects();
    demand(connects == 1, || format!("{connects} CONNECTs"))?;
    rig.hang_up();
    rig.until_online()?;
    rig.judge()
}

pub(super) fn keep_alive(log: &mut Log, config: &Config) -> Checked {
    let mut rig = Rig::online(log, config)?;
    let online_at = rig.now;
    rig.run_for(Duration::from_secs(3_000))?;
    let pings: Vec<_> = rig.sent(PINGREQ).iter().map(|sent| sent.at).collect();
    let heard = [&[online_at], &pings[..], &[rig.now]].concat();
    let longest = heard.windows(2).map(|pair| pair[1].since(pair[0])).max();
    demand(longest <= Some(config.keep_alive), || format!("{longest:?} of silence"))?;
    let connects = rig.connects();
    demand(connects == 1, || format!("{connects} CONNECTs"))?;
    rig.judge()
}

pub(super) fn intermittent(log: &mut Log, config: &Config) -> Checked {
    for seed in 0..SEEDS {
        let mut rig = Rig::new(log, config, seed)?;
        for cut in 0..CUTS {
            rig.until_online()?;
            // Now and then long enough to count as stable.
            rig.run_for(Duration::from_millis(u64::from(cut * 7 % 5) * 6_100))?;
            rig.publish("t", &cut.to_string(), Qos::AtLeastOnce)?;
            rig.withheld = vec![PUBACK];
            rig.settle();
            rig.withheld.clear();
            rig.hang_up();
        }
        let done = |rig: &Rig<'_>| rig.client.status().totals.acked == u64::from(CUTS);
        rig.run_until("everything acknowledged", done)?;
        rig.judge()?;
    }
    Ok(())
}

pub(super) fn server_gone(log: &mut Log, config: &Config) -> Checked {
    let mut rig = Rig::online(log, config)?;
    rig.subscribe()?;
    rig.settle();
    rig.withheld = vec![CONNACK];
    rig.hang_up();
    rig.run_for(Duration::from_secs(120 * 60))?;
    rig.withheld.clear();
    let healed = rig.now;
    rig.until_online()?;
    let longest = config.connect_timeout + config.backoff.floor + config.backoff.max;
    let took = rig.now.since(healed);
    demand(took <= longest, || format!("back only after {took:?}"))?;
    rig.settle();
    let subscribes = if config.clean_session { 2 } else { 1 };
    rig.sent_times(SUBSCRIBE, "SUBSCRIBE", subscribes)?;
    rig.judge()
}
