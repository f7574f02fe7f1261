//! A copy of the workspace in which the client is broken, built and run.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use thingwire_sim::campaign::Line;

use crate::table::Mutant;

/// Fast to build, and fast enough to run. The client's own assertions are off: the simulator has to see the defects.
const PROFILE: &str = "

[profile.mutant]
inherits = \"dev\"
opt-level = 1
debug = false
debug-assertions = false
overflow-checks = false
";

/// The client becomes a library that is loaded when a campaign starts, so that the simulator is built only once.
const LOADED: &str = "
[lib]
crate-type = [\"dylib\"]
";

/// A package that depends on what the simulator depends on, and has nothing of its own: with other packages or features
/// around it, the client's functions would have other names than the simulator was built with.
const CLIENT_ONLY: &str = "client-only";

/// A campaign that takes longer does not end.
const CAMPAIGN_MAX: Duration = Duration::from_secs(900);

/// Where copies are broken and built.
#[derive(Debug)]
pub(crate) struct Workshop {
    dir: PathBuf,
    /// How many runs.
    seeds: u64,
    /// Threads, of the compiler and of campaigns; 0 for as many as there are cores.
    jobs: usize,
}

impl Workshop {
    /// Copies the sources. What is there already and the same is left alone, so that it is not built again.
    pub(crate) fn new(dir: PathBuf, seeds: u64, jobs: usize) -> io::Result<Self> {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        let to = dir.join("source");
        for part in ["core/src", "sim/src"] {
            copy(&from.join(part), &to.join(part))?;
        }
        for part in ["Cargo.lock", "core/Cargo.toml", "sim/Cargo.toml"] {
            let mut content = fs::read(from.join(part))?;
            if part == "core/Cargo.toml" {
                content.extend_from_slice(LOADED.as_bytes());
            }
            write(&to.join(part), &content)?;
        }
        let simulator = fs::read_to_string(from.join("sim/Cargo.toml"))?;
        let head = simulator.split("\n[[").next().unwrap_or_default();
        write(&to.join(CLIENT_ONLY).join("Cargo.toml"), head.replace("thingwire-sim", CLIENT_ONLY).as_bytes())?;
        write(&to.join(CLIENT_ONLY).join("src/lib.rs"), b"")?;
        let manifest = fs::read_to_string(from.join("Cargo.toml"))?;
        let members = |line: &str| line.starts_with("members = ");
        let ours = format!("members = [\"core\", \"sim\", {CLIENT_ONLY:?}]");
        let lines = manifest.lines().map(|line| if members(line) { &ours } else { line });
        let manifest = lines.collect::<Vec<_>>().join("\n") + PROFILE;
        write(&to.join("Cargo.toml"), manifest.as_bytes())?;
        Ok(Self { dir, seeds, jobs })
    }

    /// Builds the simulator with the client as it is, and runs it.
    pub(crate) fn clean(&self, sources: &[String]) -> io::Result<Vec<Line>> {
        self.build("target", &["--package", "thingwire-sim", "--bin", "thingwire-sim"])?;
        self.campaign("target", sources, 0)
    }

    /// Builds the client with a defect and runs the simulator with it, until as many runs have failed.
    pub(crate) fn broken(&self, mutant: &Mutant, sources: &[String], failures_max: u64) -> io::Result<Vec<Line>> {
        self.break_it(mutant)?;
        self.campaign("broken", sources, failures_max)
    }

    /// Builds the simulator with things as they are, and tells what is wrong with them in so many worlds.
    pub(crate) fn clean_things(&self, worlds: u64) -> io::Result<Vec<String>> {
        self.build("target", &["--package", "thingwire-sim", "--bin", "thingwire-sim"])?;
        self.things("target", worlds)
    }

    /// Builds things with a defect, and tells what is wrong with them in so many worlds.
    pub(crate) fn broken_things(&self, mutant: &Mutant, worlds: u64) -> io::Result<Vec<String>> {
        self.break_it(mutant)?;
        self.things("broken", worlds)
    }

    fn break_it(&self, mutant: &Mutant) -> io::Result<()> {
        let path = self.dir.join("source/core/src").join(&mutant.file);
        let whole = fs::read_to_string(&path)?;
        let changed = fs::metadata(&path)?.modified()?;
        fs::write(&path, mutant.apply(&whole).map_err(io::Error::other)?)?;
        let built = self.build("broken", &["--package", CLIENT_ONLY]);
        fs::write(&path, whole)?;
        File::options().write(true).open(&path)?.set_modified(changed)?;
        built
    }

    fn build(&self, target: &str, what: &[&str]) -> io::Result<()> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--offline", "--profile", "mutant", "--target-dir"]).arg(self.dir.join(target));
        cargo.args(what).current_dir(self.dir.join("source"));
        if self.jobs > 0 {
            cargo.arg("--jobs").arg(self.jobs.to_string());
        }
        let output = cargo.stdin(Stdio::null()).output()?;
        let told = || io::Error::other(format!("does not compile:\n{}", String::from_utf8_lossy(&output.stderr)));
        output.status.success().then_some(()).ok_or_else(told)
    }

    /// The simulator, with the client of this target directory.
    fn simulator(&self, client: &str) -> io::Result<Command> {
        let mut sim = Command::new(self.dir.join("target/mutant/thingwire-sim"));
        let libraries = [self.dir.join(client).join("mutant/deps"), rust_libraries()?];
        sim.env("LD_LIBRARY_PATH", env::join_paths(libraries).map_err(io::Error::other)?);
        Ok(sim)
    }

    /// The worlds of things that fail with the client of this target directory, each in a line.
    fn things(&self, client: &str, worlds: u64) -> io::Result<Vec<String>> {
        let mut sim = self.simulator(client)?;
        sim.args(["things", "--seed", "0", "--seeds", &worlds.to_string()]);
        let told = File::create(self.dir.join("things.txt"))?;
        let child = sim.stdin(Stdio::null()).stdout(told).stderr(Stdio::null()).spawn()?;
        let status = wait(child)?;
        let told = fs::read_to_string(self.dir.join("things.txt"))?;
        let ended = told.lines().last().is_some_and(|line| line.contains(" lives of line components, "));
        let lines = told.lines().filter(|line| line.starts_with("seed ")).map(str::to_owned).collect();
        ended.then_some(lines).ok_or_else(|| io::Error::other(format!("its worlds ended early: {status}")))
    }

    /// Runs the simulator with the client of this target directory.
    fn campaign(&self, client: &str, sources: &[String], failures_max: u64) -> io::Result<Vec<Line>> {
        let out = self.dir.join("results");
        let _ = fs::remove_dir_all(&out);
        let mut sim = self.simulator(client)?;
        sim.arg("campaign").args(sources).arg("--out").arg(&out);
        sim.args(["--seeds", &self.seeds.to_string(), "--seed", "0"]);
        sim.args(["--max-failures", &failures_max.to_string(), "--jobs", &self.jobs.to_string()]);
        let child = sim.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let status = wait(child)?;
        let results = fs::read_to_string(out.join("results.jsonl"));
        let lines = results.map_err(|_| io::Error::other(format!("its campaign left no results: {status}")))?;
        let lines: Vec<Line> =
            lines.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect::<io::Result<_>>()?;
        let failures = lines.iter().filter(|line| line.failure.is_some()).count() as u64;
        let whole = lines.len() as u64 >= self.seeds || failures_max > 0 && failures >= failures_max;
        whole.then_some(lines).ok_or_else(|| io::Error::other(format!("its campaign ended early: {status}")))
    }
}

/// Where the standard library is that programs load.
fn rust_libraries() -> io::Result<PathBuf> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir"]).output()?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Waits for a process, but not for ever.
fn wait(mut child: Child) -> io::Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begun.elapsed() > CAMPAIGN_MAX {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("its campaign did not end within {CAMPAIGN_MAX:?}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Makes `to` what `from` is, but for files that only `to` has.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            write(&target, &fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Writes a file unless it is so already: its time of change decides what is built again.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, content)
}
