//! What the samples have in common: their flags, and how to connect.
#![allow(dead_code, unused_imports, reason = "no sample needs all of it")]

#[path = "../../../runtime-std/examples/samples/flags.rs"]
mod flags;
pub(crate) mod pub_sub;
#[path = "../../../runtime-std/examples/samples/scratch.rs"]
mod scratch;

use async_executor::LocalExecutor;
use async_io::Timer;
use futures_lite::FutureExt;
use thingwire_sim::double::Double;
use thingwire_smol::{Client, Deltas, Options};

pub(crate) use flags::*;

impl Connection {
    /// A client that is ready, and the double that it talks to if there is one, which serves until it is dropped.
    pub(crate) async fn open(
        &self,
        default_id: &str,
        executor: &LocalExecutor<'_>,
    ) -> Result<(Client, Option<Double>), Failure> {
        let (options, double) = self.way(default_id)?;
        Ok((connect(options, executor).await?, double))
    }
}

/// A client that is ready.
pub(crate) async fn connect(options: Options, executor: &LocalExecutor<'_>) -> Result<Client, Failure> {
    let (client, running) = thingwire_smol::connect(options)?;
    executor.spawn(running).detach();
    // From here on a lost connection comes back by itself. A first one that fails is more likely a wrong flag.
    match in_time(client.wait_ready_or_error()).await {
        Some(ready) => ready?,
        None => client.not_ready().map_or(Ok(()), Err)?,
    }
    Ok(client)
}

/// What comes within [`PATIENCE`].
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> Option<T> {
    let late = async {
        Timer::after(PATIENCE).await;
        None
    };
    async { Some(future.await) }.or(late).await
}

/// Waits until the deltas are subscribed to, and tells how another sample reaches the double, if there is one.
pub(crate) async fn invite(deltas: &Deltas, double: Option<&Double>) -> Result<(), Failure> {
    if in_time(deltas.granted()).await.flatten().is_none() {
        return Err("the server does not grant the subscription to the deltas; check the policy".into());
    }
    invite_to(double);
    Ok(())
}
