//! `thingwire sub`.

use std::collections::BTreeMap;

use thingwire_std::{Filter, Message, Notice, Outcome, Qos, Ticket};

use crate::args::{Format, SubArguments};
use crate::connection::Connection;
use crate::failure::{Code, Failure};
use crate::output::{Output, encode};

pub(crate) fn run(arguments: &SubArguments) -> Result<(), Failure> {
    // A message is acknowledged once it is written, so that none is lost on the way to standard output.
    let mut connection = Connection::new(&arguments.connection, |config| {
        config.manual_acks = true;
        // Without its subscriptions there is nothing to do: none of them is refused or dropped for want of room.
        let requests = arguments.topics.len().div_ceil(config.limits.filters_per_request_max);
        config.queue.count_max = config.queue.count_max.map(|count_max| count_max.max(requests));
    })?;
    let asked = subscribe(&mut connection, &arguments.topics, arguments.qos.qos)?;
    let output = Output::start(connection.driver.waker())?;
    let mut subscriber = Subscriber { asked, output, format: arguments.format, left: arguments.count };
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
    format: Format,
    /// How many messages are still wanted; `None` is all.
    left: Option<u64>,
}

impl Subscriber {
    /// Until enough is written, or nobody reads it any more.
    fn run(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        while self.left != Some(0) || self.output.waiting() > 0 {
            match connection.next(None)? {
                Some(Notice::Message(message)) => self.write(&message),
                Some(Notice::Done { ticket, outcome }) => self.answered(connection, ticket, &outcome)?,
                Some(Notice::SubscriptionLost { filter }) => return Err(refused(&filter)),
                _ => {}
            }
            if !self.output.settle(&mut connection.driver)? {
                break;
            }
            connection.pause_input(self.output.is_full());
        }
        Ok(())
    }

    fn write(&mut self, message: &Message) {
        // What is not wanted is not acknowledged either: a persistent session keeps it for the next call.
        if self.left != Some(0) {
            self.left = self.left.map(|left| left - 1);
            self.output.write(encode(self.format, message), message.ack);
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
