use core::time::Duration;

use thingwire_core::{LinkError, Phase, Qos};

use crate::rig::{CONNACK, Rig, config, packet_id, puback};

#[test]
fn a_look_at_everything_while_offline_and_after() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    rig.drain();
    rig.pass(Duration::from_secs(2));
    rig.lose_link(LinkError::KeepAlive);
    let waits_since = rig.now;
    rig.publish("topic", "12345", Qos::AtLeastOnce);
    rig.publish("topic", "", Qos::AtMostOnce);
    let status = rig.client.status();
    assert_eq!((status.phase, status.since), (Phase::BackingOff, waits_since));
    assert_eq!((status.attempt, status.next_attempt_at), (2, Some(rig.now + Duration::from_secs(1))));
    assert_eq!(status.last_error, Some(LinkError::KeepAlive));
    assert_eq!((status.queued, status.queued_bytes, status.oldest_waits_since), (2, 15, Some(waits_since)));
    assert_eq!((status.totals.attempts, status.totals.connections, status.totals.accepted), (1, 0, 2));

    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    let status = rig.client.status();
    assert_eq!((status.phase, status.last_error), (Phase::Ready, None));
    assert_eq!((status.queued, status.queued_bytes, status.oldest_waits_since, status.in_flight), (0, 0, None, 1));
    rig.receive(&puback(packet_id(&sent[0])));
    rig.receive(&puback(999));
    let totals = rig.client.status().totals;
    assert_eq!((totals.sent, totals.acked, totals.unknown_answers), (1, 1, 1));
    assert_eq!(totals.ended_operations(), totals.accepted);
    assert_eq!(rig.client.status().to_string(), "ready; 2 done, 0 in flight, 0 queued, 0 dropped");
}
