//! What certificates and keys look like, and what is said of those that cannot be used.

use thingwire_core::transport::{Identity, PemError, PemFault, PemPart, Roots};

use crate::pki::{Authority, Leaf};

const P256: &str = include_str!("keys/test-p256.pkcs8.pem");

fn leaf() -> Leaf {
    Authority::new("test root").device_of_key(P256)
}

/// The fault of a key, given a certificate that is in order.
fn key_fault(key: impl AsRef<[u8]>) -> PemFault {
    let error = Identity::from_pem(leaf().certificate.as_bytes(), key.as_ref()).unwrap_err();
    assert_eq!(error.part, PemPart::Key);
    error.fault
}

/// The fault of a certificate, given a key that is in order.
fn certificate_fault(certificate: impl AsRef<[u8]>) -> PemFault {
    let error = Identity::from_pem(certificate.as_ref(), P256.as_bytes()).unwrap_err();
    assert_eq!(error.part, PemPart::Certificate);
    error.fault
}

fn root_fault(root: impl AsRef<[u8]>) -> PemFault {
    let error = Roots::from_pem(root.as_ref()).unwrap_err();
    assert_eq!(error.part, PemPart::Root);
    error.fault
}

/// A change to a text that does not change what it holds.
type Dressing = fn(&str) -> Vec<u8>;

#[test]
fn what_editors_do_to_text_is_harmless() {
    let leaf = leaf();
    let dressings: [(&str, Dressing); 7] = [
        ("CRLF", |text| text.replace('\n', "\r\n").into()),
        ("CR", |text| text.replace('\n', "\r").into()),
        ("no last line break", |text| text.trim_end().into()),
        ("spaces around lines", |text| format!("  {}", text.replace('\n', " \t\n  ")).into()),
        ("byte order mark", |text| [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("bag attributes", |text| format!("Bag Attributes\n    localKeyID: 01 02\nsubject=CN = x\n\n{text}").into()),
        ("text behind", |text| format!("{text}\nnotes\n").into()),
    ];
    for (name, dress) in dressings {
        let (certificate, key) = (dress(&leaf.certificate), dress(&leaf.key));
        assert!(Identity::from_pem(&certificate, &key).is_ok(), "{name}");
        assert!(Roots::from_pem(&certificate).is_ok(), "{name}");
    }
}

#[test]
fn one_file_may_hold_certificate_and_key() {
    let leaf = leaf();
    for both in [leaf.certificate.clone() + &leaf.key, leaf.key.clone() + &leaf.certificate] {
        assert!(Identity::from_pem(both.as_bytes(), both.as_bytes()).is_ok());
    }
}

#[test]
fn a_chain_is_sent_whole_and_its_first_certificate_is_the_device() {
    let authority = Authority::new("test root");
    let leaf = authority.device_of_key(P256);
    let chain = leaf.certificate.clone() + &authority.pem();
    let identity = Identity::from_pem(chain.as_bytes(), P256.as_bytes()).unwrap();
    assert_eq!(format!("{identity:?}"), "Identity { certificate: \"device\", certificates: 2, .. }");
    assert_eq!(identity.certificate().issuer, "test root");
    let reversed = authority.pem() + &leaf.certificate;
    let error = Identity::from_pem(reversed.as_bytes(), P256.as_bytes()).unwrap_err();
    assert_eq!(error.fault, PemFault::OtherKey);
}

#[test]
fn keys_that_cannot_be_used_are_told_apart() {
    let leaf = leaf();
    assert_eq!(key_fault(""), PemFault::Empty);
    assert_eq!(key_fault("\r\n \n"), PemFault::Empty);
    assert_eq!(key_fault("no PEM at all"), PemFault::NoKey);
    assert_eq!(key_fault("0123456789"), PemFault::NoKey, "text that begins as DER does");
    assert_eq!(key_fault(&leaf.certificate), PemFault::CertificateForKey);
    assert_eq!(key_fault(include_str!("keys/test-p256.public.pem")), PemFault::PublicKey);
    assert_eq!(key_fault(include_str!("keys/test-p256.encrypted.pem")), PemFault::Encrypted);
    assert_eq!(key_fault(include_str!("keys/test-p256.legacy-encrypted.pem")), PemFault::Encrypted);
    assert_eq!(key_fault(include_str!("keys/test-rsa1024.pkcs8.pem")), PemFault::UnsupportedKey);
    assert_eq!(key_fault(include_str!("keys/test-secp256k1.sec1.pem")), PemFault::UnsupportedKey);
    assert_eq!(key_fault("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), PemFault::UnsupportedKey);
    assert_eq!(key_fault(include_str!("keys/test-p384.pkcs8.pem")), PemFault::OtherKey);
    assert_eq!(key_fault(include_str!("keys/test-rsa2048.pkcs1.pem")), PemFault::OtherKey);
}

#[test]
fn certificates_that_cannot_be_used_are_told_apart() {
    let leaf = leaf();
    let damaged = leaf.certificate.replacen("MII", "MIJ", 1);
    for fault in [|text: &str| certificate_fault(text), |text: &str| root_fault(text)] {
        assert_eq!(fault(""), PemFault::Empty);
        assert_eq!(fault("no PEM at all"), PemFault::NoCertificate);
        assert_eq!(fault(include_str!("keys/test-p256.public.pem")), PemFault::NoCertificate);
        assert_eq!(fault(&leaf.key), PemFault::KeyForCertificate);
        assert_eq!(fault(&damaged), PemFault::BadCertificate);
    }
    let one_bad = leaf.certificate.clone() + &damaged;
    assert_eq!(root_fault(one_bad), PemFault::BadCertificate);
}

#[test]
fn spoilt_text_is_told_apart() {
    for text in [P256.to_owned(), leaf().certificate] {
        let fault: fn(Vec<u8>) -> PemFault =
            if text == P256 { |text| key_fault(text) } else { |text| certificate_fault(text) };
        let one_line = text.trim_end().replace('\n', "");
        assert_eq!(fault(one_line.clone().into()), PemFault::OneLine);
        assert_eq!(fault(text.trim_end().replace('\n', " ").into()), PemFault::OneLine);
        assert_eq!(fault(text.replace('\n', "\\n").into()), PemFault::OneLine);
        assert_eq!(fault(one_line[..one_line.len() / 2].into()), PemFault::OneLine);
        assert_eq!(fault(text.replacen("-----\n", "-----M\n", 1).into()), PemFault::OneLine);
        assert_eq!(fault(text[..text.len() / 2].into()), PemFault::Unfinished);
        assert_eq!(fault(text.replace("-----END ", "-----END THE ").into()), PemFault::Unfinished);
        assert_eq!(fault(text.replacen("-----\n", "\n", 1).into()), PemFault::Unfinished);
        assert_eq!(fault(text.replacen('M', "*", 1).into()), PemFault::NotBase64);
        let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes);
        assert_eq!(fault([0xff, 0xfe].into_iter().chain(utf16).collect()), PemFault::Utf16);
        assert_eq!(fault(vec![0x30, 0x81, 0x87, 2, 1, 0]), PemFault::Der);
    }
}

#[test]
fn every_fault_says_what_to_do() {
    use PemFault as F;
    let faults = [
        F::Empty,
        F::NoCertificate,
        F::NoKey,
        F::KeyForCertificate,
        F::CertificateForKey,
        F::PublicKey,
        F::Encrypted,
        F::WrongPassphrase,
        F::UnsupportedEncryption,
        F::OneLine,
        F::Utf16,
        F::Der,
        F::Unfinished,
        F::NotBase64,
        F::BadCertificate,
        F::UnsupportedKey,
        F::OtherKey,
    ];
    insta::assert_snapshot!(faults.map(|fault| fault.to_string()).join("\n"), @r"
    empty; expected PEM text
    no certificate found; expected a line -----BEGIN CERTIFICATE-----
    no private key found; expected a line -----BEGIN PRIVATE KEY-----, -----BEGIN RSA PRIVATE KEY----- or -----BEGIN EC PRIVATE KEY-----
    this is a private key where a certificate belongs; are certificate and key swapped?
    this is a certificate where the private key belongs; are certificate and key swapped?
    this is a public key where the private key belongs
    the key is encrypted; give its passphrase, or remove it with: openssl pkey -in ENCRYPTED.key -out PLAIN.key
    the passphrase is wrong, or the key is damaged
    the key is encrypted in a way that is not supported; convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD.key -out NEW.key
    the line breaks are lost; the BEGIN line, the END line and what is between need lines of their own
    the text is UTF-16; save it as UTF-8
    the bytes are DER, not PEM; convert them with: openssl x509 (or openssl pkey) -inform DER -in IN -out OUT.pem
    the END line is missing or does not match the BEGIN line; is the text cut short?
    damaged: what is between the BEGIN and END lines is not base64
    not a certificate of X.509 version 3, or damaged
    damaged, or an unsupported kind of key; supported are RSA of 2048 to 4096 bits, EC on P-256 or P-384, and Ed25519
    the key does not belong to the device certificate
    ");
    let errors: Vec<PemError> = vec![
        Identity::from_pem(b"", b"").unwrap_err(),
        Identity::from_pem(leaf().certificate.as_bytes(), b"").unwrap_err(),
        Roots::from_pem(b"").unwrap_err(),
    ];
    let words: Vec<String> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(words.join("\n"), @r"
    device certificate: empty; expected PEM text
    private key: empty; expected PEM text
    root certificate: empty; expected PEM text
    ");
}
