//! What stands in a trace for JSON that decides what the client does: a text of the same length and the same structure.

use serde_core::de::IgnoredAny;

use super::filler::Filler;

/// Members near the top of a request or an answer whose names the client looks for.
const NAMES: [&str; 12] = [
    "state",
    "desired",
    "reported",
    "delta",
    "metadata",
    "previous",
    "current",
    "version",
    "timestamp",
    "clientToken",
    "code",
    "message",
];

/// Of these, the members whose values the client reads.
const VALUES: [&str; 5] = ["version", "timestamp", "clientToken", "code", "message"];

/// How deep the client looks: as far as `{"current": {"version": 7}}`.
const LEVELS: usize = 2;

/// Whether the client reads messages on this topic.
pub(crate) fn is_read(topic: &[u8]) -> bool {
    topic.starts_with(b"$aws/things/")
}

impl Filler {
    /// Replaces the payload of a message on this topic.
    pub(crate) fn fill_payload(&self, topic: &[u8], payload: &mut [u8]) {
        if is_read(topic) { self.fill_json(payload) } else { self.fill(payload) }
    }

    /// Replaces the names and values in a JSON text, but for those that the client reads. What is no JSON is replaced
    /// as any payload: then the client reads nothing in it.
    pub(crate) fn fill_json(&self, payload: &mut [u8]) {
        let valid = core::str::from_utf8(payload).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        if valid { Scan { filler: self, text: payload, at: 0 }.run() } else { self.fill(payload) }
    }

    /// Letters for letters and digits for digits, each from what it replaces.
    fn fill_scalar(&self, scalar: &mut [u8]) {
        let quoted = scalar.first() == Some(&b'"');
        let filled = &mut scalar.to_vec()[..];
        self.fill(filled);
        let end = scalar.len() - usize::from(quoted);
        for (byte, random) in scalar[..end].iter_mut().zip(filled).skip(usize::from(quoted)) {
            match *byte {
                _ if quoted => *byte = b'a' + *random % 26,
                b'1'..=b'9' => *byte = b'1' + *random % 9,
                _ => {}
            }
        }
    }
}

/// A walk through a text that is known to be JSON.
struct Scan<'a> {
    filler: &'a Filler,
    text: &'a mut [u8],
    at: usize,
}

impl Scan<'_> {
    fn run(mut self) {
        // Whether each open container is an object.
        let mut open = Vec::new();
        let (mut name_next, mut keep) = (false, false);
        while let Some(&byte) = self.text.get(self.at) {
            let near = open.len() <= LEVELS;
            match byte {
                b'{' | b'[' => {
                    open.push(byte == b'{');
                    (name_next, keep) = (byte == b'{', false);
                    self.at += 1;
                }
                b'}' | b']' => {
                    open.pop();
                    self.at += 1;
                }
                b',' => {
                    (name_next, keep) = (open.last() == Some(&true), false);
                    self.at += 1;
                }
                b'"' if name_next => {
                    let filler = self.filler;
                    let name = self.scalar();
                    let known =
                        |names: &[&str]| near && names.iter().any(|known| name[1..name.len() - 1] == *known.as_bytes());
                    keep = known(&VALUES);
                    if !known(&NAMES) {
                        filler.fill_scalar(name);
                    }
                    name_next = false;
                }
                b'"' | b'-' | b'0'..=b'9' => {
                    let filler = self.filler;
                    let value = self.scalar();
                    if !keep {
                        filler.fill_scalar(value);
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    /// The string or number that begins here; goes on behind it.
    fn scalar(&mut self) -> &mut [u8] {
        let start = self.at;
        let rest = &self.text[start..];
        let len = if rest[0] == b'"' { string_len(rest) } else { number_len(rest) };
        self.at = start + len;
        &mut self.text[start..start + len]
    }
}

fn string_len(text: &[u8]) -> usize {
    let mut escaped = false;
    let ends = |byte: &u8| {
        let end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        end
    };
    text[1..].iter().position(ends).map_or(text.len(), |end| end + 2)
}

fn number_len(text: &[u8]) -> usize {
    let of_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    text.iter().take_while(|byte| of_number(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        Filler::new([1, 2]).fill_json(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_the_client_reads_stays_and_the_rest_is_replaced() {
        let text = r#"{"state":{"desired":{"version":12,"secret\"":"x\\\"ü","n":[-10.5e3,true,null]},"color":"red"},
            "version":12,"clientToken":"a-1","code":409,"message":"Version conflict","previous":{"version":11},"w":{}}"#;
        insta::assert_snapshot!(filled(text));
        assert_eq!(filled(text).len(), text.len());
        assert!(serde_json::from_str::<IgnoredAny>(&filled(text)).is_ok());
    }

    #[test]
    fn every_part_is_replaced_by_itself() {
        let (a, b) = (r#"{"state":{"reported":{"x":"secret"}}"#, r#","clientToken":"t"}"#);
        assert_eq!(filled(&[a, b].concat()), [&filled(&[a, "}"].concat())[..a.len()], b].concat());
    }

    #[test]
    fn what_is_no_json_is_filled_as_bytes() {
        for text in ["", "{\"state\":", "not json", "{\"a\":1}}"] {
            let mut bytes = text.as_bytes().to_vec();
            Filler::new([1, 2]).fill_json(&mut bytes);
            assert!(text.is_empty() || bytes != text.as_bytes(), "{text}");
        }
    }
}
