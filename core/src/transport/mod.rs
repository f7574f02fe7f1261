//! What lies between the client and the socket, as byte transformers: bytes in, bytes out, no socket.

pub mod endpoint;
pub mod identity;
pub mod pem;
pub mod tls;

pub use endpoint::{Endpoint, EndpointError};
pub use identity::{Identity, Roots};
pub use pem::{PemError, PemFault, PemPart};
pub use tls::TlsConfig;
