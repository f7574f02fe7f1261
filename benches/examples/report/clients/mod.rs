//! One client in a process of its own, so that what it uses of the processor can be told.

mod driver;
mod rumqttc;
mod smol;
mod threaded;

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use thingwire_benches::{PAYLOAD_LEN, TOPIC};
use thingwire_std::{Drain, Filter, Limits, Options, Publish, Qos, Topic};

use crate::Result;
use thingwire_benches::report::measure::of_process;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many are under way at once where there is a window.
pub(crate) const WINDOW: usize = 100;

/// The filter that a receiving client subscribes to, and the topic of what is fed to it.
pub(crate) const FED: &str = "fed/factory/line-7/sensor-0042/temperature";

pub(crate) const NAMES: [&str; 4] = ["driver", "threaded", "smol", "rumqttc"];

/// What a client does.
pub(crate) const WORKS: [&str; 4] = ["burst", "window", "single", "receive"];

/// A connected client.
trait Client {
    /// Publishes `count` messages at QoS 0 as fast as it takes them, and waits until the server has had them.
    fn burst(&mut self, count: usize) -> Result<()>;

    /// The same at QoS 1, with at most [`WINDOW`] that are not acknowledged.
    fn window(&mut self, count: usize) -> Result<()>;

    /// Publishes `count` messages at QoS 1, each after the acknowledgement of the one before.
    fn single(&mut self, count: usize) -> Result<()>;

    /// Subscribes to [`FED`].
    fn subscribe(&mut self) -> Result<()>;

    /// Takes `count` messages.
    fn receive(&mut self, count: usize) -> Result<()>;
}

/// Where to, and how.
struct Server {
    port: u16,
    /// PEM of the root, the certificate and its key.
    tls: Option<[Vec<u8>; 3]>,
}

/// `NAME WORK COUNT PORT [ROOT CERTIFICATE KEY]`: prints the nanoseconds of processor time that the work took.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let [name, work, count, port, files @ ..] = arguments else { return Err("too few arguments".into()) };
    let tls = match files {
        [] => None,
        [root, cert, key] => Some([fs::read(root)?, fs::read(cert)?, fs::read(key)?]),
        _ => return Err("wrong files".into()),
    };
    let server = Server { port: port.parse()?, tls };
    let count = count.parse()?;
    let mut client: Box<dyn Client> = match *name {
        "driver" => Box::new(driver::Driven::connect(&server)?),
        "threaded" => Box::new(threaded::Threaded::connect(&server)?),
        "smol" => Box::new(smol::Smol::connect(&server)?),
        "rumqttc" => Box::new(rumqttc::Rumqttc::connect(&server)?),
        _ => return Err("no such client".into()),
    };
    if *work == "receive" {
        client.subscribe()?;
        // What was asked for may come from now on.
        println!("ready");
    }
    let mut step = |count| match *work {
        "burst" => client.burst(count),
        "window" => client.window(count),
        "single" => client.single(count),
        "receive" => client.receive(count),
        _ => Err("no such work".into()),
    };
    step(warm_up(count))?;
    let start = of_process();
    step(count)?;
    println!("{}", of_process().saturating_sub(start).as_nanos());
    std::io::stdout().flush()?;
    // The server's log and the feeder are the parent's: it says when to go.
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

/// Messages before those that count.
pub(crate) fn warm_up(count: usize) -> usize {
    count / 10
}

impl Server {
    fn options(&self, id: &str) -> Result<Options> {
        let endpoint = format!("localhost:{}", self.port);
        let options = match &self.tls {
            None => Options::plain(&endpoint, id)?,
            Some([root, cert, key]) => Options::mtls_from_pem(&endpoint, id, cert, key, root)?,
        };
        Ok(options.with(|config| {
            config.limits = Limits::none();
            config.drain = Drain::Unlimited;
            config.queue.count_max = None;
            config.queue.bytes_max = usize::MAX;
        }))
    }
}

/// A message for the server.
fn message(topic: &Topic, qos: Qos) -> Publish {
    Publish::new(topic.clone(), &[0x2a; PAYLOAD_LEN][..]).qos(qos)
}

fn topic() -> Result<Topic> {
    Ok(Topic::new(TOPIC)?)
}

fn fed() -> Result<Filter> {
    Ok(Filter::new(FED)?)
}
