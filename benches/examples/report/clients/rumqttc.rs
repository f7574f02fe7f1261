//! rumqttc's asynchronous client, on one thread of tokio's.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_lite::future;
use rumqttc::{
    AsyncClient, ClientError, Event, EventLoop, MqttOptions, NetworkOptions, Packet, QoS, TlsConfiguration, Transport,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thingwire_benches::{PAYLOAD_LEN, TOPIC};
use tokio::runtime::{Builder, Runtime};

use super::{FED, Server, WINDOW};
use crate::Result;

pub(super) struct Rumqttc {
    runtime: Runtime,
    client: AsyncClient,
    events: EventLoop,
}

impl Rumqttc {
    pub(super) fn connect(server: &Server) -> Result<Self> {
        let mut options = MqttOptions::new("rumqttc", "localhost", server.port);
        options.set_inflight(u16::try_from(WINDOW)?).set_keep_alive(Duration::from_secs(60));
        if let Some(files) = &server.tls {
            let config = TlsConfiguration::Rustls(Arc::new(tls(files)?));
            options.set_transport(Transport::tls_with_config(config));
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (client, mut events) = AsyncClient::new(options, WINDOW);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        runtime.block_on(until(&mut events, 1, |packet| matches!(packet, Packet::ConnAck(_))))?;
        Ok(Self { runtime, client, events })
    }

    /// Publishes, and meanwhile waits for `acks` acknowledgements.
    fn publish(&mut self, work: impl AsyncFnOnce(AsyncClient) -> Result<()>, acks: usize) -> Result<()> {
        let Self { runtime, client, events } = self;
        let work = work(client.clone());
        runtime.block_on(async {
            let acked = until(events, acks, |packet| matches!(packet, Packet::PubAck(_)));
            future::try_zip(work, acked).await.map(drop)
        })
    }
}

impl super::Client for Rumqttc {
    fn burst(&mut self, count: usize) -> Result<()> {
        let work = async move |client: AsyncClient| {
            for _ in 1..count {
                publish(&client, QoS::AtMostOnce).await?;
            }
            Ok(publish(&client, QoS::AtLeastOnce).await?)
        };
        self.publish(work, 1)
    }

    fn window(&mut self, count: usize) -> Result<()> {
        let work = async move |client: AsyncClient| {
            for _ in 0..count {
                publish(&client, QoS::AtLeastOnce).await?;
            }
            Ok(())
        };
        self.publish(work, count)
    }

    fn single(&mut self, count: usize) -> Result<()> {
        let Self { runtime, client, events } = self;
        runtime.block_on(async {
            for _ in 0..count {
                publish(client, QoS::AtLeastOnce).await?;
                until(events, 1, |packet| matches!(packet, Packet::PubAck(_))).await?;
            }
            Ok(())
        })
    }

    fn subscribe(&mut self) -> Result<()> {
        let Self { runtime, client, events } = self;
        runtime.block_on(async {
            client.subscribe(FED, QoS::AtLeastOnce).await?;
            until(events, 1, |packet| matches!(packet, Packet::SubAck(_))).await
        })
    }

    fn receive(&mut self, count: usize) -> Result<()> {
        let Self { runtime, events, .. } = self;
        runtime.block_on(until(events, count, |packet| matches!(packet, Packet::Publish(_))))
    }
}

fn publish(client: &AsyncClient, qos: QoS) -> impl Future<Output = std::result::Result<(), ClientError>> + '_ {
    client.publish_bytes(TOPIC, qos, false, Bytes::copy_from_slice(&[0x2a; PAYLOAD_LEN]))
}

/// Drives the client until so many of these packets have come.
async fn until(events: &mut EventLoop, count: usize, wanted: impl Fn(&Packet) -> bool) -> Result<()> {
    let mut left = count;
    while left > 0 {
        if let Event::Incoming(packet) = events.poll().await? {
            left -= usize::from(wanted(&packet));
        }
    }
    Ok(())
}

fn tls([root, cert, key]: &[Vec<u8>; 3]) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root)?)?;
    let chain = vec![CertificateDer::from_pem_slice(cert)?];
    // A PEM error may hold the key.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "no key in the file")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_client_auth_cert(chain, key)?)
}
