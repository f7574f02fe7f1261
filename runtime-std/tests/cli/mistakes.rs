//! Every mistake has its exit code and one line that says what, where, and what to do.

use std::path::Path;

use tempfile::TempDir;
use thingwire_sim::double::{Double, DoubleOptions};

use crate::support::{canned, deserted, mutual, plain_double, serve, thingwire};

/// `thingwire pub --topic t --message m` with these flags fails so.
fn refused(flags: &[&str], code: i32, line: &str) {
    let flags = [["pub", "--topic", "t", "--message", "m"].as_slice(), flags].concat();
    thingwire(&flags).assert_failed(code, line);
}

/// The flags of `mutual` with one of them changed.
fn changed(double: &Double, flag: &str, value: &str) -> Vec<String> {
    let mut flags = mutual(double);
    let at = flags.iter().position(|other| other == flag).expect("it is there");
    value.clone_into(&mut flags[at + 1]);
    flags
}

fn refused_with(flags: &[String], code: i32, line: &str) {
    refused(&flags.iter().map(String::as_str).collect::<Vec<_>>(), code, line);
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn file(dir: &TempDir, name: &str, content: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, content).expect("writable");
    text(&path).to_owned()
}

#[test]
fn flags() {
    let plain = ["--endpoint", "localhost", "--plain"];
    let with = |more: &[&'static str]| [&plain, more].concat();
    let hint = "; see 'thingwire --help'";
    let missing = |what: &str| format!("the following required arguments were not provided: {what}{hint}");
    thingwire(&["pub"]).assert_failed(2, &missing("--topic <TOPIC> --endpoint <HOST[:PORT]>"));
    thingwire(&[&["sub"], plain.as_slice()].concat()).assert_failed(2, &missing("--topic <FILTER>"));
    refused(
        &["--endpoint", "localhost"],
        2,
        "--ca is missing: give amazon, system or a file with the server's root certificate, or --plain for no TLS",
    );
    refused(&with(&["--ca", "x"]), 2, "--plain is without TLS: leave out either it or --ca, --cert and --key");
    let half = ["--endpoint", "localhost", "--ca", "x", "--cert", "y"];
    refused(&half, 2, "--cert and --key need each other: give both or neither");
    refused(&with(&["--password", "x"]), 2, &missing("--user-name <NAME>"));
    refused(&with(&["--file", "x"]), 2, "give exactly one of --message, --file and --lines");
    refused(&with(&["--lines"]), 2, "give exactly one of --message, --file and --lines");
    let nothing = [["pub", "--topic", "t"].as_slice(), &plain].concat();
    thingwire(&nothing).assert_failed(2, "give exactly one of --message, --file and --lines");
    refused(&with(&["--frob"]), 2, &format!("unexpected argument '--frob' found{hint}"));
    let qos = format!("invalid value '2' for '--qos <QOS>' [possible values: 0, 1]{hint}");
    refused(&with(&["--qos", "2"]), 2, &qos);
}

#[test]
fn client_ids() {
    let with = |more: &[&'static str]| [["--endpoint", "localhost", "--plain"].as_slice(), more].concat();
    let needed = "--no-clean-session needs a --client-id: by its name the server finds the session again";
    refused(&with(&["--no-clean-session"]), 2, needed);
    refused(&with(&["--no-clean-session", "--client-id", ""]), 2, needed);
    let reserved = "--client-id is \"$me\"; the rule is: does not begin with `$`, which AWS reserves";
    refused(&with(&["--client-id", "$me"]), 2, reserved);
}

#[test]
fn topics() {
    let hint = "; see 'thingwire --help'";
    let plain = ["--endpoint", "localhost", "--plain"];
    let publish = |topic| thingwire(&[["pub", "--message", "m", "--topic", topic].as_slice(), &plain].concat());
    let subscribe = |topic| thingwire(&[["sub", "--topic", topic].as_slice(), &plain].concat());
    let wildcard = "invalid value 'a/+' for '--topic <TOPIC>': topic \"a/+\" has a wildcard at byte 2; `+` and `#` \
                    are for subscribing, not for publishing";
    publish("a/+").assert_failed(2, &format!("{wildcard}{hint}"));
    let misplaced =
        "invalid value 'a#' for '--topic <FILTER>': filter \"a#\": `#` must be the whole last level, as in `a/#`";
    subscribe("a#").assert_failed(2, &format!("{misplaced}{hint}"));
    let limits = "; with another server than AWS IoT Core, try --limits none";
    let deep = "1/2/3/4/5/6/7/8/9";
    let slashes = format!("--topic {deep}: the topic has 8 slashes; the service takes 7{limits}");
    publish(deep).assert_failed(2, &slashes);
    subscribe(deep).assert_failed(2, &slashes);
}

#[test]
fn payloads() {
    let dir = tempfile::tempdir().expect("a directory");
    let plain = ["pub", "--topic", "t", "--endpoint", "localhost", "--plain", "--file"];
    let file = |path: &str| thingwire(&[&plain, [path].as_slice()].concat());
    file("/no/such/file").assert_failed(2, "--file: cannot read /no/such/file: No such file or directory (os error 2)");
    let path = text(dir.path());
    file(path).assert_failed(2, &format!("--file: cannot read {path}: Is a directory (os error 21)"));
    let long = self::file(&dir, "long", &"x".repeat(128 * 1024 + 1));
    let limit = "message 1: the payload has 131073 bytes; the service takes 131072; with another server than AWS IoT \
                 Core, try --limits none";
    file(&long).assert_failed(2, limit);
}

#[test]
fn endpoints() {
    let at = |endpoint: &str, code, line: &str| refused(&["--plain", "--endpoint", endpoint], code, line);
    at(
        "https://localhost",
        2,
        "--endpoint: \"https://localhost\" is a URL; expected HOST or HOST:PORT without a scheme",
    );
    at("localhost:0", 2, "--endpoint: \"0\" is not a port; expected a number from 1 to 65535");
    at("localhost:mqtt", 2, "--endpoint: \"mqtt\" is not a port; expected a number from 1 to 65535");
    at("", 2, "--endpoint: \"\" is not a host name; expected HOST or HOST:PORT");
    let (address, _held) = deserted();
    at(&address, 3, &format!("{address}: connection refused: nobody listens there; check the host and the port"));
    let ended = thingwire(&["sub", "--topic", "t", "--plain", "--endpoint", "nonexistent.invalid"]);
    assert_eq!(ended.code, Some(3));
    let line = ended.stderr.lines().last().expect("a line");
    // Between the two are the words of the system's resolver.
    let starts =
        line.starts_with("thingwire: nonexistent.invalid:1883: host \"nonexistent.invalid\" does not resolve (");
    assert!(starts && line.ends_with("); check the endpoint's spelling and the DNS"), "{line}");
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
}

#[test]
fn certificates_and_keys() {
    let double = Double::start().expect("the double starts");
    let other = Double::start().expect("another double starts");
    let dir = tempfile::tempdir().expect("a directory");
    let with = |flag, path: &str, line: &str| refused_with(&changed(&double, flag, path), 2, line);
    for flag in ["--ca", "--cert", "--key"] {
        with(flag, "/no/such/file", "cannot read /no/such/file: no such file");
        let path = text(dir.path());
        with(flag, path, &format!("cannot read {path}: it is a directory"));
    }
    let cert = text(double.cert_path());
    let swapped = "this is a certificate where the private key belongs; are certificate and key swapped?";
    with("--key", cert, &format!("{cert}: private key: {swapped}"));
    let junk = file(&dir, "junk.key", "nothing of use\n");
    let expected = "no private key found; expected a line -----BEGIN PRIVATE KEY-----, -----BEGIN RSA PRIVATE \
                    KEY----- or -----BEGIN EC PRIVATE KEY-----";
    with("--key", &junk, &format!("{junk}: private key: {expected}"));
    let key = text(other.key_path());
    let mismatch = format!("{key}: the private key does not belong to {cert}, the certificate of \"device\"");
    with("--key", key, &mismatch);
    let encrypted = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/transport/keys/test-p256.encrypted.pem");
    let without =
        "the key is encrypted; give its passphrase, or remove it with: openssl pkey -in ENCRYPTED.key -out PLAIN.key";
    with("--key", encrypted, &format!("{encrypted}: private key: {without}"));
    let passphrase = |text: &str, line: &str| {
        let path = file(&dir, "passphrase", text);
        let mut flags = changed(&double, "--key", encrypted);
        flags.extend(["--key-passphrase-file".to_owned(), path]);
        refused_with(&flags, 2, line);
    };
    let wrong = "the passphrase is wrong, or the key is damaged";
    passphrase("wrong\n", &format!("{encrypted}: private key: {wrong}"));
    // The right one; the key is another certificate's.
    let mismatch = format!("{encrypted}: the private key does not belong to {cert}, the certificate of \"device\"");
    passphrase("thingwire\n", &mismatch);
    passphrase("thingwire", &mismatch);
}

#[test]
fn servers_that_cannot_be_trusted() {
    let double = Double::start().expect("the double starts");
    let other = Double::start().expect("another double starts");
    let at = double.endpoint();
    let issuer = "TLS: the server's certificate \"localhost\" is signed by another \"thingwire test authority\" than the \
                  given root of that name; check the root certificate";
    refused_with(&changed(&double, "--ca", text(other.ca_path())), 4, &format!("{at}: {issuer}"));
    let elsewhere = DoubleOptions::default().server_names(&["elsewhere.example"]).start().expect("a double");
    let name = "TLS: the server's certificate is for \"elsewhere.example\", not for \"localhost\"; check the endpoint's \
                spelling and the server name (SNI)";
    refused_with(&mutual(&elsewhere), 4, &format!("{}: {name}", elsewhere.endpoint()));
    let mut stranger = changed(&double, "--cert", text(other.cert_path()));
    stranger.pop();
    stranger.push(text(other.key_path()).to_owned());
    // The other authority has the same name, so it is the signature that does not fit.
    let refusal = "TLS: the server refused the device certificate \"device\", which is valid from 1975-01-01 00:00:00 UTC \
                   to 4096-01-01 00:00:00 UTC (DecryptError); check that it is the right one, registered and active";
    refused_with(&stranger, 4, &format!("{at}: {refusal}"));
    let without: Vec<String> = mutual(&double).into_iter().take(4).collect();
    let required =
        "TLS: the server refused the connection (CertificateRequired); the server wants a device certificate";
    refused_with(&without, 4, &format!("{at}: {required}"));
    let plain = canned(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let not_tls = format!("{plain}: TLS: the peer does not speak TLS; check the port");
    refused_with(&changed(&double, "--endpoint", &plain), 4, &not_tls);
}

#[test]
fn servers_that_refuse() {
    let (double, address) = plain_double();
    let closed = "the server closed the connection instead of answering CONNECT; check the port, that the \
                  certificate is active, and that its policy allows iot:Connect for this client id";
    let connection = ["--plain", "--endpoint", &address];
    double.refuse_silently();
    refused(&connection, 5, &format!("{address}: {closed}"));
    double.refuse(5);
    let not_authorized = "refused by the server (CONNACK 5): not authorised; check the policy, the credentials and \
                          the client id";
    refused(&connection, 5, &format!("{address}: {not_authorized}"));
    double.refuse(3);
    refused(&connection, 5, &format!("{address}: refused by the server (CONNACK 3): the server is unavailable"));
}

#[test]
fn servers_that_are_not_mqtt() {
    let web = canned(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let line = format!("{web}: not MQTT 3.1.1: a web server answers on this port; check the port");
    refused(&["--plain", "--endpoint", &web], 6, &line);
    let hello = canned(b"\xd0\x00");
    let line = format!("{hello}: not MQTT 3.1.1: the server's first packet is not CONNACK");
    refused(&["--plain", "--endpoint", &hello], 6, &line);
    // The connection is kept open until the command gives up.
    let silent = serve(|mut peer| drop(std::io::copy(&mut peer, &mut std::io::sink())));
    let timeout = "connected, but no answer to CONNECT within the connect timeout; is it an MQTT port?";
    refused(&["--plain", "--endpoint", &silent, "--connect-timeout", "1"], 3, &format!("{silent}: {timeout}"));
}
