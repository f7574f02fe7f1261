//! The model broker behind real sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use thingwire_sim::broker::{KeepAlive, Message, Qos, Rules, ViolationKind};
use thingwire_sim::double::Double;
use thingwire_sim::pki::{Identity, KeyKind, Pki, Request};
use thingwire_sim::shadow::ShadowName;

use crate::packets::{Connect, DISCONNECT, PINGREQ, connack, puback, publish0, publish1, suback, subscribe};

/// Longer than anything here takes, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(20);

fn plain_double() -> Double {
    Double::options().plain_port(0).start().unwrap()
}

/// A client on the plain port, with a read timeout instead of a hang.
fn plain(double: &Double) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", double.plain_port().unwrap())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn online(double: &Double, connect: &Connect<'_>) -> TcpStream {
    let mut stream = plain(double);
    stream.write_all(&connect.bytes()).unwrap();
    assert_reads(&mut stream, &connack(false, 0));
    stream
}

/// Exactly these bytes come next.
fn assert_reads(stream: &mut impl Read, expected: &[u8]) {
    let mut got = vec![0; expected.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, expected);
}

/// What a TLS client may vary.
struct Tls<'a> {
    identity: Option<&'a Identity>,
    versions: &'a [&'static SupportedProtocolVersion],
    alpn: Option<&'a str>,
    name: &'a str,
}

impl Default for Tls<'_> {
    fn default() -> Self {
        Self { identity: None, versions: rustls::ALL_VERSIONS, alpn: None, name: "localhost" }
    }
}

impl Tls<'_> {
    /// Connects and takes the CONNACK.
    fn connect(&self, double: &Double) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(double.pki().ca().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(self.versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(Identity { cert, traditional_key, .. }) => {
                let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(traditional_key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(self.name.to_owned()).unwrap();
        let socket = TcpStream::connect(("127.0.0.1", double.port()))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(ClientConnection::new(config.into(), name).unwrap(), socket);
        stream.write_all(&Connect::clean("tls").bytes())?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        assert_eq!(answer, connack(false, 0)[..]);
        Ok(stream)
    }
}

#[test]
fn a_device_comes_in_with_either_version_of_tls_either_kind_of_key_and_the_alpn_of_port_443() {
    let double = Double::start().unwrap();
    let rsa = double.pki().issue(&Request::device("rsa").with_key(KeyKind::Rsa2048)).unwrap();
    for identity in [double.pki().device(), &rsa] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            for alpn in [None, Some("x-amzn-mqtt-ca")] {
                let tls = Tls { identity: Some(identity), versions: &[version], alpn, ..Tls::default() };
                let mut stream = tls.connect(&double).unwrap();
                stream.write_all(PINGREQ).unwrap();
                assert_reads(&mut stream, &[0xd0, 0]);
                assert_eq!(stream.conn.alpn_protocol(), alpn.map(str::as_bytes));
            }
        }
    }
}

#[test]
fn a_client_without_a_right_certificate_stays_out() {
    let double = Double::start().unwrap();
    let expired = double.pki().issue(&Request::device("late").expired()).unwrap();
    let stranger = Pki::new().unwrap();
    for identity in [None, Some(&expired), Some(stranger.device())] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let tls = Tls { identity, versions: &[version], ..Tls::default() };
            assert!(tls.connect(&double).is_err());
        }
    }
    assert!(double.violations().is_empty());
}

#[test]
fn without_client_authentication_nobody_needs_a_certificate() {
    let double = Double::options().client_auth(false).start().unwrap();
    Tls::default().connect(&double).unwrap();
}

#[test]
fn where_a_server_name_is_required_an_address_is_not_enough() {
    let double = Double::options().require_sni(true).start().unwrap();
    let identity = Some(double.pki().device());
    Tls { identity, ..Tls::default() }.connect(&double).unwrap();
    assert!(Tls { identity, name: "127.0.0.1", ..Tls::default() }.connect(&double).is_err());
}

#[test]
fn the_server_goes_by_the_names_it_is_given() {
    let double = Double::options().server_names(&["endpoint.iot.example"]).start().unwrap();
    let identity = Some(double.pki().device());
    Tls { identity, name: "endpoint.iot.example", ..Tls::default() }.connect(&double).unwrap();
    assert!(Tls { identity, name: "localhost", ..Tls::default() }.connect(&double).is_err());
}

#[test]
fn a_message_goes_from_one_socket_to_another() {
    let double = plain_double();
    let mut subscriber = online(&double, &Connect::clean("s"));
    subscriber.write_all(&subscribe(1, &[("t", 1)])).unwrap();
    assert_reads(&mut subscriber, &suback(1, &[1]));
    let mut publisher = online(&double, &Connect::clean("p"));
    publisher.write_all(&publish1(5, "t", b"hello")).unwrap();
    assert_reads(&mut publisher, &puback(5));
    assert_reads(&mut subscriber, &publish1(1, "t", b"hello"));
    assert_eq!(double.messages()[0].payload, b"hello"[..]);
    assert_eq!(double.clients(), ["p", "s"]);
}

#[test]
fn a_message_of_the_server_reaches_its_subscriber() {
    let double = plain_double();
    let mut subscriber = online(&double, &Connect::clean("s"));
    subscriber.write_all(&subscribe(1, &[("t", 1)])).unwrap();
    assert_reads(&mut subscriber, &suback(1, &[1]));
    let message =
        |topic: &str| Message { topic: topic.into(), payload: b"x"[..].into(), qos: Qos::AtMostOnce, retain: false };
    assert!(double.publish(message("t")));
    assert!(!double.publish(message("#")));
    assert_reads(&mut subscriber, &publish0("t", b"x"));
}

#[test]
fn a_shadow_is_served_looked_at_and_changed_from_behind() {
    let double = plain_double();
    let name = ShadowName::named("lamp", "light").unwrap();
    let mut device = online(&double, &Connect::clean("lamp"));
    device.write_all(&subscribe(1, &[("$aws/things/lamp/shadow/name/light/update/delta", 1)])).unwrap();
    assert_reads(&mut device, &suback(1, &[1]));
    let report = br#"{"state":{"reported":{"on":false}}}"#;
    device.write_all(&publish1(5, "$aws/things/lamp/shadow/name/light/update", report)).unwrap();
    assert_reads(&mut device, &puback(5));
    assert_eq!(double.shadow(&name).unwrap()["state"]["reported"]["on"], false);
    double.change_shadows(|service| service.rules_mut().size_max = 20);
    assert_eq!(double.update_shadow(&name, r#"{"state":{"desired":{"on":true}}}"#).unwrap_err().code, 413);
    double.change_shadows(|service| service.rules_mut().size_max = 200);
    assert_eq!(double.update_shadow(&name, r#"{"state":{"desired":{"on":true}}}"#), Ok(2));
    let mut header = [0; 2];
    device.read_exact(&mut header).unwrap();
    assert_eq!(header[0], 0x32, "the delta, with the quality of service that was granted");
}

#[test]
fn a_violation_is_reported_and_the_connection_closed() {
    let (sender, reported) = std::sync::mpsc::channel();
    let double = Double::options().plain_port(0).violations_to(sender).start().unwrap();
    let mut client = online(&double, &Connect::clean("bad"));
    client.write_all(&puback(1)).unwrap();
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 0);
    let violations = double.wait_for_violations(1, PATIENCE);
    assert_eq!(violations[0].kind, ViolationKind::UnknownPuback);
    assert_eq!(reported.recv_timeout(PATIENCE).unwrap(), violations[0]);
}

#[test]
fn a_refusing_double_says_its_code_until_it_accepts_again() {
    let double = plain_double();
    double.refuse(5);
    let mut client = plain(&double);
    client.write_all(&Connect::clean("a").bytes()).unwrap();
    assert_reads(&mut client, &connack(false, 5));
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 0);
    double.refuse_silently();
    let mut client = plain(&double);
    client.write_all(&Connect::clean("a").bytes()).unwrap();
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 0);
    double.accept();
    online(&double, &Connect::clean("a"));
}

#[test]
fn dropped_connections_are_reset_and_new_ones_welcome() {
    let double = plain_double();
    let mut old = online(&double, &Connect::clean("a"));
    assert_eq!(double.drop_connections(), 1);
    assert_eq!(old.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(double.clients().is_empty());
    online(&double, &Connect::clean("a"));
}

#[test]
fn a_kicked_client_is_closed_in_good_order() {
    let double = plain_double();
    let mut client = online(&double, &Connect::clean("a"));
    assert!(!double.kick("b"));
    assert!(double.kick("a"));
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn a_frozen_double_answers_only_after_the_thaw() {
    let double = plain_double();
    let mut client = online(&double, &Connect::clean("a"));
    double.freeze(true);
    client.write_all(PINGREQ).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(client.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
    double.freeze(false);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_reads(&mut client, &[0xd0, 0]);
}

#[test]
fn a_silent_client_is_closed_after_its_keep_alive() {
    let rules = Rules { keep_alive: KeepAlive::AsAsked, ..Rules::aws() };
    let double = Double::options().plain_port(0).rules(rules).start().unwrap();
    let mut client = online(&double, &Connect { keep_alive: 1, ..Connect::clean("a") });
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn a_client_that_disconnects_is_gone() {
    let double = plain_double();
    let mut client = online(&double, &Connect::clean("a"));
    client.write_all(DISCONNECT).unwrap();
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 0);
    assert!(double.wait_for_clients(&[], PATIENCE));
}

#[test]
fn a_peer_that_reads_nothing_holds_up_nobody_and_is_cut_off() {
    let double = plain_double();
    let mut deaf = online(&double, &Connect::clean("deaf"));
    deaf.write_all(&subscribe(1, &[("t", 0)])).unwrap();
    assert_reads(&mut deaf, &suback(1, &[0]));
    let mut publisher = online(&double, &Connect::clean("p"));
    let megabyte: Vec<u8> = (0..16).flat_map(|_| publish0("t", &vec![0; 64 * 1024])).collect();
    // More than any socket buffers, ours included.
    for _ in 0..64 {
        publisher.write_all(&megabyte).unwrap();
    }
    publisher.write_all(PINGREQ).unwrap();
    assert_reads(&mut publisher, &[0xd0, 0]);
    assert!(double.wait_for_clients(&["p"], PATIENCE));
}

#[test]
fn bytes_one_by_one_are_as_good_as_all_at_once() {
    let double = plain_double();
    let mut client = plain(&double);
    client.set_nodelay(true).unwrap();
    for byte in Connect::clean("slow").bytes() {
        client.write_all(&[byte]).unwrap();
    }
    assert_reads(&mut client, &connack(false, 0));
}

#[test]
fn a_message_of_the_largest_size_goes_through_tls_both_ways() {
    let double = Double::start().unwrap();
    let mut client = Tls { identity: Some(double.pki().device()), ..Tls::default() }.connect(&double).unwrap();
    client.write_all(&subscribe(1, &[("t", 0)])).unwrap();
    assert_reads(&mut client, &suback(1, &[0]));
    let message = publish0("t", &vec![7; 128 * 1024]);
    client.write_all(&message).unwrap();
    assert_reads(&mut client, &message);
}

#[test]
fn a_port_in_use_and_a_directory_that_is_none_are_named_in_the_error() {
    let double = Double::start().unwrap();
    let error = Double::options().port(double.port()).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", double.port())), "{error}");
    let file = double.ca_path();
    let error = Double::options().dir(file).start().unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[test]
fn the_end_closes_everything_and_removes_temporary_files() {
    let double = plain_double();
    let ca = double.ca_path().to_owned();
    assert!(ca.is_file());
    let port = double.plain_port().unwrap();
    let mut client = online(&double, &Connect::clean("a"));
    double.stop();
    assert!(!matches!(client.read(&mut [0; 9]), Ok(1..)));
    assert_eq!(TcpStream::connect(("127.0.0.1", port)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(!ca.exists());
}

#[test]
fn files_in_a_directory_of_the_callers_stay() {
    let dir = tempfile::tempdir().unwrap();
    let double = Double::options().dir(dir.path().join("new")).start().unwrap();
    let key = double.key_path().to_owned();
    drop(double);
    assert!(key.is_file());
}

/// Runs one of Mosquitto's own clients, and returns what it says.
fn mosquitto_client(program: &str, common: &[&str], arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(common)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}: install it with `apt-get install mosquitto-clients`"));
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A subscriber leaves a session behind, a publisher publishes, the subscriber comes back for what it has missed.
fn talk(common: &[&str]) {
    let session = ["-i", "sub", "-c", "-q", "1", "-t", "greetings/#", "-W", "20"];
    mosquitto_client("mosquitto_sub", common, &[&session[..], &["-E"]].concat());
    mosquitto_client("mosquitto_pub", common, &["-i", "pub", "-q", "1", "-t", "greetings/all", "-m", "hello"]);
    let said = mosquitto_client("mosquitto_sub", common, &[&session[..], &["-v", "-C", "1"]].concat());
    assert_eq!(said, "greetings/all hello\n");
}

#[test]
fn mosquittos_clients_talk_over_it_without_tls() {
    let double = plain_double();
    talk(&["-h", "127.0.0.1", "-p", &double.plain_port().unwrap().to_string()]);
    assert!(double.violations().is_empty());
}

#[test]
fn mosquittos_clients_talk_over_it_with_tls() {
    let double = Double::start().unwrap();
    let port = double.port().to_string();
    let [ca, cert, key] = [double.ca_path(), double.cert_path(), double.key_path()].map(|path| path.to_str().unwrap());
    talk(&["-h", "localhost", "-p", &port, "--cafile", ca, "--cert", cert, "--key", key]);
    assert!(double.violations().is_empty());
}
