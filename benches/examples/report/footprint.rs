//! What a client adds to a program, on disk and while it runs.

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

/// Their names in `benches/footprint`, and here.
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

/// What was measured of each program.
pub(crate) struct Footprint([Figures; 5]);

/// What was measured of one.
struct Figures {
    on_disk: OnDisk,
    resident_kib: u64,
    own_kib: u64,
    threads: u64,
    wakeups_per_second: f64,
    start_ms: f64,
}

/// Megabytes of a program.
#[derive(Clone, Copy)]
struct OnDisk {
    opt_3: f64,
    opt_z: f64,
}

/// Measures all.
pub(crate) fn measure() -> Result<Footprint> {
    let built = build()?;
    let mosquitto =
        Mosquitto::start(MosquittoOptions { tls: Some(MosquittoTls::Mutual), extra: quiet(), ..Default::default() })?;
    let mut starts = PROGRAMS.map(|_| Vec::new());
    let mut idle = Vec::new();
    for _ in 0..STARTS {
        // Only those of the last turn stay.
        idle.clear();
        for (built, starts) in built.iter().zip(&mut starts) {
            let program = Program::start(&built.file, &mosquitto)?;
            starts.push(milliseconds(program.id())?);
            idle.push(program);
        }
    }
    // What follows the start is over by then.
    thread::sleep(Duration::from_secs(2));
    let before = idle.iter().map(|program| sleeps(program.id())).collect::<Result<Vec<_>>>()?;
    thread::sleep(IDLE);
    let mut figures = Vec::new();
    for (((built, program), before), starts) in built.iter().zip(&idle).zip(before).zip(&mut starts) {
        figures.push(Figures {
            on_disk: built.on_disk,
            resident_kib: resident(Some(program.id()))?,
            own_kib: own(program.id())?,
            threads: threads(Some(program.id()))?,
            wakeups_per_second: (sleeps(program.id())? - before) as f64 / IDLE.as_secs_f64(),
            start_ms: median(starts),
        });
    }
    Ok(Footprint(figures.try_into().map_err(|_| "a program is missing")?))
}

/// As a table.
pub(crate) fn show(footprint: &Footprint) -> String {
    let [rustls, ..] = &footprint.0;
    let cells = |((_, title), figures): ((&str, &str), &Figures)| {
        let (on_disk, over) = (figures.on_disk, figures.on_disk.over(rustls.on_disk));
        vec![
            title.to_owned(),
            format!("{:.2} MB", on_disk.opt_3),
            format!("{:+.2}", over.opt_3),
            format!("{:.2} MB", on_disk.opt_z),
            format!("{:+.2}", over.opt_z),
            format!("{} KiB", figures.resident_kib),
            format!("{} KiB", figures.own_kib),
            figures.threads.to_string(),
            format!("{:.2}", figures.wakeups_per_second),
            format!("{} ms", number(figures.start_ms)),
        ]
    };
    let rows: Vec<_> = PROGRAMS.into_iter().zip(&footprint.0).map(cells).collect();
    let head = ["", "opt 3", "over rustls", "opt z", "over rustls", "resident", "own", "threads", "wakeups/s", "start"];
    table(&head, &rows)
}

/// What is aimed at.
pub(crate) fn aims(footprint: &Footprint) -> Vec<Aim> {
    let [rustls, driver, .., rumqttc] = &footprint.0;
    let aim = |what: &str, at_most, unit, measured| {
        let what = format!("std `Driver`: {what}");
        Aim { what, at_most, unit, measured: vec![measured] }
    };
    vec![
        aim("on disk over rustls", 0.2, " MB", driver.on_disk.over(rustls.on_disk).opt_3),
        aim("wakeups a second", 0.07, "", driver.wakeups_per_second),
        aim("threads", 1.0, "", driver.threads as f64),
        aim("resident, of rumqttc", 0.9, "×", driver.resident_kib as f64 / rumqttc.resident_kib as f64),
    ]
}

impl OnDisk {
    fn over(self, other: Self) -> Self {
        Self { opt_3: self.opt_3 - other.opt_3, opt_z: self.opt_z - other.opt_z }
    }
}

/// A program that was built.
struct Built {
    on_disk: OnDisk,
    /// The one that was optimised for speed.
    file: String,
}

/// Those of [`PROGRAMS`].
fn build() -> Result<Vec<Built>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sizes.sh");
    let output = Command::new("bash").arg(script).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("sizes.sh has failed".into());
    }
    let said = String::from_utf8(output.stdout)?;
    let megabytes_and_file = |name: &str, profile: &str| -> Result<(f64, &str)> {
        let line = said.lines().find_map(|line| line.strip_prefix(&format!("{name} {profile} ")));
        let found = line.and_then(|line| line.split_once(' '));
        let (bytes, file) = found.ok_or_else(|| format!("sizes.sh says nothing of {name} {profile}"))?;
        Ok((bytes.parse::<f64>()? / 1e6, file))
    };
    let built = |(name, _)| {
        let ((opt_3, file), (opt_z, _)) = (megabytes_and_file(name, "release")?, megabytes_and_file(name, "small")?);
        Ok(Built { on_disk: OnDisk { opt_3, opt_z }, file: file.to_owned() })
    };
    PROGRAMS.into_iter().map(built).collect()
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
