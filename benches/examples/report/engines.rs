//! The engine on its three ways, beside rustls alone.

use std::time::Duration;

use thingwire_benches::engines::{Ours, Rustls, Way};

use crate::measure::{nanoseconds, of_thread};
use crate::table::{number, table, times};

const SIZES: [(usize, usize, &str); 3] = [(64, 100, "64 B"), (1_024, 16, "1 KiB"), (65_536, 1, "64 KiB")];

/// The table.
pub(crate) fn measure() -> String {
    let mut rows = Vec::new();
    for (publishes, title) in [(true, "publish"), (false, "receive")] {
        for (len, batch, size) in SIZES {
            let (mut plain, mut tls) = (Ours::plain(batch, len), Ours::tls(batch, len));
            let (mut websocket, mut rustls) = (Ours::websocket(batch, len), Rustls::new(batch, len));
            let each = nanoseconds(&mut [
                &mut |count| work(&mut plain, publishes, count),
                &mut |count| work(&mut tls, publishes, count),
                &mut |count| work(&mut websocket, publishes, count),
                &mut |count| work(&mut rustls, publishes, count),
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

fn work(way: &mut dyn Way, publishes: bool, count: u32) -> Duration {
    if !publishes {
        way.prepare(usize::try_from(count).unwrap_or(usize::MAX));
    }
    let start = of_thread();
    (0..count).for_each(|_| if publishes { way.publish() } else { way.receive() });
    of_thread().saturating_sub(start)
}
