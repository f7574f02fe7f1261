//! What a signer of one's own is made of, for [`Identity::with_signer`](super::Identity::with_signer): rustls's own
//! types, of the version that this crate uses.

pub use rustls::pki_types::{AlgorithmIdentifier, SubjectPublicKeyInfoDer, alg_id};
pub use rustls::sign::{Signer, SigningKey, public_key_to_spki};
pub use rustls::{Error, SignatureAlgorithm, SignatureScheme};
