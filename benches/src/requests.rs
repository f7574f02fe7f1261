//! Requests to a device shadow, with a service that answers them.

use thingwire_core::{Config, Limits, ShadowName, ShadowRequest, ShadowUpdate};

use crate::Bench;

/// Where the service says yes.
const ACCEPTED: &str = "$aws/things/bench/shadow/update/accepted";

/// Requests to one shadow, and the answers to them, made beforehand.
pub struct Requests {
    bench: Bench,
    calls: Vec<ShadowRequest>,
    replies: Vec<Vec<u8>>,
    answers: Vec<u8>,
}

impl Requests {
    /// A client that has asked once, so that the answers are subscribed to, and `count` updates of 64 bytes of state
    /// that it has not asked for yet.
    ///
    /// # Panics
    ///
    /// When the client does not come online.
    pub fn new(count: usize, in_flight_max: usize) -> Self {
        let mut config = Config::new("bench");
        config.limits = Limits::none();
        (config.requests.count_max, config.requests.in_flight_max) = (usize::MAX, in_flight_max);
        let mut bench = Bench::with(config);
        bench.connect();
        let shadow = ShadowName::classic("bench").expect("a valid name");
        let update = ShadowUpdate::from_json(format!(r#"{{"state":{{"reported":{{"x":"{}"}}}}}}"#, "x".repeat(56)));
        let update = update.expect("a valid update");
        let token = |number: usize| format!("{:016x}-{number:06}", 0x1234_5678_9abc_def0_u64);
        let request = |number| ShadowRequest::update(shadow.clone(), update.clone()).token(token(number));
        let reply = |number| {
            let token = token(number);
            let json = format!(
                r#"{{"state":{{"reported":{{"x":"{}"}}}},"metadata":{{"reported":{{"x":{{"timestamp":1700000000}}}}}},"version":7,"timestamp":1700000000,"clientToken":"{token}"}}"#,
                "x".repeat(56)
            );
            crate::message_to(ACCEPTED, json.as_bytes(), None)
        };
        let calls = (0..count).map(request).collect();
        let replies = (0..count).map(reply).collect();
        let mut this = Self { bench, calls, replies, answers: Vec::new() };
        this.bench.shadow(ShadowRequest::update(shadow, update.clone()).token("first"));
        this.bench.transmit();
        this.bench.receive(&[0x90, 4, 0, 1, 1, 1]);
        this.answer(0..0);
        this.bench.receive(&crate::message_to(ACCEPTED, br#"{"clientToken":"first"}"#, None));
        this
    }

    /// Asks for these and sends them; nothing is answered.
    pub fn ask(&mut self, range: core::ops::Range<usize>) {
        for index in range {
            self.bench.shadow(self.calls[index].clone());
        }
    }

    /// Sends what was asked for, and takes the acknowledgements and the answers to these; returns how many ended.
    pub fn answer(&mut self, range: core::ops::Range<usize>) -> usize {
        let sent = self.bench.transmit();
        crate::acknowledge(sent, &mut self.answers);
        for reply in &self.replies[range] {
            self.answers.extend_from_slice(reply);
        }
        self.bench.receive(&self.answers)
    }
}
