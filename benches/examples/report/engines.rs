//! The engine on its three ways, beside rustls alone.

use thingwire_benches::engines::{BATCHES, Ours, Rustls, Way, timed};

use crate::measure::{nanoseconds, of_thread};
use crate::table::{number, table, times};

/// The table.
pub(crate) fn measure() -> String {
    let mut rows = Vec::new();
    for (publishes, title) in [(true, "publish"), (false, "receive")] {
        for ((batch, len), size) in BATCHES.into_iter().zip(["64 B", "1 KiB", "64 KiB"]) {
            let (mut plain, mut tls) = (Ours::plain(batch, len), Ours::tls(batch, len));
            let (mut websocket, mut rustls) = (Ours::websocket(batch, len), Rustls::new(batch, len));
            let measured = |way: &mut dyn Way, count: u32| timed(way, publishes, count as usize, of_thread);
            let each = nanoseconds(&mut [
                &mut |count| measured(&mut plain, count),
                &mut |count| measured(&mut tls, count),
                &mut |count| measured(&mut websocket, count),
                &mut |count| measured(&mut rustls, count),
            ]);
            let [plain, tls, websocket, rustls] = each.map(|each| each / batch as f64);
            rows.push(vec![
                format!("{title}, {size}, {batch} at once"),
                number(plain),
                number(tls),
                number(websocket),
                number(rustls),
                times(tls, rustls),
                times(tls, plain + rustls),
            ]);
        }
    }
    table(
        &["ns for each message", "plain", "TLS", "WebSocket", "rustls alone", "TLS of rustls", "of plain and rustls"],
        &rows,
    )
}
