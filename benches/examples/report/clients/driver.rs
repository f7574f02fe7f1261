//! `thingwire_std::Driver`: the application's thread and no other.

use std::time::Duration;

use thingwire_std::{Driver, Notice, Outcome, Phase, Qos, Topic};

use super::{PATIENCE, Server, WINDOW, fed, message, topic};
use crate::Result;

pub(super) struct Driven {
    driver: Driver,
    topic: Topic,
}

impl Driven {
    pub(super) fn connect(server: &Server) -> Result<Self> {
        let mut driver = Driver::new(server.options("driver")?)?;
        driver.start();
        while driver.client().phase() != Phase::Ready {
            driver.next(Some(PATIENCE)).ok_or("not ready")?;
        }
        Ok(Self { driver, topic: topic()? })
    }

    fn publish(&mut self, qos: Qos) -> Result<()> {
        self.driver.publish(message(&self.topic, qos))?;
        Ok(())
    }

    /// Waits until one operation has ended well.
    fn done(&mut self) -> Result<()> {
        loop {
            match self.driver.next(Some(PATIENCE)).ok_or("no answer")? {
                Notice::Done { outcome: Outcome::Acked | Outcome::Sent | Outcome::Subscribed(_), .. } => return Ok(()),
                Notice::Done { outcome, .. } => return Err(format!("ended as {outcome:?}").into()),
                _ => {}
            }
        }
    }

    /// Whether another operation has ended by now.
    fn acked(&mut self) -> bool {
        matches!(self.driver.next(Some(Duration::ZERO)), Some(Notice::Done { outcome: Outcome::Acked, .. }))
    }
}

impl super::Client for Driven {
    fn burst(&mut self, count: usize) -> Result<()> {
        // Nothing is sent while nobody calls it.
        for portion in (1..count).collect::<Vec<_>>().chunks(WINDOW) {
            portion.iter().try_for_each(|_| self.publish(Qos::AtMostOnce))?;
            portion.iter().try_for_each(|_| self.done())?;
        }
        self.publish(Qos::AtLeastOnce)?;
        self.done()
    }

    fn window(&mut self, count: usize) -> Result<()> {
        let (mut accepted, mut done) = (0, 0);
        while done < count {
            // As many as have been acknowledged, together.
            while accepted < count.min(done + WINDOW) {
                self.publish(Qos::AtLeastOnce)?;
                accepted += 1;
            }
            self.done()?;
            done += 1;
            while self.acked() {
                done += 1;
            }
        }
        Ok(())
    }

    fn single(&mut self, count: usize) -> Result<()> {
        (0..count).try_for_each(|_| {
            self.publish(Qos::AtLeastOnce)?;
            self.done()
        })
    }

    fn subscribe(&mut self) -> Result<()> {
        self.driver.subscribe(vec![(fed()?, Qos::AtLeastOnce)])?;
        self.done()
    }

    fn receive(&mut self, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            if let Notice::Message(_) = self.driver.next(Some(PATIENCE)).ok_or("no message")? {
                left -= 1;
            }
        }
        Ok(())
    }
}
