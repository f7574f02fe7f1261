//! `thingwire_std::Client`: the application's thread, and one of the client's own.

use std::collections::VecDeque;

use thingwire_std::{Outcome, Pending, Qos, Subscription, Topic};

use super::{PATIENCE, Server, WINDOW, fed, message, topic};
use crate::Result;

pub(super) struct Threaded {
    client: thingwire_std::Client,
    topic: Topic,
    subscription: Option<Subscription>,
}

impl Threaded {
    pub(super) fn connect(server: &Server) -> Result<Self> {
        let client = thingwire_std::Client::connect(server.options("threaded")?)?;
        client.wait_ready(PATIENCE)?;
        Ok(Self { client, topic: topic()?, subscription: None })
    }

    fn publish(&self, qos: Qos) -> Result<Pending> {
        Ok(self.client.publish(message(&self.topic, qos))?)
    }
}

impl super::Client for Threaded {
    fn burst(&mut self, count: usize) -> Result<()> {
        for _ in 1..count {
            self.publish(Qos::AtMostOnce)?;
        }
        acked(&self.publish(Qos::AtLeastOnce)?)
    }

    fn window(&mut self, count: usize) -> Result<()> {
        let mut window = VecDeque::new();
        for _ in 0..count {
            if window.len() == WINDOW {
                window.pop_front().map_or(Ok(()), |oldest| acked(&oldest))?;
            }
            window.push_back(self.publish(Qos::AtLeastOnce)?);
        }
        window.iter().try_for_each(acked)
    }

    fn single(&mut self, count: usize) -> Result<()> {
        (0..count).try_for_each(|_| acked(&self.publish(Qos::AtLeastOnce)?))
    }

    fn subscribe(&mut self) -> Result<()> {
        let subscription = self.client.subscribe(fed()?, Qos::AtLeastOnce)?;
        subscription.granted(PATIENCE).ok_or("not granted")?;
        self.subscription = Some(subscription);
        Ok(())
    }

    fn receive(&mut self, count: usize) -> Result<()> {
        let subscription = self.subscription.as_ref().ok_or("not subscribed")?;
        (0..count).try_for_each(|_| subscription.recv(PATIENCE).map(drop).ok_or_else(|| "no message".into()))
    }
}

fn acked(pending: &Pending) -> Result<()> {
    match pending.wait(PATIENCE) {
        Some(Outcome::Acked) => Ok(()),
        other => Err(format!("not acknowledged: {other:?}").into()),
    }
}
