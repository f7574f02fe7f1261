//! Many idle clients in one thread.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use async_executor::LocalExecutor;
use async_io::Timer;
use thingwire_smol::{Client, Limits, Options};

use crate::mosquitto::{Mosquitto, MosquittoOptions, MosquittoTls};
use crate::process::{resident, threads};
use crate::runtimes::Running;
use crate::{Result, quiet};
use thingwire_benches::report::table::table;

/// Clients that connect at once.
const WAVE: usize = 100;

const FLEETS: [(usize, bool); 4] = [(1_000, false), (1_000, true), (10_000, false), (10_000, true)];

/// The table.
pub(crate) fn measure() -> Result<String> {
    let mosquitto =
        Mosquitto::start(MosquittoOptions { tls: Some(MosquittoTls::Mutual), extra: quiet(), ..Default::default() })?;
    let mut rows = Vec::new();
    for (count, tls) in FLEETS {
        let port = if tls { mosquitto.tls_port() } else { mosquitto.plain_port() }.ok_or("no port")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["fleet-client", &count.to_string(), &port.to_string()]);
        if tls {
            let files = mosquitto.files();
            command.args([&files.ca, &files.device.cert, &files.device.key]);
        }
        let mut child = Running(command.stdout(Stdio::piped()).spawn()?);
        let mut line = String::new();
        BufReader::new(child.0.stdout.take().ok_or("no pipe")?).read_line(&mut line)?;
        child.0.wait()?;
        let [before, after, threads] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(format!("a fleet of {count} says {line:?}").into());
        };
        let (before, after): (u64, u64) = (before.parse()?, after.parse()?);
        let security = if tls { "mutual TLS" } else { "plain" };
        let each = after.saturating_sub(before) as f64 / count as f64;
        rows.push(vec![format!("{count} clients, {security}"), format!("{each:.1} KiB"), threads.to_owned()]);
    }
    Ok(table(&["", "each", "threads"], &rows))
}

/// `COUNT PORT [ROOT CERTIFICATE KEY]`: prints the KiB of memory in use before and with them, and the threads.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let [count, port, files @ ..] = arguments else { return Err("too few arguments".into()) };
    let endpoint = format!("127.0.0.1:{port}");
    let options = match files {
        [root, cert, key] => {
            Options::mtls_from_pem(&endpoint, "", &fs::read(cert)?, &fs::read(key)?, &fs::read(root)?)?
        }
        _ => Options::plain(&endpoint, "")?,
    };
    let options = options.with(|config| {
        config.limits = Limits::none();
        config.keep_alive = Duration::from_secs(1_200);
        config.connect_timeout = Duration::from_secs(60);
    });
    let count: usize = count.parse()?;
    let executor = LocalExecutor::new();
    async_io::block_on(executor.run(async {
        // What the first one needs for all is there before.
        let first = connect(&executor, &options, 0..1).await?;
        let before = resident(None)?;
        let mut clients = Vec::with_capacity(count);
        while clients.len() < count {
            let from = 1 + clients.len();
            clients.extend(connect(&executor, &options, from..from + WAVE.min(count - clients.len())).await?);
        }
        Timer::after(Duration::from_secs(2)).await;
        println!("{before} {} {}", resident(None)?, threads(None)?);
        // All of them at once, without a goodbye each.
        drop(first);
        std::process::exit(0)
    }))
}

async fn connect(
    executor: &LocalExecutor<'_>,
    options: &Options,
    range: std::ops::Range<usize>,
) -> Result<Vec<Client>> {
    let mut clients = Vec::new();
    for index in range {
        let options = options.clone().with(|config| config.client_id = format!("device-{index}"));
        let (client, running) = thingwire_smol::connect(options)?;
        executor.spawn(running).detach();
        clients.push(client);
    }
    for client in &clients {
        client.wait_ready().await?;
    }
    Ok(clients)
}
