//! Options from files.
#![allow(clippy::disallowed_methods, reason = "files are what is tested")]

use std::path::PathBuf;

use tempfile::TempDir;
use thingwire_core::{Options, SetupError};

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
