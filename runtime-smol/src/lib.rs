//! thingwire on async sockets: any executor.
//!
//! - [`connect`] gives a [`Client`], a handle to clone and share, and its loop: one future, for whatever executor there
//!   is. What becomes of a call is in the future that it returns. Messages come out of a [`Subscription`], which is a
//!   stream.
//! - [`Shadow`]: a device shadow, with requests that always end and deltas that are not missed.
//! - [`RunningThing`]: devices on serial ports and sockets, and the shadow they share.
//! - [`Driver`]: the same without a loop of its own: await [`Driver::next`].
//!
//! Sockets and timers are those of `async-io`, names are looked up on the pool of `blocking`: so there is no executor
//! that they do not run on, and thousands of clients fit in one thread.
//!
//! ```no_run
//! use futures_lite::{StreamExt, future};
//! use thingwire_smol::{Filter, Options, Publish, Qos, Topic};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::mtls_from_path(
//!     "example-ats.iot.eu-west-1.amazonaws.com",
//!     "kitchen-display",
//!     "device.pem.crt",
//!     "private.pem.key",
//!     "AmazonRootCA1.pem",
//! )?;
//! let (client, running) = thingwire_smol::client(options)?;
//! let mut commands = client.subscribe(Filter::new("kitchen/commands/#")?, Qos::AtLeastOnce)?;
//! client.start();
//! let work = async {
//!     client.wait_ready().await?;
//!     let outcome = client.publish(Publish::new(Topic::new("kitchen/temperature")?, "21.5"))?.await;
//! #   let _ = outcome;
//!     while let Some(message) = commands.next().await {
//!         println!("{}: {} bytes", message.topic, message.payload.len());
//!     }
//!     Ok(())
//! };
//! // Or hand `running` to an executor: `smol::spawn(running).detach()`, `tokio::spawn(running)`.
//! future::block_on(future::or(work, async {
//!     running.await;
//!     Ok(())
//! }))
//! # }
//! ```
//!
//! # Cancellation
//!
//! Every future may be dropped at any await, and leaves the client correct:
//!
//! | dropped | what that does |
//! |---|---|
//! | [`Pending`], [`ShadowPending`], and what their methods return | nothing: the operation goes on |
//! | [`Client::stop`] | nothing: it had begun with the call |
//! | [`Client::wait_ready`], [`Subscription::granted`] and the like | nothing: it only looked |
//! | [`Subscription::recv`], [`Notices::recv`], [`ShadowEvents::recv`], [`Deltas::recv`], [`RunningThing::news`] | nothing was taken |
//! | [`RunningThing::stop`] | nothing: it had begun with the call |
//! | [`RunningThing`] | the thing ends, the client stays |
//! | [`Subscription`], [`ShadowEvents`], [`Deltas`], [`Notices`] | the listening ends |
//! | [`Driver::next`] | nothing: all state is in the driver |
//! | [`Running`] | the client ends at once, without a goodbye |
//!
//! The bounds are those of `thingwire-std`, and all behaviour is that of [`thingwire_core`]; this crate only moves bytes
//! and sleeps. It never prints; it logs the life of links through the `log` crate, without payloads, names of users, or
//! secrets.

#![warn(missing_debug_implementations)]

mod alarm;
mod chunk;
mod driver;
mod pool;
#[cfg(unix)]
mod pumped;
mod running;
mod socket;

pub use thingwire_core;
#[doc(inline)]
pub use thingwire_core::handle::{
    Client, Delivery, Deltas, NotReady, Notices, Pending, PropertyState, RunningThing, Shadow, ShadowEvents,
    ShadowPending, Subscription, ThingError, ThingNews, ThingOptions,
};
pub use thingwire_core::ports::{OpenPort, PortError, PortFault};
#[cfg(feature = "websocket")]
pub use thingwire_core::sources::{CognitoPool, IotRole, SharedFiles, Variables};
#[cfg(feature = "trace")]
pub use thingwire_core::trace::RecordOptions;
pub use thingwire_core::transport::{
    Authorizer, Endpoint, EndpointError, Identity, PemError, PemFault, PemPart, ProxyConfig, ProxyKind, Roots,
    TlsConfig,
};
#[cfg(feature = "websocket")]
pub use thingwire_core::transport::{
    Credentials, CredentialsError, CredentialsPart, CredentialsProvider, CredentialsSource, NoCredentials,
    WebSocketConfig,
};
pub use thingwire_core::{
    AckToken, BackoffConfig, CertificateInfo, Config, ConfigError, ConnectRefusal, ConnectStage, Drain, Filter,
    FrameError, Instant, Jitter, Layer, Limits, Link, LinkError, Message, Notice, Options, Outcome, PacketKind,
    Password, Phase, ProtocolError, ProxyError, Publish, Qos, QueueConfig, Refusal, Refused, Security, SetupError,
    Status, TcpError, Ticket, TlsError, Topic, TopicError, Totals, UpgradeHeader, WebSocketError, WebSocketFault,
    WhenFull, Will,
};
pub use thingwire_core::{
    Delta, Document, Documents, JsonError, Malformed, NameError, Rejection, Reply, RequestConfig, Section, ShadowError,
    ShadowEvent, ShadowName, ShadowNotice, ShadowOperation, ShadowRequest, ShadowUpdate, ShadowWatch, Snapshot, Unsent,
    UpdateError, WhenOffline, WrongType,
};

pub use driver::Driver;
#[cfg(unix)]
pub use pumped::pumped;
pub use running::{Running, client, connect};
