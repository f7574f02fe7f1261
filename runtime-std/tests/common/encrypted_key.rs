//! A private key that a passphrase protects, as OpenSSL writes it.

use std::path::Path;

use pkcs8::PrivateKeyInfo;
use pkcs8::pkcs5::pbes2::Parameters;

/// The key of a PEM file, encrypted, as PEM.
pub(crate) fn encrypt(key: &Path, passphrase: &str) -> String {
    let text = std::fs::read(key).expect("the key can be read");
    let plain = pem::parse(text).expect("PEM");
    // A few rounds are enough to be slow enough to test.
    let parameters = Parameters::pbkdf2_sha256_aes256cbc(100, &[7; 16], &[9; 16]).expect("valid");
    let plain = PrivateKeyInfo::try_from(plain.contents()).expect("PKCS#8");
    let encrypted = plain.encrypt_with_params(parameters, passphrase).expect("it can be encrypted");
    pem::encode(&pem::Pem::new("ENCRYPTED PRIVATE KEY", encrypted.as_bytes()))
}
