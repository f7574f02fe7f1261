//! No secret is ever shown: whatever the command does, with everything that it can be given.

use std::path::Path;

use tempfile::TempDir;
use thingwire_sim::double::{Double, Visitors};
use thingwire_sim::pki::Request;
use thingwire_sim::proxies::{Proxy, ProxyProgram};

use crate::encrypted_key::encrypt;
use crate::support::{Ended, Running, command, mutual};

const ID: &str = "ASIAEXAMPLE";
const PASSPHRASE: &str = "hidden-1-passphrase";
const PASSWORD: &str = "hidden-2-password";
const SECRET: &str = "hidden-3-secret";
const TOKEN: &str = "hidden-4-token/+==";
const PROXY_PASSWORD: &str = "hidden-5-proxy";
const AUTHORIZER_TOKEN: &str = "hidden-6-token";
/// `hidden-7-signature` in base64.
const AUTHORIZER_SIGNATURE: &str = "aGlkZGVuLTctc2lnbmF0dXJl";
/// The login at the proxy as HTTP has it, and parts of signed URLs.
const OTHER_FORMS: [&str; 4] = ["cHJveHl1c2VyOmhpZGRlbi01LXByb3h5", "X-Amz-", "Signature=", "x-amz-customauthorizer"];

/// The flags and variables of one way to a double.
struct Way {
    flags: Vec<String>,
    variables: Vec<(&'static str, String)>,
    /// The variable with which it is refused, and what it then is.
    wrong: (&'static str, &'static str),
}

/// Everything that the command can do on this way, done and refused, with all that it can say and record.
fn assert_silent(way: &Way, dir: &TempDir) {
    let record = dir.path().join("recording");
    let record = record.to_str().expect("UTF-8");
    let work: [&[&str]; 4] = [
        &["pub", "--topic", "t", "--message", "m"],
        &["sub", "--topic", "t", "--count", "1"],
        &["shadow", "get", "--thing", "lamp"],
        &["doctor", "--thing", "lamp"],
    ];
    for is_right in [true, false] {
        for arguments in work {
            // Nobody publishes for it.
            if is_right && arguments[0] == "sub" {
                continue;
            }
            let flags: Vec<&str> = way.flags.iter().map(String::as_str).collect();
            let mut command = command(&[arguments, &flags, &["--verbose", "--record", record]].concat());
            command.envs(way.variables.iter().map(|(name, value)| (*name, value.as_str())));
            if !is_right {
                command.env(way.wrong.0, way.wrong.1);
            }
            let ended = Running::spawn(command).end();
            let expected: &[i32] = match (is_right, arguments[0]) {
                (true, "shadow") => &[7],
                (true, _) => &[0],
                (false, _) => &[2, 4, 5],
            };
            assert!(
                ended.code.is_some_and(|code| expected.contains(&code)),
                "{arguments:?} {:?} {}",
                ended.code,
                ended.stderr
            );
            assert_hidden(&ended, Path::new(record));
        }
    }
}

fn assert_hidden(ended: &Ended, record: &Path) {
    let recorded = std::fs::read(record).unwrap_or_default();
    let recorded = String::from_utf8_lossy(&recorded);
    for text in [ended.text(), &ended.stderr, &recorded] {
        for secret in ["hidden-", AUTHORIZER_SIGNATURE].iter().chain(&OTHER_FORMS) {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

fn server_only(double: &Double) -> Vec<String> {
    mutual(double).into_iter().take(4).collect()
}

fn strings(flags: &[&str]) -> Vec<String> {
    flags.iter().map(|flag| (*flag).to_owned()).collect()
}

#[test]
fn the_passphrase_of_the_key_and_the_password() {
    let double = Double::start().expect("it starts");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("encrypted.key");
    std::fs::write(&path, encrypt(double.key_path(), PASSPHRASE)).expect("written");
    let mut flags = mutual(&double);
    path.to_str().expect("UTF-8").clone_into(&mut flags[7]);
    flags.extend(strings(&["--user-name", "me"]));
    let variables =
        vec![("THINGWIRE_KEY_PASSPHRASE", PASSPHRASE.to_owned()), ("THINGWIRE_PASSWORD", PASSWORD.to_owned())];
    let wrong = ("THINGWIRE_KEY_PASSPHRASE", "hidden-8-wrong");
    assert_silent(&Way { flags, variables, wrong }, &dir);
    assert_eq!(double.violations(), []);
}

#[test]
fn aws_credentials_and_the_login_at_the_proxy() {
    let double =
        Double::options().visitors(Visitors::new().temporary_key(ID, SECRET, TOKEN)).start().expect("it starts");
    let login = Some(("proxyuser", PROXY_PASSWORD));
    for program in [ProxyProgram::Tinyproxy, ProxyProgram::Microsocks] {
        let proxy = Proxy::start(program, login).expect("the proxy starts");
        let dir = tempfile::tempdir().expect("a directory");
        let flags = [server_only(&double), strings(&["-w", "--region", "eu-west-1"])].concat();
        let variables = vec![
            ("AWS_ACCESS_KEY_ID", ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_SESSION_TOKEN", TOKEN.to_owned()),
            ("THINGWIRE_PROXY", proxy.url()),
        ];
        assert_silent(&Way { flags, variables, wrong: ("AWS_SESSION_TOKEN", "hidden-8-wrong") }, &dir);
    }
}

#[test]
fn what_a_custom_authorizer_is_told() {
    let visitors = Visitors::new().authorizer("gate", "ticket", AUTHORIZER_TOKEN, Some(AUTHORIZER_SIGNATURE));
    let double = Double::options().visitors(visitors).start().expect("it starts");
    for more in [&[][..], &["-w"]] {
        let dir = tempfile::tempdir().expect("a directory");
        let gate = ["--authorizer-name", "gate", "--authorizer-token-key", "ticket", "--user-name", "me"];
        let flags = [server_only(&double), strings(&gate), strings(more)].concat();
        let variables = vec![
            ("THINGWIRE_AUTHORIZER_TOKEN", AUTHORIZER_TOKEN.to_owned()),
            ("THINGWIRE_AUTHORIZER_SIGNATURE", AUTHORIZER_SIGNATURE.to_owned()),
            ("THINGWIRE_PASSWORD", PASSWORD.to_owned()),
        ];
        assert_silent(&Way { flags, variables, wrong: ("THINGWIRE_AUTHORIZER_TOKEN", "hidden-8-wrong") }, &dir);
    }
}

#[test]
fn a_passphrase_may_be_a_variable_and_a_wrong_one_is_told_as_such() {
    let double = Double::start().expect("it starts");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("encrypted.key");
    std::fs::write(&path, encrypt(double.key_path(), PASSPHRASE)).expect("written");
    let path = path.to_str().expect("UTF-8");
    let mut flags = mutual(&double);
    path.clone_into(&mut flags[7]);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let run = |passphrase: &str| {
        let mut command = command(&[&["pub", "--topic", "t", "--message", "m"], &flags[..]].concat());
        command.env("THINGWIRE_KEY_PASSPHRASE", passphrase);
        Running::spawn(command).end()
    };
    run(PASSPHRASE).assert_done();
    run("another").assert_failed(2, &format!("{path}: private key: the passphrase is wrong, or the key is damaged"));
}

#[test]
fn a_certificate_that_has_expired_is_warned_of_before_the_server_refuses_it() {
    let double = Double::start().expect("it starts");
    let dir = tempfile::tempdir().expect("a directory");
    let late = double.pki().issue(&Request::device("late").expired()).expect("a certificate");
    let files = late.write_to(dir.path(), "late").expect("written");
    let mut flags = mutual(&double);
    let [cert, key] = [files.cert, files.key].map(|path| path.to_str().expect("UTF-8").to_owned());
    flags[5].clone_from(&cert);
    flags[7] = key;
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let ended = Running::start(&[&["pub", "--topic", "t", "--message", "m"], &flags[..]].concat()).end();
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let warning = format!(
        "thingwire: warning: {cert}: the device certificate \"late\" is valid from 2020-01-01 00:00:00 UTC to 2020-01-02 \
         00:00:00 UTC only, and this machine's clock says "
    );
    assert!(lines.len() == 2 && lines[0].starts_with(&warning), "{lines:?}");
    assert!(lines[1].contains("(CertificateExpired); it needs a new one"), "{lines:?}");
    assert_eq!(ended.code, Some(4));
}
