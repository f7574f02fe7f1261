//! The core in memory, beside rumqttc's state machine with its codec, mqtt-protocol-core, and a codec alone.

use std::hint::black_box;

use bytes::Bytes;
use thingwire_benches::peers::{Codec, Core, Peer, ProtocolCore, Rumqttc};
use thingwire_benches::stream;
use thingwire_core::Qos;

use crate::measure::{nanoseconds, timed};
use crate::table::{number, table, times};

const BATCHES: [usize; 3] = [1, 16, 100];

const SIZES: [(usize, &str); 3] = [(64, "64 B"), (1_024, "1 KiB"), (65_536, "64 KiB")];

/// The table.
pub(crate) fn measure() -> String {
    let mut rows = Vec::new();
    for (out, qos, title) in [
        (true, Qos::AtMostOnce, "publish QoS 0"),
        (true, Qos::AtLeastOnce, "publish QoS 1"),
        (false, Qos::AtMostOnce, "receive QoS 0"),
        (false, Qos::AtLeastOnce, "receive QoS 1"),
    ] {
        for (len, size) in SIZES {
            for batch in BATCHES {
                let [core, rumqttc, protocol_core, codec] = one(out, qos, batch, len);
                rows.push(vec![
                    format!("{title}, {size}, {batch} at once"),
                    number(core),
                    number(rumqttc),
                    number(protocol_core),
                    number(codec),
                    times(core, rumqttc),
                    times(core, protocol_core),
                    times(core, codec),
                ]);
            }
        }
    }
    table(
        &[
            "ns for each message",
            "core",
            "rumqttc",
            "mqtt-protocol-core",
            "mqttbytes",
            "of rumqttc",
            "of mqtt-protocol-core",
            "of mqttbytes",
        ],
        &rows,
    )
}

/// Nanoseconds for each message.
fn one(out: bool, qos: Qos, batch: usize, len: usize) -> [f64; 4] {
    let (payload, stream) = (Bytes::from(vec![0x2a; len]), stream(qos, batch, len));
    let work = |peer: &mut dyn Peer| {
        if out { peer.publish(qos, batch, black_box(&payload)) } else { peer.receive(black_box(&stream)) }
    };
    let (mut core, mut rumqttc, mut codec) = (Core::default(), Rumqttc::default(), Codec::default());
    let mut protocol_core = ProtocolCore::default();
    let each = nanoseconds(&mut [
        &mut timed(|| work(&mut core)),
        &mut timed(|| work(&mut rumqttc)),
        &mut timed(|| work(&mut protocol_core)),
        &mut timed(|| work(&mut codec)),
    ]);
    each.map(|each| each / batch as f64)
}
