//! A client over mutual TLS.

use std::time::Duration;

use thingwire_std::{Client, Filter, Options, Publish, Qos, Topic};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("HOST PORT CERTIFICATE KEY ROOT");
    let (host, port, certificate, key, root) = (next()?, next()?, next()?, next()?, next()?);
    let options = Options::mtls_from_path(&format!("{host}:{port}"), "thingwire", certificate, key, root)?;
    run(options.with(|config| config.keep_alive = Duration::from_secs(30)))
}

fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect(options)?;
    let messages = client.subscribe(Filter::new("a")?, Qos::AtLeastOnce)?;
    messages.granted(Duration::from_secs(10)).ok_or("no answer")?;
    println!("ready");
    client.publish(Publish::new(Topic::new("a")?, "hello"))?;
    messages.recv(Duration::from_secs(10)).ok_or("no message")?;
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
