//! `thingwire sub`.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::TryRecvError;

use thingwire_std::{AckToken, Filter, Message, Notice, Outcome, Qos, Ticket};

use crate::args::SubArguments;
use crate::connection::Connection;
use crate::failure::{Code, Failure};
use crate::output::Output;

/// Messages that may wait for standard output before reading from the server stops.
const WAITING_MAX: u64 = 100;

pub(crate) fn run(arguments: &SubArguments) -> Result<(), Failure> {
    // A message is acknowledged once it is written, so that none is lost on the way to standard output.
    let mut connection = Connection::new(&arguments.connection, |config| {
        config.manual_acks = true;
        // Without its subscriptions there is nothing to do: none of them is refused or dropped for want of room.
        let requests = arguments.topics.len().div_ceil(config.limits.filters_per_request_max);
        config.queue.count_max = config.queue.count_max.map(|count_max| count_max.max(requests));
    })?;
    let asked = subscribe(&mut connection, &arguments.topics, arguments.qos.qos)?;
    let output = Output::start(arguments.format, connection.driver.waker())?;
    let mut subscriber = Subscriber { asked, output, left: arguments.count, waiting: 0 };
    connection.start();
    let result = subscriber.run(&mut connection);
    connection.stop();
    result
}

/// Asks for the filters, in as few requests as the server allows.
fn subscribe(
    connection: &mut Connection,
    filters: &[Filter],
    qos: Qos,
) -> Result<BTreeMap<Ticket, Vec<Filter>>, Failure> {
    let mut asked = BTreeMap::new();
    for filters in filters.chunks(connection.limits.filters_per_request_max) {
        let request = filters.iter().map(|filter| (filter.clone(), qos)).collect();
        match connection.driver.subscribe(request) {
            Ok(ticket) => asked.insert(ticket, filters.to_vec()),
            Err(refused) => {
                let names: Vec<&str> = filters.iter().map(Filter::as_str).collect();
                return Err(Failure::refusal(&format!("--topic {}", names.join(" ")), &refused.why));
            }
        };
    }
    Ok(asked)
}

struct Subscriber {
    /// What the server has not answered yet.
    asked: BTreeMap<Ticket, Vec<Filter>>,
    output: Output,
    /// How many messages are still wanted; `None` is all.
    left: Option<u64>,
    /// Messages on the way to standard output.
    waiting: u64,
}

impl Subscriber {
    /// Until enough is written, or nobody reads it any more.
    fn run(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        while self.left != Some(0) || self.waiting > 0 {
            match connection.next(None)? {
                Some(Notice::Message(message)) => self.write(message),
                Some(Notice::Done { ticket, outcome }) => self.answered(connection, ticket, &outcome)?,
                Some(Notice::SubscriptionLost { filter }) => return Err(refused(&filter)),
                _ => {}
            }
            match self.acknowledge(connection) {
                Ok(()) => {}
                // As in `thingwire sub … | head -1`.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                Err(error) => {
                    return Err(Failure::new(Code::Other, format!("cannot write to standard output: {error}")));
                }
            }
            connection.pause_input(self.waiting >= WAITING_MAX);
        }
        Ok(())
    }

    fn write(&mut self, message: Message) {
        // What is not wanted is not acknowledged either: a persistent session keeps it for the next call.
        if self.left != Some(0) {
            self.left = self.left.map(|left| left - 1);
            self.waiting += 1;
            self.output.write(message);
        }
    }

    /// Acknowledges what was written since the last time.
    fn acknowledge(&mut self, connection: &mut Connection) -> io::Result<()> {
        loop {
            match self.output.written() {
                Ok(written) => {
                    let token: Option<AckToken> = written?;
                    self.waiting -= 1;
                    if let Some(token) = token {
                        connection.driver.ack(token);
                    }
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }

    fn answered(&mut self, connection: &Connection, ticket: Ticket, outcome: &Outcome) -> Result<(), Failure> {
        let filters = self.asked.remove(&ticket).unwrap_or_default();
        if let Outcome::ConnectionClosed { .. } = outcome {
            return Err(Failure::new(Code::Refused, format!("SUBSCRIBE: {outcome}")));
        }
        let Outcome::Subscribed(grants) = outcome else {
            return Err(Failure::new(Code::Network, format!("SUBSCRIBE: {outcome}; check the network and the server")));
        };
        for (filter, grant) in filters.iter().zip(grants) {
            let Some(qos) = grant else { return Err(refused(filter)) };
            connection.tell(|| format!("subscribed to {filter} with QoS {}", *qos as u8));
        }
        Ok(())
    }
}

fn refused(filter: &Filter) -> Failure {
    let text =
        format!("the server refuses the subscription to {filter}; check that the policy allows iot:Subscribe for it");
    Failure::new(Code::Refused, text)
}
