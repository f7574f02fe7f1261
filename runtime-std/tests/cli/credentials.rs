//! `thingwire` with a certificate that is exchanged for AWS credentials.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use thingwire_sim::double::{Double, Visitors};
use thingwire_sim::pki::Request;
use thingwire_sim::proxies::{Proxy, ProxyProgram};

use crate::support::{Ended, PATIENCE, thingwire};

const ID: &str = "ASIAEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEexample";

/// Answers one request over HTTPS, with a certificate of the double's authority.
fn service(double: &Double, status: &str, body: &str) -> (String, Receiver<String>) {
    let identity = double.pki().issue(&Request::server(&["localhost"])).expect("a certificate");
    let chain = vec![CertificateDer::from_pem_slice(identity.cert.as_bytes()).expect("PEM")];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("PEM");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .expect("a usable certificate");
    let listener = TcpListener::bind("localhost:0").expect("a port");
    let endpoint = format!("localhost:{}", listener.local_addr().expect("bound").port());
    let (sender, requests) = mpsc::channel();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    thread::spawn(move || {
        let (socket, _) = listener.accept().expect("a client");
        let connection = ServerConnection::new(Arc::new(config)).expect("a usable configuration");
        let mut stream = StreamOwned::new(connection, socket);
        let (mut request, mut byte) = (Vec::new(), [0]);
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a whole request");
            request.push(byte[0]);
        }
        sender.send(String::from_utf8(request).expect("text")).ok();
        stream.write_all(answer.as_bytes()).expect("the client reads");
        stream.conn.send_close_notify();
        stream.flush().expect("the client reads");
    });
    (endpoint, requests)
}

fn publish(double: &Double, endpoint: &str, more: &[&str]) -> Ended {
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let (ca, cert, key) = (path(double.ca_path()), path(double.cert_path()), path(double.key_path()));
    let server = double.endpoint();
    let basic = ["pub", "--topic", "t", "--message", "m", "--verbose", "--endpoint", &server, "--ca", &ca];
    let way = ["-w", "--region", "eu-central-1", "--cert", &cert, "--key", &key];
    let role = ["--credentials-endpoint", endpoint, "--role-alias", "telemetry", "--role-thing", "kitchen"];
    thingwire(&[&basic[..], &way, &role, more].concat())
}

#[test]
fn a_certificate_is_exchanged_for_the_credentials_that_sign_the_upgrade() {
    let double =
        Double::options().visitors(Visitors::new().temporary_key(ID, SECRET, TOKEN)).start().expect("it starts");
    let body = format!(
        r#"{{"credentials":{{"accessKeyId":"{ID}","secretAccessKey":"{SECRET}","sessionToken":"{TOKEN}","expiration":"2999-01-01T00:00:00Z"}}}}"#
    );
    let proxy = Proxy::start(ProxyProgram::Tinyproxy, Some(("user", "hunter2"))).expect("tinyproxy starts");
    let through_proxy = ["--proxy", &proxy.url()];
    for (count, more) in [(1, &[][..]), (2, &through_proxy)] {
        let (endpoint, requests) = service(&double, "200 OK", &body);
        let ended = publish(&double, &endpoint, more);
        ended.assert_done();
        assert_eq!(double.wait_for_messages(count, PATIENCE).len(), count, "{}", ended.stderr);
        assert_eq!(double.violations(), []);
        let request = requests.recv_timeout(PATIENCE).expect("a request");
        assert!(request.starts_with("GET /role-aliases/telemetry/credentials HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nx-amzn-iot-thingname: kitchen\r\n"), "{request}");
        for secret in [ID, SECRET, TOKEN] {
            assert!(!ended.stderr.contains(secret), "{secret} in {}", ended.stderr);
        }
    }
}

#[test]
fn a_role_that_is_refused_is_told_with_what_to_check() {
    let double = Double::options().visitors(Visitors::new()).start().expect("it starts");
    let (endpoint, _requests) = service(&double, "403 Forbidden", r#"{"message":"Access Denied"}"#);
    let ended = publish(&double, &endpoint, &[]);
    let line = format!(
        "thingwire: {}: no AWS credentials: AWS IoT credentials provider at {endpoint}: refused with status 403 (Access \
         Denied); check that the device certificate is active, that its policy allows iot:AssumeRoleWithCertificate for \
         this role alias, and that the role trusts credentials.iot.amazonaws.com",
        double.endpoint()
    );
    assert_eq!((ended.code, ended.stderr.lines().last()), (Some(2), Some(line.as_str())));
}
