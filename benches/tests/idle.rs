//! What idle clients keep of memory. Bytes are counted, so they are asserted.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use async_executor::LocalExecutor;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use thingwire_smol::{Client, Options};

const CLIENTS: usize = 200;

/// What a client may keep while it has nothing to do, in bytes: its state, its part of the executor and the reactor, and
/// its TLS connection.
const EACH_MAX: usize = 40 * 1024;

#[test]
fn an_idle_client_over_tls_keeps_less_than_forty_kibibytes() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let server = server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("127.0.0.1:{}", listener.local_addr().expect("an address").port());
    let server = Arc::new(server);
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, server) = (socket.expect("a connection"), Arc::clone(&server));
            thread::spawn(move || serve(socket, server));
        }
    });
    let options = Options::tls_from_pem(&endpoint, "", made.cert.pem().as_bytes()).expect("valid");
    let options = named(options).with(|config| config.keep_alive = Duration::ZERO);

    let executor = LocalExecutor::new();
    let mut clients = Vec::new();
    // The first makes what all of them share.
    clients.extend(connect(&executor, &options, 1));
    let kept = measure(|| clients.extend(connect(&executor, &options, CLIENTS)));
    let each = usize::try_from(kept.bytes_current).expect("they keep something") / CLIENTS;
    assert!(each <= EACH_MAX, "{each} bytes");
}

/// The certificate is for a name, and nothing is looked up.
fn named(mut options: Options) -> Options {
    if let thingwire_smol::Security::Tls(tls) = options.security {
        options.security = thingwire_smol::Security::Tls(tls.with_server_name("localhost").expect("a name"));
    }
    options
}

/// So many clients that are ready and have nothing to do.
fn connect(executor: &LocalExecutor<'_>, options: &Options, count: usize) -> Vec<Client> {
    let clients: Vec<_> = (0..count)
        .map(|_| {
            let options = options.clone().with(|config| config.client_id = "fleet".into());
            let (client, running) = thingwire_smol::connect(options).expect("valid");
            executor.spawn(running).detach();
            client
        })
        .collect();
    async_io::block_on(executor.run(async {
        for client in &clients {
            client.wait_ready().await.expect("it is accepted");
        }
    }));
    clients
}

/// Accepts one client, and listens until it is gone.
fn serve(socket: TcpStream, config: Arc<ServerConfig>) {
    let connection = ServerConnection::new(config).expect("valid");
    let mut stream = StreamOwned::new(connection, socket);
    let mut buffer = [0; 256];
    while let Ok(1..) = stream.read(&mut buffer) {
        if buffer[0] == 0x10 && stream.write_all(&[0x20, 2, 0, 0]).is_err() {
            return;
        }
        buffer[0] = 0;
    }
}
