//! Standard output, on a thread of its own: a reader that is slow or asleep, such as a pager, does not hold up the
//! connection.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use serde_json::json;
use thingwire_std::{AckToken, Driver, Message, Waker};

use crate::args::Format;
use crate::failure::{Code, Failure};

/// Lines that may wait here before reading from the server stops.
const WAITING_MAX: u64 = 100;

/// The way to standard output.
#[derive(Debug)]
pub(crate) struct Output {
    lines: Sender<Line>,
    written: Receiver<io::Result<Option<AckToken>>>,
    /// Lines on the way.
    waiting: u64,
}

/// What is to be written, with what acknowledges it.
#[derive(Debug)]
struct Line {
    bytes: Vec<u8>,
    ack: Option<AckToken>,
}

impl Output {
    pub(crate) fn start(waker: Waker) -> Result<Self, Failure> {
        let (lines, queue) = channel::<Line>();
        let (report, written) = channel();
        let write = move || {
            for Line { mut bytes, ack } in queue {
                bytes.push(b'\n');
                let result = write(&bytes).map(|()| ack);
                let failed = result.is_err();
                if report.send(result).is_err() || failed {
                    break;
                }
                waker.wake();
            }
            waker.wake();
        };
        let failed = |error| Failure::new(Code::Other, format!("no thread to write standard output: {error}"));
        thread::Builder::new().name("stdout".to_owned()).spawn(write).map_err(failed)?;
        Ok(Self { lines, written, waiting: 0 })
    }

    /// Writes a line when its turn comes; `ack` is acknowledged then.
    pub(crate) fn write(&mut self, bytes: Vec<u8>, ack: Option<AckToken>) {
        self.waiting += 1;
        // After a failed write the thread has ended; `settle` tells why.
        let _ = self.lines.send(Line { bytes, ack });
    }

    /// Lines that are not written yet, as far as `settle` knows.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Whether it is time to stop reading from the server.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting >= WAITING_MAX
    }

    /// Acknowledges what was written since the last time. False when nobody reads any more, as in
    /// `thingwire sub … | head -1`.
    pub(crate) fn settle(&mut self, driver: &mut Driver) -> Result<bool, Failure> {
        loop {
            match self.written.try_recv() {
                Ok(Ok(ack)) => {
                    self.waiting -= 1;
                    if let Some(token) = ack {
                        driver.ack(token);
                    }
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
                Ok(Err(error)) => {
                    return Err(Failure::new(Code::Other, format!("cannot write to standard output: {error}")));
                }
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }
}

fn write(line: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(line)?;
    stdout.flush()
}

/// The message as one line; in text format, as the lines of its payload.
pub(crate) fn encode(format: Format, message: &Message) -> Vec<u8> {
    match format {
        Format::Text => message.payload.to_vec(),
        Format::Json => encode_json(message).into_bytes(),
    }
}

fn encode_json(message: &Message) -> String {
    let (field, payload) = match std::str::from_utf8(&message.payload) {
        Ok(text) => ("payload", text.to_owned()),
        Err(_) => ("payload_hex", hexadecimal(&message.payload)),
    };
    json!({
        "topic": message.topic.as_str(),
        "qos": message.qos as u8,
        "retain": message.retain,
        "duplicate": message.duplicate,
        field: payload,
    })
    .to_string()
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
