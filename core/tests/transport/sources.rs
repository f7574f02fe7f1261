//! Where credentials come from: files, chains, and services behind local servers.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "what is tested here is outside of the core")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use thingwire_core::sources::{CognitoPool, IotRole, SharedFiles, Variables};
use thingwire_core::transport::{Credentials, CredentialsSource, Identity, NoCredentials, ProxyConfig, Roots};

use crate::pki::{Authority, Leaf, Version, expired, server_config};

const NOW: u64 = 1_700_000_000;
const SECRET: &str = "wJalrSECRET";

fn variables(pairs: &[(&str, &str)]) -> Variables {
    let map: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Variables::new(move |name| map.get(name).cloned())
}

/// Whose credentials these are, or why there are none; no secret is in either.
fn outcome(source: &CredentialsSource) -> String {
    let text = match source.find(NOW) {
        Ok(credentials) => format!("{} until {:?}", credentials.access_key_id(), credentials.expires_at_secs()),
        Err(NoCredentials::Absent { why }) => format!("absent: {why}"),
        Err(NoCredentials::Broken { why }) => format!("broken: {why}"),
        Err(NoCredentials::Unavailable { why }) => format!("unavailable: {why}"),
        Err(other) => panic!("{other}"),
    };
    assert!(!text.contains(SECRET) && !format!("{source:?}").contains(SECRET), "{text}");
    assert!(!text.contains('\n'), "one line: {text}");
    text
}

fn elsewhere(path: &str) -> (&str, &str) {
    ("AWS_SHARED_CREDENTIALS_FILE", path)
}

fn keys(id: &str) -> String {
    format!("aws_access_key_id = {id}\naws_secret_access_key = {SECRET}\n")
}

#[test]
fn the_environment_gives_both_parts_or_none() {
    let id = ("AWS_ACCESS_KEY_ID", "AKID");
    let secret = ("AWS_SECRET_ACCESS_KEY", SECRET);
    let token = ("AWS_SESSION_TOKEN", "SECRETt/+==");
    let cases: [&[(&str, &str)]; 8] = [
        &[id, secret],
        &[id, secret, token],
        &[],
        &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")],
        &[id],
        &[secret],
        &[token],
        &[("AWS_ACCESS_KEY_ID", "AKID "), secret],
    ];
    let table = cases.map(|pairs| outcome(&CredentialsSource::environment_of(variables(pairs))));
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn shared_files_are_found_by_the_variables_of_awss_own_tools() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(folder.path().join(".aws")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(".aws/credentials", &format!("[default]\n{}[me]\n{}", keys("HOME"), keys("ME")));
    write(
        ".aws/config",
        &format!("[default]\nregion = r\n[profile inconfig]\n{}[profile half]\nregion = r\n", keys("CFG")),
    );
    write("other", &format!("[DEFAULT]\n{}[half]\naws_access_key_id = X\n", keys("OLD")));
    write("broken", &format!("[default]\n{}{SECRET}\n", keys("X")));
    let fits = format!("[default]\n{}", keys("FITS"));
    write("fits", &format!("{fits}{}", "#".repeat(1024 * 1024 - fits.len())));
    write("large", &"#".repeat(1024 * 1024 + 1));
    let home = folder.path().display().to_string();
    let ask = |profile: Option<&str>, more: &[(&str, &str)]| {
        let mut pairs = vec![("HOME", home.as_str())];
        pairs.extend_from_slice(more);
        let mut files = SharedFiles::new().with_variables(variables(&pairs));
        if let Some(profile) = profile {
            files = files.with_profile(profile);
        }
        outcome(&CredentialsSource::shared_files(files)).replace(&home, "~")
    };
    let [other, broken, fits, large, none] = ["other", "broken", "fits", "large", "none"].map(at);
    let long = at(&"x".repeat(300));
    let table = [
        ask(None, &[]),
        ask(None, &[("AWS_PROFILE", "me")]),
        ask(Some("me"), &[("AWS_PROFILE", "other")]),
        ask(Some("inconfig"), &[]),
        ask(None, &[elsewhere(&other)]),
        ask(None, &[elsewhere("~/other")]),
        ask(Some("inconfig"), &[elsewhere(&none)]),
        ask(None, &[elsewhere(&none)]),
        ask(None, &[elsewhere(&none), ("AWS_CONFIG_FILE", &none)]),
        ask(None, &[("AWS_CONFIG_FILE", &other)]),
        ask(None, &[elsewhere(&none), ("AWS_CONFIG_FILE", &other)]),
        ask(Some("nobody"), &[]),
        ask(Some("nobody"), &[elsewhere(&other)]),
        ask(Some("half"), &[]),
        ask(Some("half"), &[elsewhere(&other)]),
        ask(None, &[elsewhere(&broken)]),
        ask(None, &[elsewhere(&fits)]),
        ask(None, &[elsewhere(&large)]),
        ask(None, &[elsewhere(&long)]).replace(&"x".repeat(300), "xxx"),
        ask(None, &[elsewhere(&home)]),
        outcome(&CredentialsSource::shared_files(SharedFiles::new().with_variables(variables(&[])))),
    ];
    insta::assert_snapshot!(table.join("\n"));
}

#[cfg(unix)]
#[test]
fn a_profile_may_name_a_program_whose_answer_is_kept_while_it_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let script = folder.path().join("give me.sh");
    let answer = format!(
        r#"{{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"{SECRET}","SessionToken":"t","Expiration":"2099-01-01T00:00:00Z"}}"#
    );
    std::fs::write(&script, format!("echo once >> '{}'\necho '{answer}'\n", count.display())).unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, format!("[default]\ncredential_process = sh \"{}\"\n", script.display())).unwrap();
    let file = file.display().to_string();
    let files = SharedFiles::new().with_variables(variables(&[("AWS_CONFIG_FILE", &file)]));
    let source = CredentialsSource::shared_files(files);
    let runs = || std::fs::read_to_string(&count).unwrap().lines().count();
    for _ in 0..2 {
        assert_eq!(outcome(&source), "AKID until Some(4070908800)");
        assert_eq!(runs(), 1);
    }
    source.refused();
    outcome(&source);
    assert_eq!(runs(), 2, "asked again after a refusal");
}

#[test]
fn a_chain_passes_over_what_has_none_and_ends_at_what_is_broken() {
    let absent = || CredentialsSource::environment_of(variables(&[]));
    let broken = || CredentialsSource::environment_of(variables(&[("AWS_ACCESS_KEY_ID", "AKID")]));
    let good = |id: &str| CredentialsSource::from(Credentials::new(id, SECRET).unwrap());
    assert_eq!(outcome(&CredentialsSource::chain([absent(), good("A"), good("B")])), "A until None");
    assert_eq!(outcome(&CredentialsSource::chain([good("A"), broken()])), "A until None");
    assert!(outcome(&CredentialsSource::chain([absent(), broken(), good("B")])).starts_with("broken: environment"));
    let nested = CredentialsSource::chain([CredentialsSource::chain([absent()]), absent()]);
    assert!(outcome(&nested).starts_with("absent: none found (none found (environment"), "{}", outcome(&nested));
    assert!(outcome(&CredentialsSource::chain([])).starts_with("absent"));
}

/// What a server does with one connection, once TLS is there.
type Serve = Box<dyn FnOnce(&mut dyn Stream) + Send>;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

struct Service {
    port: u16,
    /// The request of every connection, head and body.
    requests: Receiver<String>,
}

/// Serves one connection after the other, each with the next of `answers`.
fn service(config: ServerConfig, answers: Vec<Serve>) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, requests) = mpsc::channel();
    let config = Arc::new(config);
    thread::spawn(move || {
        for answer in answers {
            let (socket, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), socket);
            // A client that does not trust the server says so and goes.
            let Some(request) = read_request(&mut stream) else { continue };
            let _ = sender.send(request);
            answer(&mut stream);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    Service { port, requests }
}

fn read_request(stream: &mut StreamOwned<ServerConnection, TcpStream>) -> Option<String> {
    let mut text = String::new();
    let mut byte = [0];
    let complete = |text: &str| {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        (length.map_or(0, |length| length.parse().unwrap()) == body.len()).then_some(())
    };
    while complete(&text).is_none() {
        stream.read_exact(&mut byte).ok()?;
        text.push(char::from(byte[0]));
    }
    Some(text)
}

fn answer(text: impl Into<String>) -> Serve {
    let text = text.into();
    // The client may have heard enough before the end.
    Box::new(move |stream| drop(stream.write_all(text.as_bytes())))
}

fn json(status: u16, body: &str) -> Serve {
    answer(format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

struct World {
    authority: Authority,
    server: Leaf,
    device: Leaf,
}

impl World {
    fn new() -> Self {
        let authority = Authority::new("root");
        let (server, device) = (authority.server(), authority.device());
        Self { authority, server, device }
    }

    fn roots(&self) -> Roots {
        Roots::from_pem(self.authority.pem().as_bytes()).unwrap()
    }

    fn serve(&self, answers: Vec<Serve>) -> Service {
        service(server_config(&self.server, Some(&self.authority), Version::Tls13), answers)
    }

    fn serve_strangers(&self, answers: Vec<Serve>) -> Service {
        service(server_config(&self.server, None, Version::Tls12), answers)
    }

    fn role(&self, port: u16) -> IotRole {
        let identity = Identity::from_pem(self.device.certificate.as_bytes(), self.device.key.as_bytes()).unwrap();
        IotRole::new(&format!("127.0.0.1:{port}"), "my-alias", identity, self.roots()).unwrap()
    }

    fn pool(&self, port: u16) -> CognitoPool {
        let pool = CognitoPool::new("eu-west-1:0123-abc", self.roots()).unwrap();
        pool.with_endpoint(&format!("127.0.0.1:{port}")).unwrap()
    }
}

fn iot_answer(id: &str, expiration: &str) -> String {
    format!(
        r#"{{"credentials":{{"accessKeyId":"{id}","secretAccessKey":"{SECRET}","sessionToken":"t{SECRET}","expiration":"{expiration}"}}}}"#
    )
}

#[test]
fn a_device_takes_its_role_by_its_certificate() {
    let world = World::new();
    let body = iot_answer("ROLE", "2023-11-14T23:13:20Z");
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let until_close = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    for (index, served) in [json(200, &body), answer(chunked), answer(until_close)].into_iter().enumerate() {
        let service = world.serve(vec![served]);
        let mut role = world.role(service.port);
        if index == 0 {
            role = role.with_thing("my:thing_1");
        }
        assert_eq!(outcome(&CredentialsSource::iot(role)), "ROLE until Some(1700003600)");
        let request = service.requests.recv().unwrap().replace(&service.port.to_string(), "PORT");
        if index == 0 {
            insta::assert_snapshot!(request.replace('\r', ""));
        }
    }
}

#[test]
fn what_goes_wrong_with_a_service_is_told_with_its_name_and_what_to_do() {
    let world = World::new();
    let good = || iot_answer("ROLE", "2023-11-14T23:13:20Z");
    let cases: Vec<(&str, Serve)> = vec![
        ("403", json(403, r#"{"message":"Access Denied"}"#)),
        ("404", json(404, r#"{"message":"Role alias does not exist"}"#)),
        ("400 without words", json(400, "")),
        ("503", json(503, "no JSON")),
        ("redirect", answer("HTTP/1.1 302 x\r\nLocation: https://evil/?SECRET\r\nContent-Length: 0\r\n\r\n")),
        ("redirect to nowhere", answer("HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n")),
        ("web page", answer("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>wJalrSECRET")),
        ("not JSON", json(200, SECRET)),
        ("another JSON", json(200, &format!("{{\"token\":\"{SECRET}\"}}"))),
        ("oversized", answer(format!("HTTP/1.1 200 OK\r\n\r\n{}", "a".repeat(100_000)))),
        ("long head", answer(format!("HTTP/1.1 200 OK\r\na: {}", "a".repeat(20_000)))),
        ("cut off", answer(format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}", good()))),
        ("nothing", answer("")),
        ("not HTTP", answer("SSH-2.0")),
        ("expired", json(200, &iot_answer("ROLE", "2023-11-14T22:13:20Z"))),
    ];
    let mut table = String::new();
    for (name, served) in cases {
        let service = world.serve(vec![served]);
        let source = CredentialsSource::iot(world.role(service.port));
        let text = outcome(&source).replace(&service.port.to_string(), "PORT");
        writeln!(table, "{name}: {text}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_server_or_a_device_that_cannot_prove_itself_gets_nothing() {
    let world = World::new();
    let other = World::new();
    let mut table = String::new();
    let mut tell = |name: &str, port: u16, role: IotRole| {
        let text = outcome(&CredentialsSource::iot(role)).replace(&format!(":{port}"), ":PORT");
        let text = crate::faults::without_now(&text);
        writeln!(table, "{name}: {text}").unwrap();
    };
    let service = other.serve(vec![answer("")]);
    tell("unknown issuer", service.port, world.role(service.port));
    assert!(service.requests.recv().is_err(), "nothing was asked");
    let old = world.authority.server_with(expired);
    let service = self::service(server_config(&old, None, Version::Tls13), vec![answer("")]);
    tell("expired", service.port, world.role(service.port));
    for version in Version::BOTH {
        let config = server_config(&world.server, Some(&other.authority), version);
        let service = self::service(config, vec![answer("")]);
        tell("device of another authority", service.port, world.role(service.port));
    }
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = plain.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut socket = plain.accept().unwrap().0;
        socket.write_all(b"HTTP/1.1 400 x\r\n\r\n").unwrap();
        let _ = socket.read(&mut [0; 1000]);
    });
    tell("not TLS", port, world.role(port));
    server.join().unwrap();
    tell("nobody", 1, world.role(1));
    insta::assert_snapshot!(table);
}

#[test]
fn a_service_that_hangs_is_given_up_at_every_stage() {
    let world = World::new();
    let limit = Duration::from_millis(300);
    let gate = Arc::new(Mutex::new(()));
    let hold = gate.lock().unwrap();
    let hang = |first: &'static str| -> Serve {
        let gate = Arc::clone(&gate);
        Box::new(move |stream| {
            stream.write_all(first.as_bytes()).unwrap();
            stream.flush().unwrap();
            drop(gate.lock());
        })
    };
    for first in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"] {
        let service = world.serve(vec![hang(first)]);
        let text = outcome(&CredentialsSource::iot(world.role(service.port).with_timeout(limit)));
        assert!(text.ends_with("no answer within 0.3 s; check the endpoint and the network"), "{text}");
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let text = outcome(&CredentialsSource::iot(world.role(port).with_timeout(limit)));
    assert!(text.contains("no answer within 0.3 s"), "{text}");
    let proxy = ProxyConfig::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let text = outcome(&CredentialsSource::iot(world.role(port).with_timeout(limit).with_proxy(proxy)));
    assert!(text.contains("no answer within 0.3 s"), "{text}");
    drop(hold);
}

#[test]
fn a_role_is_kept_while_it_is_good_and_taken_again_when_the_server_refuses_it() {
    let world = World::new();
    let served = |id: &str, expiration: &str| json(200, &iot_answer(id, expiration));
    let service = world.serve(vec![
        served("FIRST", "2023-11-14T23:13:20Z"),
        served("SECOND", "2023-11-14T23:13:20Z"),
        served("THIRD", "2023-11-15T23:13:20Z"),
    ]);
    let source = CredentialsSource::iot(world.role(service.port));
    let id = |at: u64| source.find(at).unwrap().access_key_id().to_owned();
    assert_eq!([id(NOW), id(NOW + 3_000)], ["FIRST", "FIRST"]);
    source.refused();
    assert_eq!([id(NOW + 3_000), id(NOW + 3_299)], ["SECOND", "SECOND"]);
    assert_eq!(id(NOW + 3_300), "THIRD", "before it expires");
}

#[test]
fn a_pool_tells_who_we_are_once_and_gives_credentials_for_that() {
    let world = World::new();
    let credentials = |id: &str| {
        let body = format!(
            r#"{{"IdentityId":"eu-west-1:me","Credentials":{{"AccessKeyId":"{id}","SecretKey":"{SECRET}","SessionToken":"t","Expiration":1.7000036E9}}}}"#
        );
        json(200, &body)
    };
    let refusal = |kind: &str| json(400, &format!(r#"{{"__type":"{kind}","message":"no"}}"#));
    let me = |id: &str| json(200, &format!(r#"{{"IdentityId":"eu-west-1:{id}"}}"#));
    let service = world.serve_strangers(vec![
        me("me"),
        credentials("FIRST"),
        refusal("TooManyRequestsException"),
        credentials("SECOND"),
        refusal("ResourceNotFoundException"),
        me("other"),
        credentials("THIRD"),
    ]);
    let pool = world.pool(service.port);
    let source = CredentialsSource::from_provider(pool.clone());
    let told = [(); 5].map(|()| outcome(&source).replace(&service.port.to_string(), "PORT"));
    let asked: Vec<_> =
        service.requests.try_iter().map(|text| text.replace(&service.port.to_string(), "PORT")).collect();
    insta::assert_snapshot!(format!("{}\n\n{}", told.join("\n"), asked.join("\n\n")).replace('\r', ""));
}

#[test]
fn names_that_no_service_has_are_refused_before_anybody_is_asked() {
    let world = World::new();
    for pool in ["", "eu-west-1", "eu-west-1:", "Europe:1", "eu-west-1:a b", "eu-west-1:a/b"] {
        CognitoPool::new(pool, world.roots()).unwrap_err();
    }
    let identity = || Identity::from_pem(world.device.certificate.as_bytes(), world.device.key.as_bytes()).unwrap();
    IotRole::new("https://abc", "a", identity(), world.roots()).unwrap_err();
    for (alias, thing) in [("", "t"), ("a/b", "t"), ("a\r\nX: y", "t"), ("a", "t\r\nX: y"), ("a", "")] {
        let role = IotRole::new("127.0.0.1:1", alias, identity(), world.roots()).unwrap().with_thing(thing);
        let text = outcome(&CredentialsSource::iot(role));
        assert!(text.contains("expected up to 128"), "{text}");
    }
}

#[test]
fn without_files_there_is_nothing_unusual() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display().to_string();
    let files = SharedFiles::new().with_variables(variables(&[("HOME", &home)]));
    assert!(outcome(&CredentialsSource::shared_files(files)).starts_with("absent"));
}
