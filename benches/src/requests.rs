//! Requests to device shadows, with a service that answers them.

use core::ops::Range;

use thingwire_core::{Config, Limits, ShadowName, ShadowRequest, ShadowUpdate};

use crate::{Bench, message_to};

/// Requests, and the answers to them, made beforehand.
pub struct Requests {
    bench: Bench,
    calls: Vec<ShadowRequest>,
    replies: Vec<Vec<u8>>,
    answers: Vec<u8>,
}

impl Requests {
    /// A client that has asked each of this many shadows once, so that the answers are subscribed to, and `count` updates
    /// of 64 bytes of state, to one shadow after the other, that it has not asked for yet.
    ///
    /// # Panics
    ///
    /// When the client does not come online.
    pub fn new(shadows: usize, count: usize, in_flight_max: usize) -> Self {
        let mut config = Config::new("bench");
        config.limits = Limits::none();
        let requests = &mut config.requests;
        (requests.count_max, requests.in_flight_max, requests.filters_max) = (usize::MAX, in_flight_max, usize::MAX);
        let mut bench = Bench::with(config);
        bench.connect();
        let update = ShadowUpdate::from_json(format!(r#"{{"state":{{"reported":{{"x":"{}"}}}}}}"#, "x".repeat(56)));
        let update = update.expect("a valid update");
        let request = |number: usize, token: &str| {
            let shadow = ShadowName::classic(&format!("bench-{}", number % shadows)).expect("a valid name");
            ShadowRequest::update(shadow, update.clone()).token(token)
        };
        let accepted = |number: usize, json: &str| {
            let topic = format!("$aws/things/bench-{}/shadow/update/accepted", number % shadows);
            message_to(&topic, json.as_bytes(), None)
        };
        for number in 0..shadows {
            bench.shadow(request(number, "first"));
            bench.drain();
            assert_eq!(bench.receive(&accepted(number, r#"{"clientToken":"first"}"#)), 1);
        }
        let token = |number: usize| format!("{:016x}-{number:06}", 0x1234_5678_9abc_def0_u64);
        let reply = |number| {
            let (token, x) = (token(number), "x".repeat(56));
            let json = format!(
                r#"{{"state":{{"reported":{{"x":"{x}"}}}},"metadata":{{"reported":{{"x":{{"timestamp":1700000000}}}}}},"version":7,"timestamp":1700000000,"clientToken":"{token}"}}"#,
            );
            accepted(number, &json)
        };
        let calls = (0..count).map(|number| request(number, &token(number))).collect();
        Self { bench, calls, replies: (0..count).map(reply).collect(), answers: Vec::new() }
    }

    /// Asks for these, and has all of them answered.
    ///
    /// # Panics
    ///
    /// When one of them does not end.
    pub fn exchange(&mut self, range: Range<usize>) {
        let count = range.len();
        self.ask(range.clone());
        assert_eq!(self.answer(range), count);
    }

    /// Asks for these and sends them; nothing is answered.
    pub fn ask(&mut self, range: Range<usize>) {
        for index in range {
            self.bench.shadow(self.calls[index].clone());
        }
    }

    /// Sends what was asked for, and takes the acknowledgements and the answers to these; returns how many ended.
    pub fn answer(&mut self, range: Range<usize>) -> usize {
        let sent = self.bench.transmit();
        crate::acknowledge(sent, &mut self.answers);
        for reply in &self.replies[range] {
            self.answers.extend_from_slice(reply);
        }
        self.bench.receive(&self.answers)
    }
}
