//! A line on the terminal that shows how far a long run is. Scripts and files never see it.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use thingwire_std::Status;

/// How often the line changes at most.
const INTERVAL: Duration = Duration::from_millis(200);

/// What ends sooner needs no line.
const LONG_RUN: Duration = Duration::from_millis(500);

/// How many columns of the terminal's last line are taken. There is one standard error, and whoever writes to it has
/// to clear the line first.
static SHOWN: AtomicUsize = AtomicUsize::new(0);

/// The line. It is erased when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    /// When it may change next; `None` shows none.
    next_at: Option<Instant>,
}

impl Progress {
    /// Shows a line only to a person: where somebody types the input, it would be in the way.
    pub(crate) fn start(long_run: bool) -> Self {
        let watched = long_run && io::stderr().is_terminal() && !io::stdin().is_terminal();
        Self { next_at: watched.then(|| Instant::now() + LONG_RUN) }
    }

    /// How long the line may stay as it is; `None` is for ever.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.next_at.map(|next_at| next_at.saturating_duration_since(Instant::now()))
    }

    /// Shows how things are, if it is time for that.
    pub(crate) fn show(&mut self, status: impl FnOnce() -> Status) {
        let now = Instant::now();
        if self.next_at.is_some_and(|next_at| next_at <= now) {
            self.next_at = Some(now + INTERVAL);
            replace(&mut io::stderr(), &line(&status()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        erase();
    }
}

/// Makes room for another line.
pub(crate) fn erase() {
    if SHOWN.load(Ordering::Relaxed) > 0 {
        replace(&mut io::stderr(), "");
        let _ = io::stderr().write_all(b"\r");
    }
}

/// Writes `line`, which is ASCII, over the one before.
fn replace(terminal: &mut impl Write, line: &str) {
    let width = SHOWN.swap(line.len(), Ordering::Relaxed);
    // In one piece, so that the line does not flicker. Where nobody can be told, nothing is left to do.
    let _ = terminal.write_all(format!("\r{line:<width$}").as_bytes());
}

/// Short enough for 80 columns with tens of millions of messages, because a line that wraps cannot be taken back.
fn line(status: &Status) -> String {
    let Status { phase, queued, in_flight, totals, .. } = status;
    let sent = totals.sent + totals.acked + u64::try_from(*in_flight).unwrap_or(u64::MAX);
    format!("{sent} sent, {} acked, {queued} queued, {} dropped; {phase}", totals.acked, totals.dropped())
}

#[cfg(test)]
mod tests {
    use thingwire_std::{Driver, Options};

    use super::*;

    fn status() -> Status {
        let options = Options::plain("localhost", "id").expect("valid");
        Driver::new(options).expect("a driver").client().status()
    }

    #[test]
    fn a_line_says_it_all_in_80_columns() {
        let mut status = status();
        assert_eq!(line(&status), "0 sent, 0 acked, 0 queued, 0 dropped; idle");
        (status.totals.sent, status.totals.acked, status.in_flight) = (1, 20, 300);
        (status.totals.evicted, status.queued) = (4_000, 50_000);
        assert_eq!(line(&status), "321 sent, 20 acked, 50000 queued, 4000 dropped; idle");
        (status.totals.acked, status.totals.evicted, status.queued) = (99_999_000, 999, 99_999);
        assert!(line(&status).len() + "waiting to reconnect".len() - "idle".len() < 80);
    }

    #[test]
    fn a_shorter_line_leaves_nothing_of_a_longer_one() {
        let mut terminal = Vec::new();
        for line in ["longer", "short", ""] {
            replace(&mut terminal, line);
        }
        assert_eq!(String::from_utf8(terminal).expect("text"), "\rlonger\rshort \r     ");
    }

    #[test]
    fn without_a_terminal_there_is_no_line() {
        let mut progress = Progress { next_at: None };
        progress.show(|| unreachable!("nobody asks"));
        assert_eq!(progress.limit(), None);
    }
}
