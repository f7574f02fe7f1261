//! What the handles ask of a runtime: a client whose loop runs.

use std::future::pending;
use std::sync::LazyLock;
use std::thread;

use async_executor::Executor;
use futures_lite::future::block_on;
use thingwire_smol::thingwire_core::handle::Client;
use thingwire_smol::{Options, SetupError};

/// One thread for all clients of all tests.
static EXECUTOR: LazyLock<&Executor<'static>> = LazyLock::new(|| {
    let executor: &'static Executor<'static> = Box::leak(Box::default());
    thread::spawn(|| block_on(executor.run(pending::<()>())));
    executor
});

pub(crate) fn start(options: Options) -> Result<Client, SetupError> {
    let (client, running) = thingwire_smol::client(options)?;
    EXECUTOR.spawn(running).detach();
    Ok(client)
}
