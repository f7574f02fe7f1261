//! What a client adds to a program, on disk and while it runs.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use thingwire_benches::report::aims::Aim;
use thingwire_benches::report::table::{median, number, table};

use crate::mosquitto::{Mosquitto, MosquittoOptions, MosquittoTls};
use crate::process::{milliseconds, own, resident, sleeps, threads};
use crate::runtimes::Running;
use crate::{Result, quiet};

const PROGRAMS: [(&str, &str); 5] = [
    ("rustls", "rustls alone"),
    ("driver", "std `Driver`"),
    ("thingwire", "std `Client`"),
    ("websocket", "std `Client` with signed WebSockets"),
    ("rumqttc", "rumqttc"),
];

/// Two pings' time.
const IDLE: Duration = Duration::from_secs(60);

const STARTS: usize = 9;

/// The table, and what is aimed at.
pub(crate) fn measure() -> Result<(String, Vec<Aim>)> {
    let built = build()?;
    let mosquitto =
        Mosquitto::start(MosquittoOptions { tls: Some(MosquittoTls::Mutual), extra: quiet(), ..Default::default() })?;
    let size = |name: &str, profile: &str| {
        let (size, _) = built.get(&(name.to_owned(), profile.to_owned())).ok_or_else(|| format!("no {name}"))?;
        Ok::<_, String>(*size / 1e6)
    };
    let file = |name: &str| built.get(&(name.to_owned(), "release".to_owned())).map(|(_, file)| file.as_str());
    let mut idle = Vec::new();
    let mut starts = BTreeMap::<_, Vec<f64>>::new();
    for turn in 0..STARTS {
        for (name, _) in PROGRAMS {
            let program = Program::start(file(name).ok_or("not built")?, &mosquitto)?;
            starts.entry(name).or_default().push(milliseconds(program.id())?);
            if turn + 1 == STARTS {
                idle.push(program);
            }
        }
    }
    // What follows the start is over by then.
    thread::sleep(Duration::from_secs(2));
    let before = idle.iter().map(|program| sleeps(program.id())).collect::<Result<Vec<_>>>()?;
    thread::sleep(IDLE);
    let (mut rows, mut residents) = (Vec::new(), BTreeMap::new());
    let mut aims = Vec::new();
    let mut aim = |what: &str, at_most, unit, measured| {
        aims.push(Aim { what: format!("std `Driver`: {what}"), at_most, unit, measured: vec![measured] });
    };
    for (((name, title), program), before) in PROGRAMS.into_iter().zip(&idle).zip(before) {
        let woken = (sleeps(program.id())? - before) as f64 / IDLE.as_secs_f64();
        let sizes = [size(name, "release")?, size(name, "small")?];
        let over = [sizes[0] - size("rustls", "release")?, sizes[1] - size("rustls", "small")?];
        let (in_memory, threads) = (resident(Some(program.id()))?, threads(Some(program.id()))?);
        residents.insert(name, in_memory as f64);
        if name == "driver" {
            aim("on disk over rustls", 0.2, " MB", over[0]);
            aim("wakeups a second", 0.07, "", woken);
            aim("threads", 1.0, "", threads as f64);
        }
        let start = starts.get_mut(name).map_or(f64::NAN, |starts| median(starts));
        rows.push(vec![
            title.to_owned(),
            format!("{:.2} MB", sizes[0]),
            format!("{:+.2}", over[0]),
            format!("{:.2} MB", sizes[1]),
            format!("{:+.2}", over[1]),
            format!("{in_memory} KiB"),
            format!("{} KiB", own(program.id())?),
            threads.to_string(),
            format!("{woken:.2}"),
            format!("{} ms", number(start)),
        ]);
    }
    aim("resident, of rumqttc", 0.9, "×", residents["driver"] / residents["rumqttc"]);
    let head = ["", "opt 3", "over rustls", "opt z", "over rustls", "resident", "own", "threads", "wakeups/s", "start"];
    Ok((table(&head, &rows), aims))
}

type Built = BTreeMap<(String, String), (f64, String)>;

/// Sizes and files by program and profile.
fn build() -> Result<Built> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sizes.sh");
    let output = Command::new("bash").arg(script).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("sizes.sh has failed".into());
    }
    let mut built = Built::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let [name, profile, size, file] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else {
            return Err(format!("sizes.sh says {line:?}").into());
        };
        built.insert((name.to_owned(), profile.to_owned()), (size.parse()?, file.to_owned()));
    }
    Ok(built)
}

/// A program that is connected.
struct Program {
    child: Running,
    /// Kept, so that it can still say something.
    _said: BufReader<ChildStdout>,
}

impl Program {
    fn start(file: &str, mosquitto: &Mosquitto) -> Result<Self> {
        let port = mosquitto.tls_port().ok_or("no port")?;
        let files = mosquitto.files();
        let mut command = Command::new(file);
        command.args(["localhost", &port.to_string()]).args([&files.device.cert, &files.device.key, &files.ca]);
        let mut child: Child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let said = child.stdout.take().ok_or("no pipe")?;
        let (child, mut said) = (Running(child), BufReader::new(said));
        let mut line = String::new();
        said.read_line(&mut line)?;
        if line == "ready\n" { Ok(Self { child, _said: said }) } else { Err(format!("{file} says {line:?}").into()) }
    }

    fn id(&self) -> u32 {
        self.child.0.id()
    }
}
