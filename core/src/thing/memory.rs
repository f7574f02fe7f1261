//! What a thing remembers while its program does not run.
//!
//! One line of text, then JSON:
//!
//! ```text
//! thingwire-thing 1 crc32=3a5f00c1
//! {"acted":{"relay":{"time":1700000000,"value":true}},"moving":{},"overruled":{"relay":1700000060},"restore":{}}
//! ```
//!
//! `acted` has the last wish of the cloud that was acted on, or overwritten, for each property; `overruled` since when, by
//! the service's clock, it is what somebody else has made it; `moving` what was written to `desired` on top of which
//! version without an answer yet; `restore` the last value of what is to be restored. The number is that of the format;
//! the checksum is over the JSON.

use core::fmt;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::value::Wish;
use crate::Instant;

const FORMAT: &str = "thingwire-thing 1 crc32=";
/// More than any shadow can cause; what is longer is none of ours.
const LEN_MAX: usize = 256 * 1024;

/// By the names of properties.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Memory {
    pub(super) acted: BTreeMap<String, Wish>,
    pub(super) overruled: BTreeMap<String, u64>,
    pub(super) moving: BTreeMap<String, Moving>,
    pub(super) restore: BTreeMap<String, Value>,
}

/// Values written to `desired` of which it is not known whether they are there: all on top of one version.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Moving {
    pub(super) version: u64,
    pub(super) values: Vec<Value>,
    /// Since when that is known, in this life of the program.
    pub(super) since: Option<Instant>,
}

impl Memory {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let wish = |wish: &Wish| json!({ "value": wish.value, "time": wish.time });
        let moving = |moving: &Moving| json!({ "version": moving.version, "values": moving.values });
        let body = json!({
            "acted": object(&self.acted, wish),
            "overruled": object(&self.overruled, |at| json!(at)),
            "moving": object(&self.moving, moving),
            "restore": object(&self.restore, Value::clone),
        })
        .to_string();
        format!("{FORMAT}{:08x}\n{body}\n", crc32(body.as_bytes())).into_bytes()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Nothing at all is an empty memory.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, MemoryError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        if bytes.len() > LEN_MAX {
            return Err(MemoryError::TooLong { len: bytes.len(), max: LEN_MAX });
        }
        let text = core::str::from_utf8(bytes).map_err(|_| MemoryError::Damaged)?;
        let (head, body) = text.split_once('\n').ok_or(MemoryError::Unknown)?;
        let sum = head.strip_prefix(FORMAT).ok_or(MemoryError::Unknown)?;
        let body = body.strip_suffix('\n').ok_or(MemoryError::Damaged)?;
        if u32::from_str_radix(sum, 16) != Ok(crc32(body.as_bytes())) {
            return Err(MemoryError::Damaged);
        }
        let body: Value = serde_json::from_str(body).map_err(|_| MemoryError::Damaged)?;
        Ok(Self {
            acted: members(&body, "acted", |wish| {
                Some(Wish { value: wish.get("value")?.clone(), time: wish.get("time").and_then(Value::as_u64) })
            }),
            overruled: members(&body, "overruled", Value::as_u64),
            moving: members(&body, "moving", |moving| {
                let values = moving.get("values")?.as_array()?.clone();
                Some(Moving { version: moving.get("version")?.as_u64()?, values, since: None })
            }),
            restore: members(&body, "restore", |value| Some(value.clone())),
        })
    }
}

fn object<T>(map: &BTreeMap<String, T>, value: impl Fn(&T) -> Value) -> Value {
    map.iter().map(|(key, item)| (key.clone(), value(item))).collect::<Map<_, _>>().into()
}

fn members<T>(body: &Value, section: &str, read: impl Fn(&Value) -> Option<T>) -> BTreeMap<String, T> {
    let section = body.get(section).and_then(Value::as_object);
    section.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), read(value)?))).collect()
}

/// Why a memory cannot be read. The thing goes on without one: every wish in the cloud is then new to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryError {
    /// It does not begin as the memory of a thing does: another file, or one of a later format.
    Unknown,
    /// It is not what was written: its checksum or its end is wrong.
    Damaged,
    /// It is longer than any can be.
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The bound in bytes.
        max: usize,
    },
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the memory is of no known format, and is not used"),
            Self::Damaged => f.write_str("the memory is damaged, and is not used"),
            Self::TooLong { len, max } => write!(f, "the memory has {len} bytes, more than {max}, and is not used"),
        }
    }
}

impl core::error::Error for MemoryError {}

/// CRC-32 as in Ethernet and zip files (ITU-T V.42).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        let mut memory = Memory::default();
        memory.acted.insert("relay".into(), Wish { value: json!(true), time: Some(1_700_000_000) });
        memory.acted.insert("odd \"name\"".into(), Wish { value: json!({"a": [0.1]}), time: None });
        memory.moving.insert("relay".into(), Moving { version: 7, values: vec![json!(false)], since: None });
        memory.restore.insert("level".into(), json!(-3));
        memory
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Memory::read(&memory().to_bytes()), Ok(memory()));
        assert_eq!(Memory::read(b""), Ok(Memory::default()));
        let text = String::from_utf8(memory().to_bytes()).unwrap();
        assert!(text.starts_with("thingwire-thing 1 crc32=") && text.ends_with("}\n"), "{text}");
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn no_damage_of_one_bit_and_no_lost_end_passes() {
        let whole = memory().to_bytes();
        for len in 1..whole.len() {
            assert!(Memory::read(&whole[..len]).is_err(), "{len}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // A digit of the checksum may change its case, and mean the same.
            assert!(Memory::read(&bytes).is_ok_and(|read| read == memory()) == digit_in_capitals(&whole, bit), "{bit}");
        }
        assert!(Memory::read(&vec![b'x'; LEN_MAX + 1]).unwrap_err().to_string().contains("more than 262144"));
    }

    fn digit_in_capitals(whole: &[u8], bit: usize) -> bool {
        (FORMAT.len()..FORMAT.len() + 8).contains(&(bit / 8)) && bit % 8 == 5 && whole[bit / 8].is_ascii_alphabetic()
    }
}
