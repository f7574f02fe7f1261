//! What lies between the client and the socket, as byte transformers: bytes in, bytes out, no socket.

mod authorizer;
#[cfg(feature = "websocket")]
pub(crate) mod credentials;
mod encoding;
mod endpoint;
pub(crate) mod http;
mod identity;
mod pem;
pub(crate) mod proxy;
mod roots;
pub mod sign;
#[cfg(feature = "websocket")]
pub mod sigv4;
pub(crate) mod stack;
mod supplies;
pub(crate) mod tls;
mod verifier;
#[cfg(feature = "websocket")]
pub(crate) mod websocket;
mod x509;

#[cfg(feature = "websocket")]
use crate::date;

pub use authorizer::Authorizer;
#[cfg(feature = "websocket")]
pub use credentials::{
    Credentials, CredentialsError, CredentialsPart, CredentialsProvider, CredentialsSource, NoCredentials,
};
pub use endpoint::{Endpoint, EndpointError};
pub use identity::Identity;
pub use pem::{PemError, PemFault, PemPart};
pub use proxy::{ProxyConfig, ProxyKind};
pub use roots::Roots;
pub use supplies::Supplies;
pub use tls::TlsConfig;
#[cfg(feature = "websocket")]
pub use websocket::WebSocketConfig;
