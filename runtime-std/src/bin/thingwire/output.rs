//! Standard output, on a thread of its own: a reader that is slow or asleep, such as a pager, does not hold up the
//! connection.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use serde_json::json;
use thingwire_std::{AckToken, Message, Waker};

use crate::args::Format;
use crate::failure::{Code, Failure};

/// The way to standard output.
#[derive(Debug)]
pub(crate) struct Output {
    messages: Sender<Message>,
    written: Receiver<Written>,
}

/// One message was written, or could not be; with what acknowledges it.
type Written = io::Result<Option<AckToken>>;

impl Output {
    pub(crate) fn start(format: Format, waker: Waker) -> Result<Self, Failure> {
        let (messages, queue) = channel::<Message>();
        let (report, written) = channel();
        let write = move || {
            for message in queue {
                let result = write(&encode(format, &message)).map(|()| message.ack);
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
        Ok(Self { messages, written })
    }

    /// Writes `message` when its turn comes.
    pub(crate) fn write(&self, message: Message) {
        // After a failed write the thread has ended; `written` tells why.
        let _ = self.messages.send(message);
    }

    /// What has become of the next message, if that is known by now.
    pub(crate) fn written(&self) -> Result<Written, TryRecvError> {
        self.written.try_recv()
    }
}

fn write(line: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(line)?;
    stdout.flush()
}

/// The message as one line; in text format, as the lines of its payload.
fn encode(format: Format, message: &Message) -> Vec<u8> {
    let mut line = match format {
        Format::Text => message.payload.to_vec(),
        Format::Json => encode_json(message).into_bytes(),
    };
    line.push(b'\n');
    line
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
