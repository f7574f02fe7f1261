//! The engine on its three ways, beside rustls alone.

use super::measure::{nanoseconds, of_thread};
use super::memory::size;
use super::table::{number, table, times};
use crate::engines::{BATCHES, Ours, Rustls, Way, timed};

/// Nanoseconds for each message.
pub struct Row {
    /// Published, or received.
    pub publishes: bool,
    /// How many go at once.
    pub batch: usize,
    /// Bytes of the payload.
    pub len: usize,
    /// The engine without TLS.
    pub plain: f64,
    /// The engine with TLS.
    pub tls: f64,
    /// The engine with TLS and frames in it.
    pub websocket: f64,
    /// rustls, which gets the same bytes.
    pub rustls: f64,
}

/// Measures all.
pub fn measure() -> Vec<Row> {
    let both = [true, false].into_iter();
    both.flat_map(|publishes| BATCHES.map(|(batch, len)| Row::measure(publishes, batch, len))).collect()
}

/// As a table.
pub fn show(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let Row { plain, tls, websocket, rustls, .. } = *row;
        let work = if row.publishes { "publish" } else { "receive" };
        vec![
            format!("{work}, {}, {} at once", size(row.len), row.batch),
            number(plain),
            number(tls),
            number(websocket),
            number(rustls),
            times(tls, rustls),
            times(tls, plain + rustls),
        ]
    };
    table(
        &["ns for each message", "plain", "TLS", "WebSocket", "rustls alone", "TLS of rustls", "of plain and rustls"],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    )
}

impl Row {
    fn measure(publishes: bool, batch: usize, len: usize) -> Self {
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
        Self { publishes, batch, len, plain, tls, websocket, rustls }
    }
}
