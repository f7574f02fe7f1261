//! Whole clients over sockets, against a real Mosquitto: the processor time of each message.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use thingwire_benches::{PAYLOAD_LEN, message_to};

use crate::clients::{FED, NAMES, WORKS, warm_up};
use crate::mosquitto::{Mosquitto, MosquittoOptions, MosquittoTls};
use crate::{Result, quiet};
use thingwire_benches::report::table::{median, number, table, times};

/// Each client does each work as often, one after the other in each round.
const ROUNDS: usize = 5;

/// Unacknowledged messages of the feeder.
const FED_AT_ONCE: u16 = 1_000;

const TITLES: [&str; 4] =
    ["publish QoS 0, burst", "publish QoS 1, window 100", "publish QoS 1, one by one", "receive QoS 1"];

/// Microseconds by security, work and client.
type Measured = BTreeMap<(bool, usize, usize), Vec<f64>>;

/// The table.
pub(crate) fn measure() -> Result<String> {
    let mosquitto = Mosquitto::start(MosquittoOptions {
        tls: Some(MosquittoTls::Mutual),
        max_inflight: Some(0),
        max_queued: Some(0),
        extra: quiet(),
        ..MosquittoOptions::default()
    })?;
    let mut measured = Measured::new();
    for round in 0..ROUNDS {
        for tls in [false, true] {
            for work in 0..WORKS.len() {
                for turn in 0..NAMES.len() {
                    // Nobody is always the first.
                    let name = (turn + round) % NAMES.len();
                    let spent = one(&mosquitto, tls, work, name)?;
                    measured.entry((tls, work, name)).or_default().push(spent);
                }
            }
        }
    }
    Ok(shown(measured))
}

fn shown(mut measured: Measured) -> String {
    let mut rows = Vec::new();
    for tls in [false, true] {
        for (work, title) in TITLES.iter().enumerate() {
            let medians: Vec<_> = (0..NAMES.len())
                .map(|name| measured.get_mut(&(tls, work, name)).map_or(f64::NAN, |spent| median(spent)))
                .collect();
            let peer = medians[NAMES.len() - 1];
            let mut row = vec![format!("{title}, {}", if tls { "TLS" } else { "plain" })];
            row.extend(medians.iter().map(|&spent| number(spent)));
            row.extend(medians[..NAMES.len() - 1].iter().map(|&spent| times(spent, peer)));
            rows.push(row);
        }
    }
    let head = ["µs of processor time for each message", "std `Driver`", "std `Client`", "smol", "rumqttc"];
    table(&[&head[..], &["`Driver`", "`Client`", "smol"]].concat(), &rows)
}

/// Microseconds of processor time for each message.
fn one(mosquitto: &Mosquitto, tls: bool, work: usize, name: usize) -> Result<f64> {
    let count = match WORKS[work] {
        "burst" => 50_000,
        "single" => 5_000,
        _ => 20_000,
    };
    let port = if tls { mosquitto.tls_port() } else { mosquitto.plain_port() }.ok_or("no such port")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["client", NAMES[name], WORKS[work], &count.to_string(), &port.to_string()]);
    if tls {
        let files = mosquitto.files();
        command.args([&files.ca, &files.device.cert, &files.device.key]);
    }
    let mut child = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    let mut said = BufReader::new(child.0.stdout.take().ok_or("no pipe")?).lines();
    let mut next = || said.next().ok_or_else(|| format!("{} {} has failed", NAMES[name], WORKS[work]));
    if WORKS[work] == "receive" {
        next()??;
        feed(mosquitto.plain_port().ok_or("no plain port")?, warm_up(count) + count)?;
    }
    let nanoseconds: f64 = next()??.parse()?;
    // It ends when nobody holds its input any more.
    drop(child.0.stdin.take());
    child.0.wait()?;
    Ok(nanoseconds / 1e3 / f64::from(u32::try_from(count)?))
}

/// Publishes as fast as the server acknowledges.
fn feed(port: u16, count: usize) -> Result<()> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nodelay(true)?;
    socket.write_all(b"\x10\x10\0\x04MQTT\x04\x02\0\0\0\x04feed")?;
    let mut connack = [0; 4];
    socket.read_exact(&mut connack)?;
    let mut acks = socket.try_clone()?;
    let (acked, ahead) = std::sync::mpsc::sync_channel(usize::from(FED_AT_ONCE) / 100);
    let portions = count.div_ceil(100);
    thread::scope(|scope| {
        let reader = scope.spawn(move || -> std::io::Result<()> {
            let mut portion = [0; 4 * 100];
            for _ in 0..portions {
                acks.read_exact(&mut portion)?;
                // Nobody waits for the last ones.
                let _ = acked.send(());
            }
            Ok(())
        });
        let payload = [0x2a; PAYLOAD_LEN];
        let ids = (1..=FED_AT_ONCE).cycle().take(portions * 100).collect::<Vec<_>>();
        for (index, ids) in ids.chunks(100).enumerate() {
            if index >= usize::from(FED_AT_ONCE) / 100 {
                ahead.recv()?;
            }
            let bytes: Vec<_> = ids.iter().flat_map(|&id| message_to(FED, &payload, Some(id))).collect();
            socket.write_all(&bytes)?;
        }
        drop(ahead);
        reader.join().map_err(|_| "the feeder's reader has panicked")??;
        Ok(())
    })
}

/// A child that does not outlive us.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
