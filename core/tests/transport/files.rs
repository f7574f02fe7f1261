//! Options from files.
#![allow(clippy::disallowed_methods, reason = "files are what is tested")]

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

use tempfile::TempDir;
use thingwire_core::host::{expiry_warning, readable_time, save, seed, supplies, unix_seconds};
use thingwire_core::ports::PortFault;
use thingwire_core::{CertificateInfo, Options, SetupError};

use crate::pair::{Pair, World};
use crate::pki::{HOST, Version};

struct Files {
    dir: TempDir,
    world: World,
}

impl Files {
    fn new() -> Self {
        let files = Self { dir: tempfile::tempdir().unwrap(), world: World::new() };
        files.write("device.pem", &files.world.device.certificate);
        files.write("device.key", &files.world.device.key);
        files.write("root.pem", &files.world.authority.pem());
        files
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn options(&self, [certificate, key, root]: [&str; 3]) -> Result<Options, SetupError> {
        Options::mtls_from_path(HOST, "device", self.path(certificate), self.path(key), self.path(root))
    }

    fn error(&self, names: [&str; 3]) -> String {
        let dir = self.dir.path().display().to_string();
        self.options(names).unwrap_err().to_string().replace(&dir, "DIR")
    }
}

#[test]
fn a_device_connects_with_its_files() {
    let files = Files::new();
    let options = files.options(["device.pem", "device.key", "root.pem"]).unwrap();
    assert_eq!(options.endpoint.port(), 8883);
    Pair::online(options, files.world.server_config(Version::Tls13));
}

#[test]
fn a_server_alone_can_be_verified_with_a_file() {
    let files = Files::new();
    let options = Options::tls_from_path(&format!("{HOST}:8884"), "device", files.path("root.pem")).unwrap();
    assert_eq!(options.endpoint.port(), 8884);
    let config = crate::pki::server_config(&files.world.server, None, Version::Tls13);
    Pair::online(options, std::sync::Arc::new(config));
}

#[test]
fn every_failure_names_its_file() {
    let files = Files::new();
    std::fs::create_dir(files.path("folder")).unwrap();
    files.write("empty", "");
    files.write("other.key", &files.world.authority.device().key);
    let errors = [
        files.error(["none.pem", "device.key", "root.pem"]),
        files.error(["device.pem", "none.key", "root.pem"]),
        files.error(["device.pem", "device.key", "none.pem"]),
        files.error(["folder", "device.key", "root.pem"]),
        files.error(["empty", "device.key", "root.pem"]),
        files.error(["device.key", "device.pem", "root.pem"]),
        files.error(["device.pem", "device.pem", "root.pem"]),
        files.error(["device.pem", "empty", "root.pem"]),
        files.error(["device.pem", "other.key", "root.pem"]),
        files.error(["device.pem", "device.key", "device.key"]),
        Options::mtls_from_path("mqtts://host", "device", "a", "b", "c").unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
    cannot read DIR/none.pem: no such file
    cannot read DIR/none.key: no such file
    cannot read DIR/none.pem: no such file
    cannot read DIR/folder: it is a directory
    DIR/empty: device certificate: empty; expected PEM text
    DIR/device.key: device certificate: this is a private key where a certificate belongs; are certificate and key swapped?
    DIR/device.pem: private key: this is a certificate where the private key belongs; are certificate and key swapped?
    DIR/empty: private key: empty; expected PEM text
    DIR/other.key: the private key does not belong to DIR/device.pem, the certificate of "device"
    DIR/device.key: root certificate: this is a private key where a certificate belongs; are certificate and key swapped?
    "mqtts://host" is a URL; expected HOST or HOST:PORT without a scheme
    "#);
}

#[test]
fn a_key_of_another_certificate_is_the_fault_of_the_key_file() {
    let files = Files::new();
    files.write("other.key", &files.world.authority.device().key);
    let error = files.options(["device.pem", "other.key", "root.pem"]).unwrap_err();
    let SetupError::KeyOfOther { certificate, subject, key } = error else { panic!("{error:?}") };
    assert!(key.ends_with("other.key") && certificate.ends_with("device.pem"), "{key} {certificate}");
    assert_eq!(subject, "device");
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("memory");
    for bytes in [&b"first"[..], b"the second is longer", b""] {
        save(&path, bytes).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
    // In the way of its new name is a folder with something in it.
    let folder = dir.path().join("folder");
    std::fs::create_dir_all(folder.join("something")).unwrap();
    assert!(save(&folder, b"never").is_err());
    assert!(save(&dir.path().join("nowhere").join("memory"), b"never").is_err());
    let mut left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["folder", "memory"], "no half-written file stays");
}

#[test]
fn seeds_and_supplies_are_never_the_same() {
    assert_ne!(seed().unwrap(), seed().unwrap());
    assert_ne!(supplies().unwrap().entropy, supplies().unwrap().entropy);
    assert_ne!(supplies().unwrap().entropy, [0; 32]);
    // In 2020, and not a thousand years later.
    assert!((1_577_836_800..33_000_000_000).contains(&unix_seconds()));
    assert_eq!(readable_time(1_498_682_925), "2017-06-28 20:48:45 UTC");
}

#[test]
fn a_device_certificate_that_is_not_valid_now_is_told() {
    let mut certificate = CertificateInfo::new("CN=lamp");
    (certificate.not_before_secs, certificate.not_after_secs) = (0, u64::from(u32::MAX) * 10);
    assert_eq!(expiry_warning(&certificate), None);
    (certificate.not_before_secs, certificate.not_after_secs) = (1_498_682_925, 1_498_682_926);
    let expired = expiry_warning(&certificate).unwrap();
    let told =
        "the device certificate \"CN=lamp\" is valid from 2017-06-28 20:48:45 UTC to 2017-06-28 20:48:46 UTC only";
    assert!(expired.starts_with(told), "{expired}");
    (certificate.not_before_secs, certificate.not_after_secs) = (u64::from(u32::MAX) * 9, u64::from(u32::MAX) * 10);
    assert!(expiry_warning(&certificate).is_some(), "not yet");
}

#[test]
fn what_the_system_says_of_a_port_is_told_as_what_to_do() {
    let of = |kind: ErrorKind| PortFault::of(&kind.into());
    let table = [
        (ErrorKind::NotFound, PortFault::Missing),
        (ErrorKind::PermissionDenied, PortFault::Denied),
        (ErrorKind::ResourceBusy, PortFault::InUse),
        (ErrorKind::ConnectionRefused, PortFault::Refused),
        (ErrorKind::HostUnreachable, PortFault::Unreachable),
        (ErrorKind::NetworkUnreachable, PortFault::Unreachable),
        (ErrorKind::NetworkDown, PortFault::Unreachable),
        (ErrorKind::TimedOut, PortFault::TimedOut),
        (ErrorKind::ConnectionReset, PortFault::Closed),
        (ErrorKind::ConnectionAborted, PortFault::Closed),
        (ErrorKind::BrokenPipe, PortFault::Closed),
        (ErrorKind::NotConnected, PortFault::Closed),
        (ErrorKind::UnexpectedEof, PortFault::Closed),
        (ErrorKind::OutOfMemory, PortFault::Os { why: "out of memory".to_owned() }),
    ];
    for (kind, fault) in table {
        assert_eq!(of(kind), fault);
    }
    // EIO, ENXIO and ENODEV: what a terminal says that was unplugged. EINVAL says something else.
    for code in [5, 6, 19] {
        assert_eq!(PortFault::of(&Error::from_raw_os_error(code)), PortFault::Closed);
    }
    assert!(matches!(PortFault::of(&Error::from_raw_os_error(22)), PortFault::Os { .. }));
}
