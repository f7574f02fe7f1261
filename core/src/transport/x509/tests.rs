use proptest::collection::vec;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, DnValue, IsCa, KeyPair, SanType, date_time_ymd};

use super::*;

fn params() -> CertificateParams {
    let mut params = CertificateParams::new(["a.example".to_owned(), "*.b.example".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::OrganizationName, "Example");
    params.distinguished_name.push(DnType::CommonName, "caf\u{e9}");
    params.subject_alt_names.push(SanType::IpAddress([192, 0, 2, 1].into()));
    params.subject_alt_names.push(SanType::IpAddress("2001:db8::1".parse().unwrap()));
    params.subject_alt_names.push(SanType::Rfc822Name("a@a.example".try_into().unwrap()));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(1999, 12, 31);
    params.not_after = date_time_ymd(2999, 1, 2);
    params
}

fn certificate(params: &CertificateParams) -> Vec<u8> {
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[test]
fn a_certificate_says_whom_it_is_for_who_signed_it_and_when_it_is_valid() {
    let der = certificate(&params());
    let read = Certificate::read(&der).unwrap();
    insta::assert_debug_snapshot!(read.info, @r#"
    CertificateInfo {
        subject: "café, Example",
        issuer: "café, Example",
        names: [
            "a.example",
            "*.b.example",
            "192.0.2.1",
            "2001:db8::1",
        ],
        not_before_secs: 946598400,
        not_after_secs: 32472230400,
    }
    "#);
    assert_eq!(read.subject, read.issuer);
}

#[test]
fn the_public_key_is_the_one_that_a_verifier_sees() {
    let key = KeyPair::generate().unwrap();
    let der = params().self_signed(&key).unwrap().der().to_vec();
    assert_eq!(Certificate::read(&der).unwrap().public_key, rcgen::PublicKeyData::subject_public_key_info(&key));
}

#[test]
fn every_kind_of_text_is_read_and_long_ones_are_cut_off() {
    let name = |value: DnValue| {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, value);
        Certificate::read(&certificate(&params)).unwrap().info.subject
    };
    assert_eq!(name(DnValue::BmpString("caf\u{e9}".try_into().unwrap())), "caf\u{e9}");
    assert_eq!(name(DnValue::PrintableString("plain".try_into().unwrap())), "plain");
    assert_eq!(name(DnValue::Utf8String("x".repeat(1_000))), "x".repeat(TEXT_MAX));
}

#[test]
fn names_beyond_a_hundred_are_left_off() {
    let params = CertificateParams::new((0..300).map(|n| format!("n{n}.example")).collect::<Vec<_>>()).unwrap();
    assert_eq!(Certificate::read(&certificate(&params)).unwrap().info.names.len(), NAMES_MAX);
}

#[test]
fn a_certificate_that_is_cut_short_is_none() {
    let der = certificate(&params());
    for len in 0..der.len() {
        assert!(Certificate::read(&der[..len]).is_none(), "{len} of {}", der.len());
    }
}

#[test]
fn times_are_read_in_both_forms_and_nothing_else_is() {
    let time = |tag, contents: &[u8]| time(Element { tag, contents, whole: &[] });
    assert_eq!(time(UTC_TIME, b"170628204845Z"), Some(1_498_682_925));
    assert_eq!(time(GENERALIZED_TIME, b"20170628204845Z"), Some(1_498_682_925));
    assert_eq!(time(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
    assert_eq!(time(UTC_TIME, b"500101000000Z"), Some(0), "1950");
    for (tag, text) in [
        (UTC_TIME, &b"20170628204845Z"[..]),
        (GENERALIZED_TIME, b"170628204845Z"),
        (UTC_TIME, b"170628204845"),
        (UTC_TIME, b"1706282048Z"),
        (UTC_TIME, b"170628204845+0100"),
        (UTC_TIME, b"171328204845Z"),
        (UTC_TIME, b"170600204845Z"),
        (UTC_TIME, b"170628244845Z"),
        (UTC_TIME, b"17062820484\xffZ"),
        (OCTETS, b"170628204845Z"),
        (UTC_TIME, b""),
    ] {
        assert_eq!(time(tag, text), None, "{}", text.escape_ascii());
    }
}

#[test]
fn lengths_are_read_in_every_form_that_der_has() {
    for (len, head) in [(5, &[OCTETS, 5][..]), (200, &[OCTETS, 0x81, 200]), (70_000, &[OCTETS, 0x83, 1, 0x11, 0x70])] {
        let bytes = [head, &vec![7; len], b"rest"].concat();
        let mut reader = Reader(&bytes);
        let element = reader.next().unwrap();
        assert_eq!((element.contents.len(), element.whole.len(), reader.0), (len, head.len() + len, &b"rest"[..]));
    }
    for broken in
        [&[OCTETS][..], &[OCTETS, 0x80, 0, 0], &[OCTETS, 0x84, 0, 0, 0, 0], &[OCTETS, 0x82, 1], &[OCTETS, 3, 1, 2]]
    {
        assert!(Reader(broken).next().is_none(), "{broken:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_may_be_read(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Certificate::read(&bytes);
        prop_assert!(name(&bytes).chars().count() <= 2 * TEXT_MAX + 2);
    }

    #[test]
    fn a_damaged_certificate_may_be_read(damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        thread_local!(static WHOLE: Vec<u8> = certificate(&params()));
        let mut der = WHOLE.with(Clone::clone);
        for (at, byte) in damage {
            let at = at.index(der.len());
            der[at] = byte;
        }
        if let Some(read) = Certificate::read(&der) {
            prop_assert!(read.info.names.len() <= NAMES_MAX);
            prop_assert!(read.info.subject.chars().count() <= 2 * TEXT_MAX + 2);
        }
    }
}
