//! AWS's own SDKs for Python against the double: mutual TLS and signed WebSockets, publish and subscribe, and shadows as their
//! documentation has them.
//!
//! The first run installs the SDKs into a virtual environment in the target folder; later ones need no network. Where there is no
//! Python, the tests say that they were left out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use thingwire_sim::double::{Double, Visitors};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");

/// The Python that has the SDKs; `None` where there is no Python at all.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    let wanted = fs::read(Path::new(FOLDER).join("requirements.txt")).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-sdks");
    let python = folder.join("bin/python");
    // Written last, so that an installation that was broken off begins anew.
    let done = folder.join("installed.txt");
    if python.exists() && fs::read(&done).is_ok_and(|installed| installed == wanted) {
        return Some(python);
    }
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    match venv.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("python3: {error}"),
        Ok(output) => assert!(
            output.status.success(),
            "no virtual environment: install it with `apt-get install python3-venv`\n{}",
            String::from_utf8_lossy(&output.stdout)
        ),
    }
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pip-cache");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    pip.arg(Path::new(FOLDER).join("requirements.txt")).arg("--cache-dir").arg(cache);
    let output = pip.output().unwrap();
    assert!(output.status.success(), "cannot install the SDKs: {}", String::from_utf8_lossy(&output.stderr));
    fs::write(done, wanted).unwrap();
    Some(python)
}

/// A temporary access key.
const KEY: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjE/+=="),
];

/// Runs a script against a double of its own, in which no client may break a rule. The script calls it `host`.
fn run(script: &str, way: &str, host: &str) {
    let Some(python) = python() else {
        // Past the harness, which keeps what passing tests say to itself.
        let line = format!("NOT TESTED: {script} against the double: there is no python3 here\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    };
    let [id, secret, token] = KEY.map(|(_, value)| value);
    let visitors = Visitors::new().temporary_key(id, secret, token);
    let double = Double::options().server_names(&[host]).visitors(visitors).start().unwrap();
    let mut command = Command::new(python);
    command
        .arg("-W")
        .arg("ignore")
        .arg(Path::new(FOLDER).join(script))
        .args([way, host])
        .arg(double.port().to_string());
    command.args([double.ca_path(), double.cert_path(), double.key_path()]).envs(KEY);
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{script}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(double.violations(), []);
}

#[test]
fn version_1_publishes_subscribes_and_has_a_classic_shadow() {
    run("v1.py", "certificate", "localhost");
}

#[test]
fn version_1_does_so_in_a_signed_websocket() {
    run("v1.py", "websocket", "a1b2c3-ats.iot.eu-west-1.amazonaws.com");
}

#[test]
fn version_2_publishes_subscribes_and_has_classic_and_named_shadows() {
    run("v2.py", "certificate", "localhost");
}

#[test]
fn version_2_does_so_in_a_signed_websocket() {
    run("v2.py", "websocket", "localhost");
}
