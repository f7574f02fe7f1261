//! The core in memory, beside rumqttc's state machine with its codec, mqtt-protocol-core, and a codec alone.

use std::hint::black_box;

use bytes::Bytes;
use thingwire_core::Qos;

use super::measure::{nanoseconds, timed};
use super::table::{number, table, times};
use crate::peers::{Codec, Core, Peer, ProtocolCore, Rumqttc};
use crate::stream;

const BATCHES: [usize; 3] = [1, 16, 100];

const LENS: [usize; 3] = [64, 1_024, 65_536];

/// Nanoseconds for each message.
pub struct Row {
    /// Published, or received.
    pub publishes: bool,
    /// How sure its delivery is.
    pub qos: Qos,
    /// Bytes of the payload.
    pub len: usize,
    /// How many go at once.
    pub batch: usize,
    /// The core.
    pub core: f64,
    /// rumqttc's state and codec.
    pub rumqttc: f64,
    /// mqtt-protocol-core's connection.
    pub protocol_core: f64,
    /// mqttbytes.
    pub codec: f64,
}

/// Measures all.
pub fn measure() -> Vec<Row> {
    let mut rows = Vec::new();
    for publishes in [true, false] {
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            for len in LENS {
                rows.extend(BATCHES.map(|batch| Row::measure(publishes, qos, len, batch)));
            }
        }
    }
    rows
}

/// As a table.
pub fn show(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let Row { core, rumqttc, protocol_core, codec, .. } = *row;
        let work = if row.publishes { "publish" } else { "receive" };
        let qos = u8::from(row.qos == Qos::AtLeastOnce);
        vec![
            format!("{work} QoS {qos}, {}, {} at once", size(row.len), row.batch),
            number(core),
            number(rumqttc),
            number(protocol_core),
            number(codec),
            times(core, rumqttc),
            times(core, protocol_core),
            times(core, codec),
        ]
    };
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
        &rows.iter().map(cells).collect::<Vec<_>>(),
    )
}

/// As people write it.
pub(super) fn size(len: usize) -> String {
    if len < 1_024 { format!("{len} B") } else { format!("{} KiB", len / 1_024) }
}

impl Row {
    fn measure(publishes: bool, qos: Qos, len: usize, batch: usize) -> Self {
        let (payload, stream) = (Bytes::from(vec![0x2a; len]), stream(qos, batch, len));
        let work = |peer: &mut dyn Peer| {
            if publishes { peer.publish(qos, batch, black_box(&payload)) } else { peer.receive(black_box(&stream)) }
        };
        let (mut core, mut rumqttc, mut codec) = (Core::default(), Rumqttc::default(), Codec::default());
        let mut protocol_core = ProtocolCore::default();
        let each = nanoseconds(&mut [
            &mut timed(|| work(&mut core)),
            &mut timed(|| work(&mut rumqttc)),
            &mut timed(|| work(&mut protocol_core)),
            &mut timed(|| work(&mut codec)),
        ]);
        let [core, rumqttc, protocol_core, codec] = each.map(|each| each / batch as f64);
        Self { publishes, qos, len, batch, core, rumqttc, protocol_core, codec }
    }
}
