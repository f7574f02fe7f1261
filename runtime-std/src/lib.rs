//! A device client for AWS IoT Core on blocking `std` threads.
//!
//! - [`Client`]: a handle to clone and share, with one background thread. Calls return at once; what becomes of them
//!   is in the [`Pending`] they return. Messages come out of a [`Subscription`].
//! - [`Shadow`]: a device shadow, with requests that always end and deltas that are not missed.
//! - [`RunningThing`]: devices on serial ports and sockets, and the shadow they share.
//! - [`Driver`]: the same without a thread: your own thread calls [`Driver::next`].
//!
//! All behaviour is that of [`thingwire_core`]; this crate only moves bytes and sleeps. It never prints; it logs the
//! life of links through the `log` crate, without payloads, names of users, or secrets.
//!
//! ```no_run
//! use std::time::Duration;
//! use thingwire_std::{Client, Filter, Options, Publish, Qos, Topic};
//!
//! let options = Options::mtls_from_path(
//!     "example-ats.iot.eu-central-1.amazonaws.com",
//!     "kitchen-sensor",
//!     "device.pem.crt",
//!     "private.pem.key",
//!     "AmazonRootCA1.pem",
//! )?;
//! let client = Client::new(options)?;
//! let commands = client.subscribe(Filter::new("kitchen/commands/#")?, Qos::AtLeastOnce)?;
//! client.start();
//! client.wait_ready(Duration::from_secs(15))?;
//!
//! let sent = client.publish(Publish::new(Topic::new("kitchen/temperature")?, "21.5"))?;
//! let outcome = sent.wait(Duration::from_secs(10));
//! # let _ = outcome;
//! for message in commands {
//!     let (_topic, _payload) = (message.topic, message.payload);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Other ways to the service: [`Options::authorizer_from_path`] for custom authorizers, `Options::websocket_from_path`
//! (feature `websocket`) for AWS credentials, and with either, [`Options::with_proxy`] and
//! [`TlsConfig::with_server_name`].
//!
//! | bound | value |
//! |---|---|
//! | messages waiting in one subscription before reading stops | 1,024, or 4 MiB of payload |
//! | events waiting in one [`ShadowEvents`] or [`Deltas`] before reading stops | 1,024, or 4 MiB |
//! | notices waiting in one [`Notices`] before the oldest is dropped | 1,024, or 4 MiB of payload |
//! | a link that takes no bytes | 10 s, [`Config::write_timeout`] |
//! | the wait for a goodbye when the last [`Client`] is dropped | 1 s |

#![warn(missing_debug_implementations)]

mod client;
mod driver;
mod net;
mod notices;
mod pending;
#[cfg(unix)]
mod pumped;
mod shadow;
mod shadow_events;
mod subscription;
mod thing;
mod wait;
mod worker;

pub use thingwire_core;
pub use thingwire_core::handle::{Delivery, NotReady, PropertyState, ThingError, ThingNews, ThingOptions};
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

pub use client::Client;
pub use driver::{Driver, Waker};
pub use notices::Notices;
pub use pending::Pending;
#[cfg(unix)]
pub use pumped::pumped;
pub use shadow::{Shadow, ShadowPending};
pub use shadow_events::{Deltas, ShadowEvents};
pub use subscription::Subscription;
pub use thing::RunningThing;

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// So does the one in the page about shadows.
#[cfg(doctest)]
#[doc = include_str!("../../docs/shadows.md")]
struct ShadowsPage;

/// And the one about things.
#[cfg(doctest)]
#[doc = include_str!("../../docs/things.md")]
struct ThingsPage;
