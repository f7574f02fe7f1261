//! A client over mutual TLS, on the program's own thread.

use std::time::Duration;

use thingwire_std::{Driver, Filter, Notice, Options, Publish, Qos, Topic};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("HOST PORT CERTIFICATE KEY ROOT");
    let (host, port, certificate, key, root) = (next()?, next()?, next()?, next()?, next()?);
    let options = Options::mtls_from_path(&format!("{host}:{port}"), "driver", certificate, key, root)?;
    let mut driver = Driver::new(options.with(|config| config.keep_alive = Duration::from_secs(30)))?;
    driver.start();
    let subscription = driver.subscribe(vec![(Filter::new("a")?, Qos::AtLeastOnce)])?;
    while let Some(notice) = driver.next(None) {
        if matches!(notice, Notice::Done { ticket, .. } if ticket == subscription) {
            println!("ready");
            driver.publish(Publish::new(Topic::new("a")?, "hello"))?;
        }
    }
    Ok(())
}
