//! Publishing a message a second, and printing what arrives on the same topic.

use std::time::Duration;

use async_io::Timer;
use futures_lite::{StreamExt, future};
use serde_json::json;
use thingwire_smol::{Client, Outcome, Publish, Qos, Subscription};

use super::{Failure, Mode, PubSub, in_time};

/// The time between two messages.
const PACE: Duration = Duration::from_secs(1);

impl PubSub {
    pub(crate) async fn run(&self, client: &Client) -> Result<(), Failure> {
        let messages = match self.mode {
            Mode::Both | Mode::Subscribe => Some(self.subscribe(client).await?),
            Mode::Publish => None,
        };
        let printing = async {
            if let Some(messages) = messages {
                let count = self.count.unwrap_or(u64::MAX);
                print(messages, count).await;
            }
        };
        let publishing = async {
            if self.mode != Mode::Subscribe {
                self.publish(client).await;
            }
        };
        future::zip(printing, publishing).await;
        in_time(client.stop()).await;
        Ok(())
    }

    async fn subscribe(&self, client: &Client) -> Result<Subscription, Failure> {
        let messages = client.subscribe(self.topic.clone().into(), Qos::AtLeastOnce)?;
        match in_time(messages.granted()).await.flatten() {
            Some(Outcome::Subscribed(grants)) if grants.iter().all(Option::is_some) => Ok(messages),
            Some(outcome) => Err(format!("{}: {outcome}", self.topic).into()),
            None => Err("no connection to subscribe on".into()),
        }
    }

    async fn publish(&self, client: &Client) {
        for sequence in 0..self.count.unwrap_or(u64::MAX) {
            if sequence > 0 {
                Timer::after(PACE).await;
            }
            let payload = json!({ "message": self.message, "sequence": sequence }).to_string();
            match client.publish(Publish::new(self.topic.clone(), payload.clone())) {
                Ok(pending) => match in_time(pending).await.flatten() {
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

async fn print(mut messages: Subscription, count: u64) {
    for _ in 0..count {
        let Some(message) = messages.next().await else { break };
        println!("Received a new message: ");
        println!("{}", String::from_utf8_lossy(&message.payload));
        println!("from topic: ");
        println!("{}", message.topic);
        println!("--------------\n\n");
    }
}
