//! As much of X.509 (RFC 5280 §4.1) as it takes to say which certificate is meant.
//!
//! It decides nothing: what is trusted is the verifier's decision. Any bytes may be read, each at most once or twice.

use core::net::IpAddr;

use crate::{CertificateInfo, date};

/// Characters of a text that are kept.
const TEXT_MAX: usize = 128;
/// Names of a certificate that are kept.
const NAMES_MAX: usize = 100;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTETS: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const BMP_STRING: u8 = 0x1e;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// id-at-commonName
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// id-at-organizationName
const ORGANIZATION: &[u8] = &[0x55, 4, 10];
/// id-ce-subjectAltName
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];

/// A certificate, read.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    pub(super) info: CertificateInfo,
    /// The contents of its `subject` field.
    pub(super) subject: &'a [u8],
    /// The contents of its `issuer` field.
    pub(super) issuer: &'a [u8],
    /// Its `subjectPublicKeyInfo` field, whole.
    pub(super) public_key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// `None` for what is no certificate.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut signed = Reader(Reader(der).expect(SEQUENCE)?.contents);
        let mut fields = Reader(signed.expect(SEQUENCE)?.contents);
        fields.skip(VERSION);
        let _serial = fields.next()?;
        let _algorithm = fields.expect(SEQUENCE)?;
        let issuer = fields.expect(SEQUENCE)?.contents;
        let mut validity = Reader(fields.expect(SEQUENCE)?.contents);
        let subject = fields.expect(SEQUENCE)?.contents;
        let public_key = fields.expect(SEQUENCE)?.whole;
        let mut info = CertificateInfo::new(&name(subject));
        info.issuer = name(issuer);
        info.not_before_secs = time(validity.next()?)?;
        info.not_after_secs = time(validity.next()?)?;
        info.names = names(fields).unwrap_or_default();
        Some(Self { info, subject, issuer, public_key })
    }
}

/// The common name and the organisation in the contents of a `Name`, as far as they are there.
pub(super) fn name(contents: &[u8]) -> String {
    let found = [COMMON_NAME, ORGANIZATION].map(|wanted| attribute(contents, wanted));
    found.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The first value of a kind in a sequence of sets of pairs.
fn attribute(contents: &[u8], wanted: &[u8]) -> Option<String> {
    let mut sets = Reader(contents);
    while let Some(set) = sets.expect(SET) {
        let mut pairs = Reader(set.contents);
        while let Some(pair) = pairs.expect(SEQUENCE) {
            let mut pair = Reader(pair.contents);
            if pair.expect(OBJECT_ID)?.contents == wanted {
                return pair.next().map(text);
            }
        }
    }
    None
}

fn text(element: Element<'_>) -> String {
    let text = if element.tag == BMP_STRING {
        let units: Vec<u16> =
            element.contents.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
        String::from_utf16_lossy(&units)
    } else {
        String::from_utf8_lossy(element.contents).into_owned()
    };
    text.chars().take(TEXT_MAX).collect()
}

/// The subject alternative names that are host names or addresses, of the fields behind the public key.
fn names(mut fields: Reader<'_>) -> Option<Vec<String>> {
    let extensions = core::iter::from_fn(|| fields.next()).find(|field| field.tag == EXTENSIONS)?;
    let mut extensions = Reader(Reader(extensions.contents).expect(SEQUENCE)?.contents);
    while let Some(extension) = extensions.expect(SEQUENCE) {
        let mut parts = Reader(extension.contents);
        if parts.expect(OBJECT_ID)?.contents == SUBJECT_ALT_NAME {
            let value = core::iter::from_fn(|| parts.next()).find(|part| part.tag == OCTETS)?;
            let mut names = Reader(Reader(value.contents).expect(SEQUENCE)?.contents);
            return Some(core::iter::from_fn(|| names.next()).filter_map(alternative_name).take(NAMES_MAX).collect());
        }
    }
    None
}

fn alternative_name(name: Element<'_>) -> Option<String> {
    match name.tag {
        DNS_NAME => Some(text(name)),
        IP_ADDRESS => {
            let four = <[u8; 4]>::try_from(name.contents).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(name.contents).map(IpAddr::from)).ok()?;
            Some(address.to_string())
        }
        _ => None,
    }
}

/// Seconds since 1970, from `YYMMDDHHMMSSZ`, where the years are 1950 to 2049, or `YYYYMMDDHHMMSSZ` (RFC 5280 §4.1.2.5).
fn time(element: Element<'_>) -> Option<u64> {
    let digits = element.contents.strip_suffix(b"Z").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    let (year, rest) = match (element.tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at(2);
            let year = number(year);
            (year + if year < 50 { 2000 } else { 1900 }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at(4);
            (number(year), rest)
        }
        _ => return None,
    };
    let part = |index: usize| number(&rest[2 * index..][..2]);
    date::unix_seconds([year, part(0), part(1)], [part(2), part(3), part(4)])
}

/// One value of DER (X.690 §8.1).
#[derive(Debug, Clone, Copy)]
struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
    /// With tag and length.
    whole: &'a [u8],
}

/// What is left to read.
#[derive(Debug, Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next value; `None` at the end, and from the first broken one on.
    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // More bytes of length than a certificate can have, and the indefinite form of BER, are not read.
            0x81..=0x83 => {
                let (len, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                (len.iter().fold(0, |len, &byte| len << 8 | usize::from(byte)), rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(len)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Element { tag, contents, whole })
    }

    /// The next value if it is of this kind.
    fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    fn skip(&mut self, tag: u8) {
        if self.0.first() == Some(&tag) {
            self.next();
        }
    }
}

#[cfg(test)]
mod tests;
