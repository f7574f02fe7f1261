//! Certificates and keys.

use std::process::Command;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, Error, RootCertStore};
use thingwire_sim::pki::{Identity, KeyKind, Pki, Request};

/// The key as a TLS stack reads it, and that it belongs to the certificate.
fn assert_usable(identity: &Identity, key: &str) {
    let cert = CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let certified = rustls::sign::CertifiedKey::from_der(vec![cert], key, &provider).unwrap();
    certified.keys_match().unwrap();
}

fn verify_as_client(pki: &Pki, identity: &Identity) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pki.ca().as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
    let cert = CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap();
    verifier.verify_client_cert(&cert, &[], rustls::pki_types::UnixTime::now()).map(drop)
}

#[test]
fn an_elliptic_curve_identity_has_its_key_as_pkcs8_and_sec1() {
    let pki = Pki::new().unwrap();
    let device = pki.device();
    assert!(device.key.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(device.traditional_key.starts_with("-----BEGIN EC PRIVATE KEY-----"));
    assert_usable(device, &device.key);
    assert_usable(device, &device.traditional_key);
    assert_eq!(verify_as_client(&pki, device), Ok(()));
}

#[test]
fn an_rsa_identity_has_its_key_as_pkcs8_and_pkcs1() {
    let pki = Pki::new().unwrap();
    let device = pki.issue(&Request::device("rsa").with_key(KeyKind::Rsa2048)).unwrap();
    assert!(device.key.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(device.traditional_key.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    assert_usable(&device, &device.key);
    assert_usable(&device, &device.traditional_key);
    assert_eq!(verify_as_client(&pki, &device), Ok(()));
}

#[test]
fn an_expired_identity_and_one_of_another_authority_are_not_accepted() {
    let pki = Pki::new().unwrap();
    let expired = pki.issue(&Request::device("late").expired()).unwrap();
    let error = verify_as_client(&pki, &expired).unwrap_err();
    assert!(matches!(error, Error::InvalidCertificate(CertificateError::ExpiredContext { .. })), "{error:?}");
    let stranger = Pki::new().unwrap();
    let error = verify_as_client(&pki, stranger.device()).unwrap_err();
    assert!(matches!(error, Error::InvalidCertificate(_)), "{error:?}");
}

#[test]
fn a_server_name_that_is_no_name_is_an_error() {
    assert!(Pki::for_server(&["not ascii: é"]).is_err());
}

#[test]
fn debug_output_shows_no_key() {
    let pki = Pki::new().unwrap();
    let shown = format!("{pki:?} {:?}", pki.device());
    assert!(!shown.contains("PRIVATE"), "{shown}");
}

#[cfg(unix)]
#[test]
fn key_files_are_readable_by_their_owner_only_even_when_they_replace_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("device.key"), "old").unwrap();
    std::fs::set_permissions(dir.path().join("device.key"), std::fs::Permissions::from_mode(0o666)).unwrap();
    let pki = Pki::new().unwrap();
    let files = pki.write_to(dir.path()).unwrap();
    for key in [&files.device.key, &files.device.traditional_key, &files.server.key, &files.server.traditional_key] {
        assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600, "{}", key.display());
    }
    assert_eq!(std::fs::read_to_string(&files.device.key).unwrap(), pki.device().key);
    assert_eq!(std::fs::read_to_string(&files.ca).unwrap(), pki.ca());
}

#[test]
fn a_directory_that_is_not_there_is_named_in_the_error() {
    let dir = tempfile::tempdir().unwrap().path().join("gone");
    let error = Pki::new().unwrap().write_to(&dir).unwrap_err();
    assert!(error.to_string().contains(&dir.join("ca.pem").display().to_string()), "{error}");
}

#[test]
fn openssl_reads_the_keys_where_it_is_installed() {
    let dir = tempfile::tempdir().unwrap();
    let files = Pki::new().unwrap().write_to(dir.path()).unwrap();
    for key in [&files.device.key, &files.device.traditional_key] {
        match Command::new("openssl").args(["pkey", "-noout", "-check", "-in"]).arg(key).output() {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
        }
    }
}
