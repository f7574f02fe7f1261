//! A private key that stays in a security module, asked over PKCS#11; a module of software stands in for the chip.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the module is another program's")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use ring::digest;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use thingwire_core::Options;
use thingwire_core::transport::{Identity, Roots, TlsConfig};

use crate::pair::Pair;
use crate::pki::{Authority, HOST, Version, server_config};

/// Where Debian and others put it.
const MODULES: [&str; 3] =
    ["/usr/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"];
const LABEL: &str = "device";
const PIN: &str = "1234";
/// What the module is given.
const KEY_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transport/keys/test-p256.pkcs8.pem");
/// Tells the process that has the module what it is.
const INSIDE: &str = "THINGWIRE_TEST_INSIDE";

/// A P-256 key in the module.
#[derive(Debug, Clone)]
struct ModuleKey {
    session: Arc<Mutex<Session>>,
    key: ObjectHandle,
}

impl ModuleKey {
    fn open(module: &str) -> Self {
        let module = Pkcs11::new(module).unwrap();
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
        let slot = module.get_slots_with_initialized_token().unwrap()[0];
        let session = module.open_ro_session(slot).unwrap();
        session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
        let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Label(LABEL.into())];
        let key = session.find_objects(&wanted).unwrap()[0];
        Self { session: Arc::new(Mutex::new(session)), key }
    }
}

impl SigningKey for ModuleKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&self.scheme()).then(|| Box::new(self.clone()) as _)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for ModuleKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let hash = digest::digest(&digest::SHA256, message);
        let session = self.session.lock().map_err(|_| Error::General("the module has failed".to_owned()))?;
        let signature = session.sign(&Mechanism::Ecdsa, self.key, hash.as_ref());
        signature.map(|signature| in_der(&signature)).map_err(|error| Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

/// Modules give two numbers side by side (PKCS#11 §6.3.1), TLS wants them as a sequence (RFC 3279 §2.2.3).
fn in_der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let numbers: Vec<u8> = [r, s].into_iter().flat_map(integer).collect();
    [&[0x30, u8::try_from(numbers.len()).unwrap()], &numbers[..]].concat()
}

fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let mut number = number[zeros..].to_vec();
    if number.first().is_none_or(|byte| *byte >= 0x80) {
        number.insert(0, 0);
    }
    [&[0x02, u8::try_from(number.len()).unwrap()], &number[..]].concat()
}

/// Past the harness, which keeps what passing tests say to itself.
fn left_out(why: &str) {
    std::io::stderr().write_all(format!("NOT TESTED: a key in a security module: {why}\n").as_bytes()).unwrap();
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    output
}

/// The module's settings are an environment variable, so that what uses it is a process of its own.
#[test]
fn a_key_in_a_security_module_signs_without_leaving_it() {
    let Some(module) = MODULES.into_iter().find(|path| Path::new(path).exists()) else {
        return left_out("there is no SoftHSM2 here; install softhsm2");
    };
    if std::env::var_os(INSIDE).is_some() {
        return connect(module);
    }
    let folder = tempfile::tempdir().unwrap();
    let [settings, tokens] = ["softhsm2.conf", "tokens"].map(|name| folder.path().join(name));
    std::fs::create_dir(&tokens).unwrap();
    std::fs::write(&settings, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display())).unwrap();
    let util = |arguments: &[&str]| {
        run(Command::new("softhsm2-util").args(arguments).env("SOFTHSM2_CONF", &settings));
    };
    util(&["--init-token", "--free", "--label", "token", "--so-pin", PIN, "--pin", PIN]);
    util(&["--import", KEY_PATH, "--token", "token", "--label", LABEL, "--id", "01", "--pin", PIN]);
    let name = "security_module::a_key_in_a_security_module_signs_without_leaving_it";
    let mut again = Command::new(std::env::current_exe().unwrap());
    let output = run(again.args(["--exact", name]).env("SOFTHSM2_CONF", &settings).env(INSIDE, "1"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("1 passed"), "{said}");
}

fn connect(module: &str) {
    let authority = Authority::new("test root");
    // Of the key only the public half is used here.
    let device = authority.device_of_key(include_str!("keys/test-p256.pkcs8.pem"));
    let key = Arc::new(ModuleKey::open(module));
    for version in Version::BOTH {
        let identity = Identity::with_signer(device.certificate.as_bytes(), key.clone()).unwrap();
        let tls = TlsConfig::mutual(identity, Roots::from_pem(authority.pem().as_bytes()).unwrap());
        let options = Options::tls(format!("{HOST}:8883").parse().unwrap(), "device", tls);
        let config = server_config(&authority.server(), Some(&authority), version);
        let pair = Pair::online(options, Arc::new(config));
        assert_eq!(pair.server.peer_certificates().map(<[_]>::len), Some(1), "{version:?}");
    }
}
