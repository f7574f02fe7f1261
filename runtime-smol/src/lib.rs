//! thingwire on async sockets: one future, any executor.
//!
//! [`Driver`] is the client with its socket. It does nothing between calls of [`Driver::next`]: await it in a loop,
//! and the connection lives; drop it, and the connection is gone. It runs on any executor, because sockets and
//! timers are those of `async-io`.
//!
//! ```no_run
//! use futures_lite::future::block_on;
//! use thingwire_smol::{Driver, Filter, Notice, Options, Qos};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::mtls_from_path(
//!     "example-ats.iot.eu-west-1.amazonaws.com",
//!     "kitchen-display",
//!     "device.pem.crt",
//!     "private.pem.key",
//!     "AmazonRootCA1.pem",
//! )?;
//! let mut driver = Driver::new(options)?;
//! driver.subscribe(vec![(Filter::new("kitchen/+")?, Qos::AtLeastOnce)])?;
//! driver.start();
//! block_on(async {
//!     loop {
//!         if let Notice::Message(message) = driver.next().await {
//!             println!("{}: {} bytes", message.topic, message.payload.len());
//!         }
//!     }
//! })
//! # }
//! ```

mod driver;
mod socket;

pub use driver::Driver;
#[cfg(feature = "websocket")]
pub use thingwire_core::sources;
#[cfg(feature = "trace")]
pub use thingwire_core::trace::RecordOptions;
pub use thingwire_core::{
    AckToken, BackoffConfig, Config, ConfigError, Drain, Filter, Instant, Jitter, Limits, LinkError, Message, Notice,
    Options, Outcome, Phase, Publish, Qos, QueueConfig, Refusal, Refused, Security, SetupError, Status, Ticket, Topic,
    TopicError, Totals, WhenFull, Will, transport,
};
