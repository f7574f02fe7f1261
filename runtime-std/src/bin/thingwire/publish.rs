//! `thingwire pub`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use bytes::Bytes;
use thingwire_std::{Config, Notice, Outcome, Publish, Qos, Refusal, Ticket, Topic, Waker};

use crate::args::{PubArguments, SourceArguments};
use crate::connection::Connection;
use crate::failure::{Code, Failure};
use crate::progress::Progress;
use crate::say;

/// Lines that are read ahead.
const LINES_AHEAD: usize = 16;

/// Messages that may be dropped before their news is read.
const EVICTED_AT_ONCE: u64 = 16;

/// Bytes in the longest topic.
const TOPIC_LEN_MAX: usize = 65_535;

pub(crate) fn run(arguments: PubArguments) -> Result<(), Failure> {
    let source = Source::choose(arguments.source)?;
    let mut connection = Connection::new(&arguments.connection, make_room)?;
    let many = matches!(source, Source::Lines);
    let payloads = source.open(&connection)?;
    let mut publisher = Publisher {
        topic: arguments.topic,
        qos: arguments.qos.qos,
        retain: arguments.retain,
        payloads: Some(payloads),
        refused: None,
        accepted: 0,
        outstanding: BTreeMap::new(),
        evicted: 0,
        failure: None,
    };
    publisher.feed(&mut connection);
    if let Some(failure) = publisher.failure.take_if(|_| publisher.outstanding.is_empty()) {
        return Err(failure); // without a connection that nothing needs
    }
    connection.start();
    let result = publisher.run(&mut connection, Progress::start(many));
    connection.stop();
    connection.tell_status();
    let evicted = connection.driver.client().status().totals.evicted;
    let result = result.map_err(|failure| failure.or_if_silent(|| publisher.left_over(evicted)));
    report_evicted(evicted, result)
}

/// The largest message that the server takes fits into the queue.
fn make_room(config: &mut Config) {
    let largest = config.limits.payload_len_max.saturating_add(TOPIC_LEN_MAX);
    config.queue.bytes_max = config.queue.bytes_max.max(largest);
}

/// Where the payloads come from.
enum Source {
    One(Bytes),
    Lines,
}

impl Source {
    fn choose(arguments: SourceArguments) -> Result<Self, Failure> {
        match (arguments.message, arguments.file, arguments.lines) {
            (Some(text), None, false) => Ok(Self::One(text.into())),
            (None, Some(path), false) => Ok(Self::One(read(&path)?)),
            (None, None, true) => Ok(Self::Lines),
            _ => Err(Failure::usage("give exactly one of --message, --file and --lines")),
        }
    }

    /// The payloads in order. When the sender is gone, there are no more.
    fn open(self, connection: &Connection) -> Result<Receiver<Result<Bytes, Failure>>, Failure> {
        let (sender, payloads) = sync_channel(LINES_AHEAD);
        match self {
            Self::One(payload) => {
                // There is room for it.
                let _ = sender.send(Ok(payload));
            }
            Self::Lines => {
                let waker = connection.driver.waker();
                let len_max = connection.limits.payload_len_max;
                let failed = |error| Failure::new(Code::Other, format!("no thread to read standard input: {error}"));
                let read = move || read_lines(sender, &waker, len_max);
                thread::Builder::new().name("stdin".to_owned()).spawn(read).map_err(failed)?;
            }
        }
        Ok(payloads)
    }
}

fn read(path: &Path) -> Result<Bytes, Failure> {
    let failed = |error| Failure::usage(format!("--file: cannot read {}: {error}", path.display()));
    std::fs::read(path).map(Bytes::from).map_err(failed)
}

/// Sends the lines of standard input until its end, or until nobody wants them any more.
fn read_lines(sender: SyncSender<Result<Bytes, Failure>>, waker: &Waker, len_max: usize) {
    let mut input = io::stdin().lock();
    let mut number = 0_u64;
    loop {
        number += 1;
        let line = read_line(&mut input, len_max, number).transpose();
        let Some(line) = line else { break };
        let last = line.is_err();
        if sender.send(line).is_err() || last {
            break;
        }
        waker.wake();
    }
    // First the end, then the news of it.
    drop(sender);
    waker.wake();
}

/// One line without its newline; `None` at the end. A line that is too long to be sent is not kept in memory either.
fn read_line(input: &mut impl BufRead, len_max: usize, number: u64) -> Result<Option<Bytes>, Failure> {
    let mut line = Vec::new();
    let limit = u64::try_from(len_max).unwrap_or(u64::MAX).saturating_add(1);
    let failed = |error| Failure::new(Code::Other, format!("cannot read standard input: {error}"));
    if input.take(limit).read_until(b'\n', &mut line).map_err(failed)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.len() > len_max {
        return Err(Failure::usage(format!("line {number} is too long; the service takes {len_max} bytes")));
    }
    Ok(Some(line.into()))
}

struct Publisher {
    topic: Topic,
    qos: Qos,
    retain: bool,
    /// `None` after the last one.
    payloads: Option<Receiver<Result<Bytes, Failure>>>,
    /// The message that waits for room in the queue.
    refused: Option<Publish>,
    /// Messages that the client has accepted.
    accepted: u64,
    /// Those of them that have not ended yet, with their numbers from 1.
    outstanding: BTreeMap<Ticket, u64>,
    /// How many made room for newer ones, as far as the news is read.
    evicted: u64,
    /// Why no more is published. What was accepted before is still delivered.
    failure: Option<Failure>,
}

impl Publisher {
    /// Publishes everything, and waits for how it ends.
    fn run(&mut self, connection: &mut Connection, mut progress: Progress) -> Result<(), Failure> {
        loop {
            self.feed(connection);
            if self.payloads.is_none() && self.refused.is_none() && self.outstanding.is_empty() {
                return self.failure.take().map_or(Ok(()), Err);
            }
            let notice = connection.next(progress.limit())?;
            connection.tell_change();
            if let Some(Notice::Done { ticket, outcome }) = notice {
                self.ended(ticket, &outcome)?;
            }
            progress.show(|| connection.driver.client().status());
        }
    }

    /// Hands the client what there is, up to the first failure.
    fn feed(&mut self, connection: &mut Connection) {
        if let Err(failure) = self.try_feed(connection) {
            self.failure = Some(failure);
            self.payloads = None;
            self.refused = None;
        }
    }

    /// Hands the client what is there, in order, while it has room.
    fn try_feed(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        while let Some(publish) = self.next()? {
            let wait = connection.drops_needlessly(&publish) || self.is_behind(connection);
            if wait && !self.outstanding.is_empty() {
                self.refused = Some(publish);
                break;
            }
            match connection.driver.publish(publish) {
                Ok(ticket) => {
                    self.accepted += 1;
                    self.outstanding.insert(ticket, self.accepted);
                }
                // There is room again when one of those has ended, or when there is a connection.
                Err(refused) if self.will_fit(&refused.why) => {
                    self.refused = Some(refused.value);
                    break;
                }
                Err(refused) => return Err(self.impossible(&refused.why)),
            }
        }
        Ok(())
    }

    /// The next message that is there by now.
    fn next(&mut self) -> Result<Option<Publish>, Failure> {
        if self.refused.is_some() {
            return Ok(self.refused.take());
        }
        let Some(payloads) = &self.payloads else { return Ok(None) };
        match payloads.try_recv() {
            Ok(payload) => Ok(Some(Publish::new(self.topic.clone(), payload?).qos(self.qos).retain(self.retain))),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => {
                self.payloads = None;
                Ok(None)
            }
        }
    }

    /// Whether there is news of dropped messages to read first. A fast input would otherwise leave no time for the
    /// connection, and the news would pile up.
    fn is_behind(&self, connection: &mut Connection) -> bool {
        let evicted = connection.driver.client().status().totals.evicted;
        evicted.saturating_sub(self.evicted) >= EVICTED_AT_ONCE
    }

    fn will_fit(&self, why: &Refusal) -> bool {
        match why {
            Refusal::QueueFull { .. } | Refusal::QueueFullOfBytes { .. } => !self.outstanding.is_empty(),
            Refusal::Offline => true,
            _ => false,
        }
    }

    fn impossible(&self, why: &Refusal) -> Failure {
        let what = match why {
            Refusal::PayloadTooLong { .. } => format!("message {}", self.accepted + 1),
            _ => format!("--topic {}", self.topic),
        };
        Failure::refusal(&what, why)
    }

    fn ended(&mut self, ticket: Ticket, outcome: &Outcome) -> Result<(), Failure> {
        let number = self.outstanding.remove(&ticket).unwrap_or_default();
        match outcome {
            Outcome::Sent | Outcome::Acked => Ok(()),
            // The user has asked for it; how many is told at the end.
            Outcome::Evicted => {
                self.evicted += 1;
                Ok(())
            }
            Outcome::ConnectionClosed { .. } => {
                Err(Failure::new(Code::Refused, format!("message {number}: {outcome}")))
            }
            _ => Err(Failure::new(Code::Other, format!("message {number}: {outcome}"))),
        }
    }

    /// What to say when the user does not wait for the end. `evicted` is how many made room for newer ones in all.
    fn left_over(&self, evicted: u64) -> Option<String> {
        let unread = usize::try_from(evicted.saturating_sub(self.evicted)).unwrap_or(usize::MAX);
        let count = self.outstanding.len().saturating_sub(unread) + usize::from(self.refused.is_some());
        let what = if count == 1 { "1 message is" } else { &format!("{count} messages are") };
        (count > 0).then(|| format!("interrupted: {what} not acknowledged, and may or may not have arrived"))
    }
}

/// Losses are a failure even where all else went well.
fn report_evicted(count: u64, result: Result<(), Failure>) -> Result<(), Failure> {
    if count == 0 {
        return result;
    }
    let what = if count == 1 { "1 message was" } else { &format!("{count} messages were") };
    let text = format!("{what} dropped from the full offline queue; a longer --offline-queue keeps more");
    match result {
        Ok(()) => Err(Failure::new(Code::Other, text)),
        Err(failure) => {
            say(text);
            Err(failure)
        }
    }
}
