//! Watched device shadows.

use thingwire_core::{Config, Limits, ShadowName};

use crate::{Bench, message_to};

/// A client that watches shadows, and the deltas of each in turn.
pub struct Watched {
    bench: Bench,
    shadows: usize,
    version: usize,
}

impl Watched {
    /// Watches this many.
    ///
    /// # Panics
    ///
    /// When the client does not come online.
    pub fn new(shadows: usize) -> Self {
        let mut config = Config::new("bench");
        config.limits = Limits::none();
        (config.requests.filters_max, config.requests.watches_max) = (usize::MAX, shadows);
        let mut bench = Bench::with(config);
        bench.connect();
        for number in 0..shadows {
            bench.watch(ShadowName::classic(&format!("bench-{number}")).expect("a valid name"));
        }
        bench.drain();
        Self { bench, shadows, version: 0 }
    }

    /// The next deltas, as the service sends them.
    pub fn deltas(&mut self, count: usize) -> Vec<Vec<u8>> {
        let delta = |version| {
            let topic = format!("$aws/things/bench-{}/shadow/update/delta", version % self.shadows);
            let json = format!(r#"{{"version":{version},"timestamp":1700000000,"state":{{"x":{version}}}}}"#);
            message_to(&topic, json.as_bytes(), None)
        };
        let deltas = (self.version + 1..=self.version + count).map(delta).collect();
        self.version += count;
        deltas
    }

    /// Takes them; returns how many were told.
    pub fn take(&mut self, deltas: &[Vec<u8>]) -> usize {
        deltas.iter().map(|delta| self.bench.receive(delta)).sum()
    }
}
