//! Secured links: whom both sides believe.

use std::fs;
use std::path::Path;

use thingwire_sim::mosquitto::{Mosquitto, MosquittoTls};
use thingwire_sim::pki::{Identity, KeyKind, Pki, Request};

use crate::rig::{
    PATIENCE, deliver, fast, publish, ready, ready_again, receive_text, refusal, subscribe, tls_broker, tls_endpoint,
};
use crate::runtime::{Layer, LinkError, Options, TlsError};

fn mutual(broker: &Mosquitto, cert: &Path, key: &Path) -> Options {
    let ca = &broker.files().ca;
    fast(Options::mtls_from_path(&tls_endpoint(broker), "device", cert, key, ca).unwrap())
}

fn server_only(broker: &Mosquitto) -> Options {
    fast(Options::tls_from_path(&tls_endpoint(broker), "device", &broker.files().ca).unwrap())
}

fn with_identity(broker: &Mosquitto, device: &Identity) -> Options {
    let (cert, key, ca) = (device.cert.as_bytes(), device.key.as_bytes(), broker.pki().ca().as_bytes());
    fast(Options::mtls_from_pem(&tls_endpoint(broker), "device", cert, key, ca).unwrap())
}

/// Has the broker show another certificate from now on.
fn show(broker: &mut Mosquitto, server: &Request) {
    let server = broker.pki().issue(server).unwrap();
    let dir = broker.files().server.cert.parent().unwrap().to_owned();
    server.write_to(&dir, "server").unwrap();
    broker.restart().unwrap();
}

fn assert_it_works(options: Options) {
    let client = ready(options);
    let messages = subscribe(&client, "t");
    // Longer than a TLS record.
    let payload = "x".repeat(40_000);
    deliver(&client, publish("t", payload.clone()));
    assert!(receive_text(&messages) == payload);
}

fn tls_error(options: Options) -> TlsError {
    let error = refusal(options);
    assert_eq!(error.layer(), Layer::Tls, "{error:?}");
    let LinkError::Tls(error) = error else { panic!("{error:?}") };
    error
}

/// What the server said of the device's certificate, and whose that is.
fn refusal_of_device(options: Options) -> (String, Option<String>) {
    match tls_error(options) {
        TlsError::DeviceRefused { alert, certificate } => (alert, certificate.map(|certificate| certificate.subject)),
        error => panic!("{error:?}"),
    }
}

#[test]
fn a_device_with_a_key_file_of_either_form_is_accepted() {
    let broker = tls_broker(MosquittoTls::Mutual);
    let device = &broker.files().device;
    let traditional = fs::read_to_string(&device.traditional_key).unwrap();
    assert!(traditional.starts_with("-----BEGIN EC PRIVATE KEY-----"));
    for key in [&device.key, &device.traditional_key] {
        assert_it_works(mutual(&broker, &device.cert, key));
    }
}

/// AWS hands out RSA keys as PKCS#1 files, and shows an RSA certificate itself.
#[test]
fn rsa_on_both_sides_is_accepted() {
    let mut broker = tls_broker(MosquittoTls::Mutual);
    let dir = tempfile::tempdir().unwrap();
    let device = broker.pki().issue(&Request::device("device").with_key(KeyKind::Rsa2048)).unwrap();
    assert!(device.traditional_key.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    let device = device.write_to(dir.path(), "device").unwrap();
    show(&mut broker, &Request::server(&Pki::SERVER_NAMES).with_key(KeyKind::Rsa2048));
    for key in [&device.key, &device.traditional_key] {
        assert_it_works(mutual(&broker, &device.cert, key));
    }
}

#[test]
fn a_server_that_wants_no_device_certificate_is_enough() {
    let broker = tls_broker(MosquittoTls::ServerOnly);
    assert_it_works(server_only(&broker));
    // One that is shown all the same does no harm.
    let device = broker.pki().device().clone();
    assert_it_works(with_identity(&broker, &device));
}

#[test]
fn a_server_is_found_by_its_address_too() {
    let broker = tls_broker(MosquittoTls::ServerOnly);
    let endpoint = format!("127.0.0.1:{}", broker.tls_port().unwrap());
    assert_it_works(fast(Options::tls_from_path(&endpoint, "device", &broker.files().ca).unwrap()));
}

#[test]
fn a_server_of_another_authority_is_refused() {
    let broker = tls_broker(MosquittoTls::ServerOnly);
    let other = Pki::new().unwrap();
    let options = Options::tls_from_pem(&tls_endpoint(&broker), "device", other.ca().as_bytes()).unwrap();
    let error = tls_error(fast(options));
    assert!(matches!(error, TlsError::UnknownIssuer { .. }), "{error:?}");
}

#[test]
fn a_server_with_a_certificate_for_another_name_is_refused() {
    let mut broker = tls_broker(MosquittoTls::ServerOnly);
    show(&mut broker, &Request::server(&["other.example", "127.0.0.2"]));
    let error = tls_error(server_only(&broker));
    assert!(matches!(error, TlsError::WrongName { .. }), "{error:?}");
}

#[test]
fn a_server_with_an_expired_certificate_is_refused() {
    let mut broker = tls_broker(MosquittoTls::ServerOnly);
    show(&mut broker, &Request::server(&Pki::SERVER_NAMES).expired());
    let error = tls_error(server_only(&broker));
    assert!(matches!(error, TlsError::Expired { .. }), "{error:?}");
}

#[test]
fn a_device_does_not_pass_for_a_server() {
    let mut broker = tls_broker(MosquittoTls::ServerOnly);
    show(&mut broker, &Request::device("localhost"));
    assert!(matches!(tls_error(server_only(&broker)), TlsError::BadCertificate { .. } | TlsError::WrongName { .. }));
}

#[test]
fn a_device_without_a_certificate_is_told_so() {
    let broker = tls_broker(MosquittoTls::Mutual);
    assert_eq!(refusal_of_device(server_only(&broker)), ("CertificateRequired".to_owned(), None));
}

#[test]
fn a_device_of_another_authority_is_told_so() {
    let broker = tls_broker(MosquittoTls::Mutual);
    let stranger = Pki::new().unwrap().device().clone();
    let refusal = refusal_of_device(with_identity(&broker, &stranger));
    assert_eq!(refusal, ("UnknownCA".to_owned(), Some("device".to_owned())));
}

#[test]
fn a_device_with_an_expired_certificate_is_told_so() {
    let broker = tls_broker(MosquittoTls::Mutual);
    let expired = broker.pki().issue(&Request::device("device").expired()).unwrap();
    let refusal = refusal_of_device(with_identity(&broker, &expired));
    assert_eq!(refusal, ("CertificateExpired".to_owned(), Some("device".to_owned())));
}

#[test]
fn reconnecting_works_whether_the_broker_remembers_the_tls_session_or_not() {
    let mut broker = tls_broker(MosquittoTls::Mutual);
    let device = broker.pki().device().clone();
    let client = ready(with_identity(&broker, &device));
    for _ in 0..2 {
        assert!(client.stop(PATIENCE));
        client.start();
        client.wait_ready_or_error(PATIENCE).unwrap();
    }
    let notices = client.notices();
    // The new one does not know the tickets of the old one.
    broker.restart().unwrap();
    ready_again(&notices);
    let messages = subscribe(&client, "t");
    deliver(&client, publish("t", "x"));
    assert_eq!(receive_text(&messages), "x");
}

#[test]
fn a_burst_passes_tls_in_order() {
    const MESSAGES: usize = 300;
    let broker = tls_broker(MosquittoTls::Mutual);
    let device = broker.pki().device().clone();
    let client = ready(with_identity(&broker, &device));
    let messages = subscribe(&client, "t");
    let payload = |number: usize| format!("{number}{}", "-".repeat(number * 10));
    for number in 0..MESSAGES {
        client.publish(publish("t", payload(number))).unwrap();
    }
    for number in 0..MESSAGES {
        assert!(receive_text(&messages) == payload(number), "message {number}");
    }
}
