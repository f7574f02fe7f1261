//! The runtime over real sockets, tested from outside: by the suite that every runtime has to pass, and by what only an
//! async one can do.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(dead_code, unreachable_pub, reason = "the handles that wait are those of another crate, all of them")]

mod cancellation;
mod driver;
mod executors;
#[path = "../../../runtime-std/tests/it/suite/mod.rs"]
mod suite;

/// What the suite tests: the handles of `thingwire-std`, which wait, over this runtime's loop.
mod runtime {
    pub(crate) use thingwire_smol::*;

    pub(crate) use crate::blocking_driver::Driver;
    pub(crate) use crate::client::Client;
    pub(crate) use crate::notices::Notices;
    pub(crate) use crate::pending::Pending;
    pub(crate) use crate::shadow::{Shadow, ShadowPending};
    pub(crate) use crate::shadow_events::{Deltas, ShadowEvents};
    pub(crate) use crate::subscription::Subscription;
}

mod blocking_driver;
#[path = "../../../runtime-std/src/client.rs"]
mod client;
#[path = "../../../runtime-std/src/notices.rs"]
mod notices;
#[path = "../../../runtime-std/src/pending.rs"]
mod pending;
#[path = "../../../runtime-std/src/shadow.rs"]
mod shadow;
#[path = "../../../runtime-std/src/shadow_events.rs"]
mod shadow_events;
#[path = "../../../runtime-std/src/subscription.rs"]
mod subscription;

/// What those files ask of a runtime.
mod wait {
    use std::time::Duration;

    use async_io::Timer;
    use futures_lite::future::{block_on, or};

    /// Waits at most for `limit`, and for ever without one; `None` when that was not long enough.
    pub(crate) fn wait<T>(future: impl Future<Output = T>, limit: Option<Duration>) -> Option<T> {
        block_on(or(async { Some(future.await) }, async {
            match limit {
                Some(limit) => drop(Timer::after(limit).await),
                None => std::future::pending().await,
            }
            None
        }))
    }
}

/// What those files ask of a runtime, too.
mod worker {
    use std::sync::LazyLock;
    use std::thread;

    use async_executor::Executor;
    use futures_lite::future::block_on;
    use thingwire_smol::thingwire_core::handle::Client;
    use thingwire_smol::{Options, SetupError};

    /// One thread for all clients of all tests.
    static EXECUTOR: LazyLock<&Executor<'static>> = LazyLock::new(|| {
        let executor: &'static Executor<'static> = Box::leak(Box::default());
        thread::spawn(|| block_on(executor.run(std::future::pending::<()>())));
        executor
    });

    pub(crate) fn start(options: Options) -> Result<Client, SetupError> {
        let (client, running) = thingwire_smol::client(options)?;
        EXECUTOR.spawn(running).detach();
        Ok(client)
    }
}
