//! `thingwire_smol::Client`: one thread for the application and the client.

use std::collections::VecDeque;
use std::future::Future;

use futures_lite::{StreamExt as _, future};
use thingwire_smol::{Outcome, Pending, Qos, Running, Subscription, Topic};

use super::{Server, WINDOW, fed, message, topic};
use crate::Result;

pub(super) struct Smol {
    client: thingwire_smol::Client,
    running: Running,
    topic: Topic,
    subscription: Option<Subscription>,
}

impl Smol {
    pub(super) fn connect(server: &Server) -> Result<Self> {
        let (client, mut running) = thingwire_smol::connect(server.options("smol")?)?;
        run(&mut running, async { Ok(client.wait_ready().await?) })?;
        Ok(Self { client, running, topic: topic()?, subscription: None })
    }
}

impl super::Client for Smol {
    fn burst(&mut self, count: usize) -> Result<()> {
        let Self { client, running, topic, .. } = self;
        run(running, async {
            for _ in 1..count {
                client.publish(message(topic, Qos::AtMostOnce))?;
            }
            acked(client.publish(message(topic, Qos::AtLeastOnce))?).await
        })
    }

    fn window(&mut self, count: usize) -> Result<()> {
        let Self { client, running, topic, .. } = self;
        run(running, async {
            let mut window = VecDeque::new();
            for _ in 0..count {
                if window.len() == WINDOW {
                    if let Some(oldest) = window.pop_front() {
                        acked(oldest).await?;
                    }
                }
                window.push_back(client.publish(message(topic, Qos::AtLeastOnce))?);
            }
            for pending in window {
                acked(pending).await?;
            }
            Ok(())
        })
    }

    fn single(&mut self, count: usize) -> Result<()> {
        let Self { client, running, topic, .. } = self;
        run(running, async {
            for _ in 0..count {
                acked(client.publish(message(topic, Qos::AtLeastOnce))?).await?;
            }
            Ok(())
        })
    }

    fn subscribe(&mut self) -> Result<()> {
        let Self { client, running, .. } = self;
        let subscription = client.subscribe(fed()?, Qos::AtLeastOnce)?;
        run(running, async { Ok(subscription.granted().await.map(drop).ok_or("not granted")?) })?;
        self.subscription = Some(subscription);
        Ok(())
    }

    fn receive(&mut self, count: usize) -> Result<()> {
        let Self { running, subscription, .. } = self;
        let subscription = subscription.as_mut().ok_or("not subscribed")?;
        run(running, async {
            for _ in 0..count {
                subscription.next().await.ok_or("the client is gone")?;
            }
            Ok(())
        })
    }
}

/// Drives the client's loop until the work is done.
fn run<T>(running: &mut Running, work: impl Future<Output = Result<T>>) -> Result<T> {
    async_io::block_on(future::or(work, async {
        running.await;
        Err("the client's loop has ended".into())
    }))
}

async fn acked(pending: Pending) -> Result<()> {
    match pending.await {
        Some(Outcome::Acked) => Ok(()),
        other => Err(format!("not acknowledged: {other:?}").into()),
    }
}
