//! The TLS side of the double, set up as AWS IoT Core is.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use crate::pki::Pki;

/// The protocols that are named on port 443: by devices, for custom authorizers, and for WebSockets.
const ALPN: [&[u8]; 3] = [b"x-amzn-mqtt-ca", b"mqtt", b"http/1.1"];

/// TLS 1.2 and 1.3, no resumption, and on demand a client certificate of the same authority; with visitors, others may
/// come without one, and name other protocols.
pub(super) fn server_config(pki: &Pki, client_auth: bool, visitors: bool) -> io::Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(rustls::ALL_VERSIONS).map_err(io::Error::other)?;
    let builder = if client_auth {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(pki.ca())?).map_err(io::Error::other)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = if visitors { verifier.allow_unauthenticated() } else { verifier };
        builder.with_client_cert_verifier(verifier.build().map_err(io::Error::other)?)
    } else {
        builder.with_no_client_auth()
    };
    let chain = vec![certificate(&pki.server().cert)?];
    let key = PrivateKeyDer::from_pem_slice(pki.server().key.as_bytes())
        .map_err(|_| io::Error::other("server key is not PEM"))?;
    let mut config = builder.with_single_cert(chain, key).map_err(io::Error::other)?;
    let protocols = if visitors { ALPN.len() } else { 1 };
    config.alpn_protocols = ALPN[..protocols].iter().map(|name| name.to_vec()).collect();
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

fn certificate(pem: &str) -> io::Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| io::Error::other("certificate is not PEM"))
}
