//! rumqttc over mutual TLS, with the same cryptography.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{Client, Event, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
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
    let mut options = MqttOptions::new("rumqttc", host, port.parse()?);
    options.set_keep_alive(Duration::from_secs(30));
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(config))));
    let (client, mut connection) = Client::new(options, 10);
    let (granted, ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        while let Ok(Ok(event)) = connection.recv() {
            if let Event::Incoming(Packet::SubAck(_) | Packet::Publish(_)) = event {
                let _ = granted.send(());
            }
        }
    });
    client.subscribe("a", QoS::AtLeastOnce)?;
    ready.recv()?;
    println!("ready");
    client.publish("a", QoS::AtLeastOnce, false, "hello")?;
    ready.recv()?;
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
