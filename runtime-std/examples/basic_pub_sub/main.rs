//! Publishes a message a second, and prints what arrives on the same topic.
//!
//! On its own, against a double of AWS IoT Core that it starts itself:
//!
//! ```text
//! cargo run --example basic_pub_sub -- --count 5
//! ```
//!
//! Against AWS IoT Core, with the files that its console hands out:
//!
//! ```text
//! cargo run --example basic_pub_sub -- -e abc-ats.iot.eu-west-1.amazonaws.com -r root.pem -c device.pem -k device.key
//! ```
//!
//! With `-w` instead of the certificate and its key it speaks MQTT in a WebSocket, which it signs with the AWS
//! credentials in the environment or in `~/.aws/credentials`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

mod args;

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde_json::json;
use thingwire_sim::double::{Double, Visitors};
use thingwire_std::{Client, Credentials, Options, Outcome, Publish, Qos, Subscription, WebSocketConfig};

use args::{Arguments, Mode};

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);
/// The access key that the double knows.
const ACCESS_KEY: (&str, &str) = ("AKIDEXAMPLE", "known-to-the-double-alone");
/// The time between two messages.
const PACE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run(&Arguments::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("basic_pub_sub: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    // The double serves until the end of this function.
    let (options, _double) = match arguments.options() {
        Some(options) => (options?, None),
        None => {
            let visitors = Visitors::new().access_key(ACCESS_KEY.0, ACCESS_KEY.1);
            let double = Double::options().visitors(visitors).start()?;
            println!("No endpoint given: started a double of AWS IoT Core at {}", double.endpoint());
            (options_for(&double, arguments)?, Some(double))
        }
    };
    let client = Client::new(options)?;
    client.start();
    // From here on a lost connection comes back by itself. A first one that fails is more likely a wrong flag.
    client.wait_ready_or_error(PATIENCE)?;

    let printer = match arguments.mode {
        Mode::Both | Mode::Subscribe => {
            let messages = subscribe(&client, arguments)?;
            let count = arguments.count.unwrap_or(u64::MAX);
            Some(thread::spawn(move || print(messages, count)))
        }
        Mode::Publish => None,
    };
    if arguments.mode != Mode::Subscribe {
        publish(&client, arguments);
    }
    if let Some(printer) = printer {
        printer.join().map_err(|_| "the printing thread has panicked")?;
    }
    client.stop(PATIENCE);
    Ok(())
}

/// The whole of mutual TLS, with the certificates that the double has made for itself, or of a signed WebSocket.
fn options_for(double: &Double, arguments: &Arguments) -> Result<Options, Box<dyn Error>> {
    let (endpoint, client_id, root) = (double.endpoint(), &arguments.client_id, double.ca_path());
    if arguments.websocket {
        // A double is in no region, and takes a signature for any.
        let credentials = Credentials::new(ACCESS_KEY.0, ACCESS_KEY.1)?;
        let websocket = WebSocketConfig::signed(credentials).with_region("eu-west-1");
        return Ok(Options::websocket_from_path(&endpoint, client_id, websocket, root)?);
    }
    Ok(Options::mtls_from_path(&endpoint, client_id, double.cert_path(), double.key_path(), root)?)
}

fn subscribe(client: &Client, arguments: &Arguments) -> Result<Subscription, Box<dyn Error>> {
    let messages = client.subscribe(arguments.topic.clone().into(), Qos::AtLeastOnce)?;
    match messages.granted(PATIENCE) {
        Some(Outcome::Subscribed(grants)) if grants.iter().all(Option::is_some) => Ok(messages),
        Some(outcome) => Err(format!("{}: {outcome}", arguments.topic).into()),
        None => Err("no connection to subscribe on".into()),
    }
}

fn print(messages: Subscription, count: u64) {
    for (_, message) in (0..count).zip(messages) {
        println!("Received a new message: ");
        println!("{}", String::from_utf8_lossy(&message.payload));
        println!("from topic: ");
        println!("{}", message.topic);
        println!("--------------\n\n");
    }
}

fn publish(client: &Client, arguments: &Arguments) {
    for sequence in 0..arguments.count.unwrap_or(u64::MAX) {
        if sequence > 0 {
            thread::sleep(PACE);
        }
        let payload = json!({ "message": arguments.message, "sequence": sequence }).to_string();
        match client.publish(Publish::new(arguments.topic.clone(), payload.clone())) {
            Ok(pending) => match pending.wait(PATIENCE) {
                Some(Outcome::Acked) if arguments.mode == Mode::Publish => {
                    println!("Published topic {}: {payload}\n", arguments.topic);
                }
                Some(Outcome::Acked) => {}
                Some(outcome) => eprintln!("message {sequence}: {outcome}"),
                None => eprintln!("message {sequence} waits for the connection to come back"),
            },
            Err(refused) => eprintln!("message {sequence} is not sent: {refused}"),
        }
    }
}
