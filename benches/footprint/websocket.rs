//! A client over mutual TLS, or over a signed WebSocket.

use std::time::Duration;

use thingwire_std::{Client, CredentialsSource, Filter, Options, Publish, Qos, Topic, WebSocketConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("HOST PORT CERTIFICATE KEY ROOT");
    let (host, port, certificate, key, root) = (next()?, next()?, next()?, next()?, next()?);
    let endpoint = format!("{host}:{port}");
    if certificate == "-" {
        let websocket = WebSocketConfig::signed(CredentialsSource::default_chain());
        return run(Options::websocket_from_path(&endpoint, "websocket", websocket, root)?);
    }
    run(Options::mtls_from_path(&endpoint, "websocket", certificate, key, root)?)
}

fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect(options.with(|config| config.keep_alive = Duration::from_secs(30)))?;
    let messages = client.subscribe(Filter::new("a")?, Qos::AtLeastOnce)?;
    messages.granted(Duration::from_secs(10)).ok_or("no answer")?;
    println!("ready");
    client.publish(Publish::new(Topic::new("a")?, "hello"))?;
    messages.recv(Duration::from_secs(10)).ok_or("no message")?;
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
