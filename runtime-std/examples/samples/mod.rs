//! What the samples have in common: their flags, and how to connect.
#![allow(dead_code, unused_imports, reason = "no sample needs all of it")]

mod flags;
pub(crate) mod pub_sub;
pub(crate) mod scratch;
#[cfg(unix)]
pub(crate) mod things;

use thingwire_sim::double::Double;
use thingwire_std::{Client, Deltas, Options};

pub(crate) use flags::*;

impl Connection {
    /// A client that is ready, and the double that it talks to if there is one, which serves until it is dropped.
    pub(crate) fn open(&self, default_id: &str) -> Result<(Client, Option<Double>), Failure> {
        let (options, double) = self.way(default_id)?;
        Ok((connect(options)?, double))
    }
}

/// A client that is ready.
pub(crate) fn connect(options: Options) -> Result<Client, Failure> {
    let client = Client::connect(options)?;
    // From here on a lost connection comes back by itself. A first one that fails is more likely a wrong flag.
    client.wait_ready_or_error(PATIENCE)?;
    Ok(client)
}

/// Waits until the deltas are subscribed to, and tells how another sample reaches the double, if there is one.
pub(crate) fn invite(deltas: &Deltas, double: Option<&Double>) -> Result<(), Failure> {
    if deltas.granted(PATIENCE).is_none() {
        return Err("the server does not grant the subscription to the deltas; check the policy".into());
    }
    invite_to(double);
    Ok(())
}
