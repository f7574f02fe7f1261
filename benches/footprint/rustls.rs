//! A TLS connection and nothing else.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("HOST PORT CERTIFICATE KEY ROOT");
    let (host, port, certificate, key, root) = (next()?, next()?, next()?, next()?, next()?);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root)?)?;
    let chain = vec![CertificateDer::from_pem_file(certificate)?];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    let socket = TcpStream::connect((host.as_str(), port.parse()?))?;
    let connection = rustls::ClientConnection::new(Arc::new(config), host.try_into()?)?;
    let mut stream = rustls::StreamOwned::new(connection, socket);
    // CONNECT with a keep-alive of 0, and its answer.
    stream.write_all(b"\x10\x10\0\x04MQTT\x04\x02\0\0\0\x04bare")?;
    stream.read_exact(&mut [0; 4])?;
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
