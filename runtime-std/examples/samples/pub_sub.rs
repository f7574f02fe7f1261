//! Publishing a message a second, and printing what arrives on the same topic.

use std::thread;
use std::time::Duration;

use serde_json::json;
use thingwire_std::{Client, Outcome, Publish, Qos, Subscription};

use super::{Failure, Mode, PATIENCE, PubSub};

/// The time between two messages.
const PACE: Duration = Duration::from_secs(1);

impl PubSub {
    pub(crate) fn run(&self, client: &Client) -> Result<(), Failure> {
        let printer = match self.mode {
            Mode::Both | Mode::Subscribe => {
                let messages = self.subscribe(client)?;
                let count = self.count.unwrap_or(u64::MAX);
                Some(thread::spawn(move || print(messages, count)))
            }
            Mode::Publish => None,
        };
        if self.mode != Mode::Subscribe {
            self.publish(client);
        }
        if let Some(printer) = printer {
            printer.join().map_err(|_| "the printing thread has panicked")?;
        }
        client.stop(PATIENCE);
        Ok(())
    }

    fn subscribe(&self, client: &Client) -> Result<Subscription, Failure> {
        let messages = client.subscribe(self.topic.clone().into(), Qos::AtLeastOnce)?;
        match messages.granted(PATIENCE) {
            Some(Outcome::Subscribed(grants)) if grants.iter().all(Option::is_some) => Ok(messages),
            Some(outcome) => Err(format!("{}: {outcome}", self.topic).into()),
            None => Err("no connection to subscribe on".into()),
        }
    }

    fn publish(&self, client: &Client) {
        for sequence in 0..self.count.unwrap_or(u64::MAX) {
            if sequence > 0 {
                thread::sleep(PACE);
            }
            let payload = json!({ "message": self.message, "sequence": sequence }).to_string();
            match client.publish(Publish::new(self.topic.clone(), payload.clone())) {
                Ok(pending) => match pending.wait(PATIENCE) {
                    Some(Outcome::Acked) if self.mode == Mode::Publish => {
                        println!("Published topic {}: {payload}\n", self.topic);
                    }
                    Some(Outcome::Acked) => {}
                    Some(outcome) => eprintln!("message {sequence}: {outcome}"),
                    None => eprintln!("message {sequence} waits for the connection to come back"),
                },
                Err(refused) => eprintln!("message {sequence} is not sent: {refused}"),
            }
        }
    }
}

fn print(messages: Subscription, count: u64) {
    for (_, message) in (0..count).zip(messages) {
        println!("Received a new message: ");
        println!("{}", String::from_utf8_lossy(&message.payload));
        println!("from topic: ");
        println!("{}", message.topic);
        println!("--------------\n\n");
    }
}
