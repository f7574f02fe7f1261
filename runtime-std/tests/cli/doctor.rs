//! `thingwire doctor` on whole ways, and against servers that fail in every way there is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use thingwire_sim::double::{Double, DoubleOptions, Visitors};
use thingwire_sim::pki::{Pki, Request};
use thingwire_sim::proxies::{Proxy, ProxyProgram};

use crate::support::{Ended, PATIENCE, Running, canned, command, deserted, mutual, plain_double, serve, thingwire};

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
const SUBACK: [u8; 5] = [0x90, 3, 0, 1, 1];

/// What the doctor says, with these flags and variables.
fn doctor(flags: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = command(&[&["doctor", "--json"], flags].concat());
    command.envs(variables.iter().copied());
    Running::spawn(command).end()
}

fn lines(ended: &Ended) -> Vec<Value> {
    ended.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Steps and how they went; the addresses of `localhost` are this machine's affair.
fn steps(lines: &[Value]) -> Vec<String> {
    let text = |line: &Value, name: &str| line[name].as_str().expect("text").to_owned();
    let mut steps: Vec<_> =
        lines.iter().map(|line| format!("{} {}", text(line, "step"), text(line, "status"))).collect();
    steps.retain(|step| step != "tcp warning");
    steps
}

/// The last step has failed like this, with what is said of it, and it is the one line on standard error.
#[track_caller]
fn assert_failed(ended: &Ended, step: &str, class: &str, code: i32) {
    let lines = lines(ended);
    let last = lines.last().expect("a line");
    let found = (last["step"].as_str(), last["status"].as_str(), last["class"].as_str(), ended.code);
    assert_eq!(found, (Some(step), Some("failed"), Some(class), Some(code)), "{last}");
    assert!(lines[..lines.len() - 1].iter().all(|line| line["status"] != "failed"), "{lines:?}");
    assert!(last["means"].as_str().is_some_and(|means| !means.is_empty()));
    assert!(last["try"].as_array().is_some_and(|tries| !tries.is_empty()));
    let stderr = ended.stderr.lines().last().unwrap_or_default();
    assert_eq!(stderr, format!("thingwire: {}", last["text"].as_str().expect("text")), "{}", ended.stderr);
}

#[track_caller]
fn assert_failing(flags: &[&str], step: &str, class: &str, code: i32) {
    assert_failed(&doctor(flags, &[]), step, class, code);
}

fn as_strs(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

/// The flags for TLS alone.
fn server_only<'a>(endpoint: &'a str, ca: &'a str) -> [&'a str; 4] {
    ["--endpoint", endpoint, "--ca", ca]
}

fn ca(double: &Double) -> &str {
    double.ca_path().to_str().expect("UTF-8")
}

#[test]
fn the_whole_way_with_a_certificate() {
    let double = Double::start().expect("it starts");
    let flags = mutual(&double);
    let more = ["--client-id", "pump-7", "--thing", "pump-7", "--stay", "0.05"];
    let ended = doctor(&[as_strs(&flags), more.to_vec()].concat(), &[]);
    ended.assert_done();
    assert_eq!(ended.stderr, "");
    let lines = lines(&ended);
    let expected = [
        "setup ok",
        "dns ok",
        "tcp ok",
        "tls ok",
        "chain ok",
        "alpn ok",
        "clock ok",
        "device ok",
        "connect ok",
        "subscribe ok",
        "publish ok",
        "receive ok",
        "stay ok",
        "shadow ok",
    ];
    assert_eq!(steps(&lines), expected);
    let line = |step: &str| lines.iter().find(|line| line["step"] == step).expect("it is there");
    assert_eq!(line("setup")["device"]["subject"], "device");
    assert_eq!(line("tls")["version"], "1.3");
    assert_eq!(line("chain")["chain"][0]["subject"], "localhost");
    assert_eq!(line("connect")["client_id"], "pump-7");
    assert_eq!(line("subscribe")["topic"], "thingwire/doctor/pump-7");
    let id = line("device")["certificate_id"].as_str().expect("an id");
    assert!(id.len() == 64 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    assert!(lines.iter().all(|line| line["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0)));
    assert_eq!(double.violations(), []);
    assert!(double.wait_for_clients(&[], PATIENCE), "it has said goodbye");
}

#[test]
fn the_whole_way_of_a_signed_websocket_through_a_proxy_shows_no_secret() {
    let double = Double::options().visitors(Visitors::new().access_key(ID, SECRET)).start().expect("it starts");
    let endpoint = double.endpoint();
    let proxy = Proxy::start(ProxyProgram::Tinyproxy, Some(("user", "hunter2"))).expect("tinyproxy starts");
    let url = proxy.url();
    let way = ["-w", "--region", "eu-west-1", "--proxy", &url];
    let flags = [&server_only(&endpoint, ca(&double))[..], &way].concat();
    let ended = doctor(&flags, &[("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", SECRET)]);
    ended.assert_done();
    let expected = [
        "setup ok",
        "dns ok",
        "credentials ok",
        "tcp ok",
        "proxy ok",
        "tls ok",
        "chain ok",
        "alpn ok",
        "websocket ok",
        "clock ok",
        "connect ok",
        "subscribe ok",
        "publish ok",
        "receive ok",
    ];
    assert_eq!(steps(&lines(&ended)), expected);
    for secret in [SECRET, "hunter2", "X-Amz"] {
        assert!(!ended.text().contains(secret) && !ended.stderr.contains(secret), "{secret}");
    }
    assert_eq!(double.violations(), []);
}

#[test]
fn text_is_for_people() {
    let (double, address) = plain_double();
    double.refuse(5);
    let ended = thingwire(&["doctor", "--plain", "--endpoint", &address]);
    let lines: Vec<&str> = ended.text().lines().collect();
    assert!(
        lines[0].starts_with("ok      setup ") && lines[0].contains(" ms  127.0.0.1 is a custom domain"),
        "{lines:?}"
    );
    let failed = lines.iter().position(|line| line.starts_with("failed  connect ")).expect("it fails");
    assert!(lines[failed + 1].starts_with("  It means: ") && lines[failed + 2].starts_with("  Try: "), "{lines:?}");
    assert_eq!(ended.code, Some(5));
}

#[test]
fn settings_that_cannot_be_used() {
    let double = Double::start().expect("it starts");
    let endpoint = double.endpoint();
    assert_failing(&["--endpoint", "localhost", "--ca", "/no/such/file"], "setup", "setup", 2);
    assert_failing(&[&server_only(&endpoint, ca(&double))[..], &["--topic", "a/#"]].concat(), "setup", "setup", 2);
    assert_failing(&[&server_only(&endpoint, ca(&double))[..], &["--thing", "a b"]].concat(), "setup", "setup", 2);
    let other = Double::start().expect("it starts");
    let mut flags = mutual(&double);
    other.key_path().to_str().expect("UTF-8").clone_into(&mut flags[7]);
    let ended = doctor(&as_strs(&flags), &[]);
    assert_failed(&ended, "setup", "setup", 2);
    assert!(ended.stderr.contains("the private key does not belong to"), "{}", ended.stderr);
    let ended = doctor(&[&server_only(&endpoint, ca(&double))[..], &["-w", "--region", "eu-west-1"]].concat(), &[]);
    assert_failed(&ended, "credentials", "credentials", 2);
}

#[test]
fn names_and_sockets() {
    assert_failing(&["--plain", "--endpoint", "nonexistent.invalid"], "dns", "dns", 3);
    let (address, _held) = deserted();
    assert_failing(&["--plain", "--endpoint", &address], "tcp", "tcp-refused", 3);
}

#[cfg(unix)]
#[test]
fn a_server_that_does_not_take_the_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    // Listening again changes the length of the queue.
    rustix::net::listen(&listener, 0).expect("it listens");
    let address = listener.local_addr().expect("bound");
    let patience = std::time::Duration::from_millis(200);
    let _waiting: Vec<_> = (0..8).filter_map(|_| TcpStream::connect_timeout(&address, patience).ok()).collect();
    let flags = ["--plain", "--connect-timeout", "1", "--endpoint", &address.to_string()];
    assert_failing(&flags, "tcp", "tcp-timeout", 3);
}

/// Takes one TLS connection with a certificate of the authority, and hears its first bytes.
fn tls_server(pki: &Pki, request: &Request) -> String {
    let identity = pki.issue(request).expect("a certificate");
    let chain = vec![CertificateDer::from_pem_slice(identity.cert.as_bytes()).expect("PEM")];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("PEM");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .expect("a usable certificate");
    serve(move |socket| {
        let connection = ServerConnection::new(Arc::new(config)).expect("a usable configuration");
        // It fails as the client says no.
        let _ = StreamOwned::new(connection, socket).read(&mut [0; 16]);
    })
}

#[test]
fn servers_whose_certificates_are_not_good() {
    let double = Double::start().expect("it starts");
    let other = Double::start().expect("it starts");
    let mut flags = mutual(&double);
    ca(&other).clone_into(&mut flags[3]);
    assert_failing(&as_strs(&flags), "chain", "tls-unknown-issuer", 4);
    let elsewhere = DoubleOptions::default().server_names(&["elsewhere.example"]).start().expect("it starts");
    assert_failing(&as_strs(&mutual(&elsewhere)), "chain", "tls-wrong-name", 4);
    for (request, class) in [
        (Request::server(&["127.0.0.1"]).expired(), "tls-expired"),
        (Request::server(&["127.0.0.1"]).early(), "tls-not-yet-valid"),
    ] {
        let endpoint = tls_server(double.pki(), &request);
        assert_failing(&server_only(&endpoint, ca(&double)), "chain", class, 4);
    }
}

#[test]
fn servers_that_do_not_shake_hands() {
    let double = Double::start().expect("it starts");
    let flags = mutual(&double);
    assert_failing(&[as_strs(&flags), vec!["--alpn", "unknown"]].concat(), "alpn", "alpn", 4);
    let web = canned(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_failing(&server_only(&web, ca(&double)), "tls", "tls-not-tls", 4);
    let silent = serve(|mut peer| drop(std::io::copy(&mut peer, &mut std::io::sink())));
    let flags = [&server_only(&silent, ca(&double))[..], &["--connect-timeout", "2"]].concat();
    assert_failing(&flags, "tls", "tls-timeout", 3);
    let closing = serve(|mut peer| drop(peer.read(&mut [0; 16])));
    let ended = doctor(&server_only(&closing, ca(&double)), &[]);
    assert_failed(&ended, "tls", "tls-closed", 4);
}

#[test]
fn devices_that_are_not_let_in() {
    let double = Double::start().expect("it starts");
    let endpoint = double.endpoint();
    assert_failing(&server_only(&endpoint, ca(&double)), "device", "device-certificate-missing", 4);
    let other = Double::start().expect("it starts");
    let mut flags = mutual(&other);
    endpoint.clone_into(&mut flags[1]);
    ca(&double).clone_into(&mut flags[3]);
    assert_failing(&as_strs(&flags), "device", "device-refused", 4);
}

#[test]
fn servers_that_refuse_connect() {
    let (double, address) = plain_double();
    let flags = ["--plain", "--endpoint", &address];
    for code in 1..=5 {
        double.refuse(code);
        assert_failing(&flags, "connect", &format!("connack-{code}"), 5);
    }
    double.refuse_silently();
    assert_failing(&flags, "connect", "connect-closed", 5);
    let web = canned(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    assert_failing(&["--plain", "--endpoint", &web], "connect", "not-mqtt", 6);
    let silent = serve(|mut peer| drop(std::io::copy(&mut peer, &mut std::io::sink())));
    let flags = ["--plain", "--endpoint", &silent, "--connect-timeout", "2"];
    assert_failing(&flags, "connect", "connack-timeout", 3);
}

/// Reads one short packet.
fn skip(peer: &mut TcpStream) {
    let mut header = [0; 2];
    peer.read_exact(&mut header).expect("a packet");
    peer.read_exact(&mut vec![0; usize::from(header[1])]).expect("the whole packet");
}

/// A server that gives each packet an answer, and behind the last one waits for the end or closes.
fn scripted(answers: &'static [&'static [u8]], waits: bool) -> String {
    serve(move |mut peer| {
        for answer in answers {
            skip(&mut peer);
            peer.write_all(answer).expect("the command listens");
        }
        if waits {
            let _ = std::io::copy(&mut peer, &mut std::io::sink());
        } else {
            skip(&mut peer);
        }
    })
}

#[test]
fn subscriptions_and_messages_that_are_not_allowed() {
    let (double, address) = plain_double();
    let flags = ["--plain", "--endpoint", &address, "--topic", "secret/room"];
    double.change_rules(|rules| rules.deny_subscribe.push("secret".to_owned()));
    assert_failing(&flags, "subscribe", "subscribe-refused", 5);
    double.change_rules(|rules| {
        rules.deny_subscribe.clear();
        rules.deny_publish.push("secret".to_owned());
    });
    assert_failing(&flags, "publish", "publish-closed", 5);
    let with = |address: &str, step, class, code| {
        let flags = ["--plain", "--endpoint", address, "--topic", "t", "--operation-timeout", "1.5"];
        assert_failing(&flags, step, class, code);
    };
    with(&scripted(&[&CONNACK], false), "subscribe", "subscribe-closed", 5);
    with(&scripted(&[&CONNACK], true), "subscribe", "subscribe-timeout", 3);
    with(&scripted(&[&CONNACK, &SUBACK], true), "publish", "publish-timeout", 3);
    with(&scripted(&[&CONNACK, &SUBACK, &[0x40, 2, 0, 2]], true), "receive", "not-delivered", 5);
}

#[test]
fn upgrades_that_are_refused() {
    let visitors = || Visitors::new().access_key(ID, SECRET);
    let double = Double::options().visitors(visitors()).start().expect("it starts");
    let endpoint = double.endpoint();
    let flags = [&server_only(&endpoint, ca(&double))[..], &["-w", "--region", "eu-west-1"]].concat();
    let wrong = [("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", "another")];
    assert_failed(&doctor(&flags, &wrong), "websocket", "websocket-forbidden", 5);
    double.change_visitors(visitors().clock_ahead(-3_600));
    let right = [("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    assert_failed(&doctor(&flags, &right), "clock", "clock-skew", 5);
}

#[test]
fn servers_that_are_no_websockets() {
    let with = |server: &str, class, code| {
        assert_failing(&["--plain", "-w", "--connect-timeout", "2", "--endpoint", server], "websocket", class, code);
    };
    with(&canned(b"HTTP/1.1 302 Found\r\nLocation: http://login.example/?next=x\r\n\r\n"), "websocket-redirect", 6);
    let html = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>";
    with(&canned(html), "websocket-not-there", 5);
    with(&canned(b"\x20\x02\0\0"), "websocket-not-there", 6);
    with(&serve(|mut peer| drop(peer.read(&mut [0; 4096]))), "websocket-closed", 6);
    with(&serve(|mut peer| drop(std::io::copy(&mut peer, &mut std::io::sink()))), "websocket-timeout", 3);
}

#[test]
fn proxies_that_do_not_let_through() {
    let (_double, address) = plain_double();
    let with = |proxy: String, class, code| {
        let flags =
            ["--plain", "--endpoint", &address, "--connect-timeout", "2", "--proxy", &format!("http://{proxy}")];
        assert_failing(&flags, "proxy", class, code);
    };
    let login = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n";
    with(canned(login), "proxy-login", 3);
    with(canned(b"HTTP/1.1 403 Forbidden\r\n\r\n"), "proxy-forbidden", 3);
    with(canned(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), "proxy-unreachable", 3);
    with(canned(b"SSH-2.0-OpenSSH\r\n"), "proxy-protocol", 3);
    with(serve(|mut peer| drop(std::io::copy(&mut peer, &mut std::io::sink()))), "proxy-timeout", 3);
}

#[test]
fn a_client_id_that_somebody_else_takes() {
    let (_double, address) = plain_double();
    let flags = ["doctor", "--json", "--plain", "--endpoint", &address, "--client-id", "pump-7", "--stay", "60"];
    let (doctor, stdout) = Running::spawn_unread(command(&flags));
    let mut said = BufReader::new(stdout).lines().map(|line| line.expect("text"));
    let mut stdout: Vec<_> = said.by_ref().take_while(|line| !line.contains("\"receive\"")).collect();
    let flags = ["sub", "--plain", "--endpoint", &address, "--topic", "t", "--client-id", "pump-7", "--verbose"];
    let _other = Running::subscribed(&flags);
    stdout.extend(said);
    let ended = Ended { stdout: stdout.join("\n").into_bytes(), ..doctor.end() };
    assert_failed(&ended, "stay", "taken-over", 5);
}

#[test]
fn shadows_that_are_not_to_be_had() {
    let (double, address) = plain_double();
    double.change_rules(|rules| rules.deny_subscribe.push("$aws/things".to_owned()));
    let flags = ["--plain", "--endpoint", &address, "--topic", "none", "--thing", "pump-7", "--operation-timeout", "2"];
    assert_failing(&flags, "shadow", "shadow-subscribe-refused", 5);
}

#[test]
fn a_recording_of_the_walk_can_be_had() {
    let (_double, address) = plain_double();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("walk.trace");
    let flags = ["doctor", "--plain", "--endpoint", &address, "--record", path.to_str().expect("UTF-8")];
    thingwire(&flags).assert_done();
    assert!(std::fs::read(path).is_ok_and(|recording| !recording.is_empty()));
}
