//! What lies between the client and the socket, as byte transformers: bytes in, bytes out, no socket.

pub mod authorizer;
#[cfg(feature = "websocket")]
pub mod credentials;
mod encoding;
pub mod endpoint;
pub(crate) mod http;
pub mod identity;
pub mod pem;
pub mod proxy;
pub mod roots;
pub mod sign;
#[cfg(feature = "websocket")]
pub mod sigv4;
pub(crate) mod stack;
pub mod supplies;
pub mod tls;
mod verifier;
#[cfg(feature = "websocket")]
pub mod websocket;
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
