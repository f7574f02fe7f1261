//! What lies between the client and the socket, as byte transformers: bytes in, bytes out, no socket.

pub mod authorizer;
#[cfg(feature = "websocket")]
pub mod credentials;
#[cfg(feature = "websocket")]
mod date;
mod encoding;
pub mod endpoint;
mod http;
pub mod identity;
pub mod pem;
pub mod proxy;
#[cfg(feature = "websocket")]
pub mod sigv4;
pub(crate) mod stack;
pub mod supplies;
pub mod tls;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use authorizer::Authorizer;
#[cfg(feature = "websocket")]
pub use credentials::{Credentials, CredentialsError, CredentialsPart, CredentialsSource};
pub use endpoint::{Endpoint, EndpointError};
pub use identity::{Identity, Roots};
pub use pem::{PemError, PemFault, PemPart};
pub use proxy::{ProxyConfig, ProxyKind};
pub use supplies::Supplies;
pub use tls::TlsConfig;
#[cfg(feature = "websocket")]
pub use websocket::WebSocketConfig;
