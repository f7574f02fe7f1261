//! The head of an HTTP/1.1 response: status and headers, bounded.

#[cfg(all(feature = "websocket", any(test, feature = "host")))]
pub(crate) mod response;

/// The most bytes of one head. Load balancers and login pages say much; no more than this.
pub(super) const HEAD_LEN_MAX: usize = 16 * 1024;

/// What every head begins with (RFC 9112 §4).
const BEGINNING: &[u8] = b"HTTP/1.";

/// Collects a head that comes in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Collector {
    head: Vec<u8>,
}

/// Why there is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadError {
    /// The bytes are not HTTP.
    Malformed,
    /// There are more than [`HEAD_LEN_MAX`] of them.
    TooLong,
}

/// A head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Collector {
    /// Takes bytes from the front of `wire` up to the end of the head, and none behind it. `None` asks for more.
    ///
    /// What cannot become a head is refused as early as it is seen: a server that speaks something else may wait for
    /// us in turn.
    pub(super) fn take(&mut self, wire: &mut &[u8]) -> Result<Option<Head>, HeadError> {
        while let Some((&byte, rest)) = wire.split_first() {
            *wire = rest;
            if self.head.len() == HEAD_LEN_MAX {
                return Err(HeadError::TooLong);
            }
            if BEGINNING.get(self.head.len()).is_some_and(|&expected| expected != byte) {
                return Err(HeadError::Malformed);
            }
            self.head.push(byte);
            // RFC 9112 §2.2: a line may end without the carriage return, and the next one with it.
            if self.head.ends_with(b"\n\r\n") || self.head.ends_with(b"\n\n") {
                return Head::parse(&core::mem::take(&mut self.head)).map(Some);
            }
        }
        Ok(None)
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, HeadError> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let status = lines.next().and_then(status).ok_or(HeadError::Malformed)?;
        let headers = lines.take_while(|line| !line.is_empty()).map(header).collect::<Option<_>>();
        Ok(Self { status, headers: headers.ok_or(HeadError::Malformed)? })
    }

    /// Every value of a header, by its name in lower case.
    pub(super) fn values(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The value of a header that may not come twice.
    #[cfg(any(test, feature = "websocket"))]
    pub(super) fn only(&self, name: &'static str) -> Option<&str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether one of a header's comma-separated values begins with this word, in any case.
    pub(super) fn has_word(&self, name: &'static str, word: &str) -> bool {
        let words = self.values(name).flat_map(|value| value.split(','));
        let mut firsts = words.filter_map(|value| value.split_whitespace().next());
        firsts.any(|first| first.eq_ignore_ascii_case(word))
    }
}

/// `HTTP/1.1 101 Switching Protocols`
fn status(line: &str) -> Option<u16> {
    let (version, rest) = line.split_once(' ')?;
    let minor = version.strip_prefix("HTTP/1.")?;
    let (status, _reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    status.parse().ok().filter(|&number: &u16| digits(minor, 1) && digits(status, 3) && number >= 100)
}

/// RFC 9112 §5: no space in front of the colon, no folded lines.
fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let value = value.trim_matches([' ', '\t']);
    let is_valid =
        !name.is_empty() && name.bytes().all(is_token) && !value.contains(|c: char| c.is_control() && c != '\t');
    is_valid.then(|| (name.to_ascii_lowercase(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer in one piece; the same must come of single bytes.
    fn take(mut bytes: &[u8]) -> Result<Option<Head>, HeadError> {
        let mut byte_by_byte = Collector::default();
        let mut last = Ok(None);
        for byte in bytes {
            last = byte_by_byte.take(&mut core::slice::from_ref(byte));
            if !matches!(last, Ok(None)) {
                break;
            }
        }
        let whole = Collector::default().take(&mut bytes);
        assert_eq!(whole, last);
        whole
    }

    #[test]
    fn a_head_ends_at_the_empty_line_and_leaves_what_is_behind_it() {
        let mut wire: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX:\r\n\r\n\x82\x00";
        let head = Collector::default().take(&mut wire).unwrap().unwrap();
        assert_eq!(
            (head.status, head.only("upgrade"), head.only("x"), wire),
            (101, Some("websocket"), Some(""), &[0x82, 0][..])
        );
    }

    #[test]
    fn a_head_whose_lines_end_in_different_ways_ends_at_its_empty_line_too() {
        for text in ["HTTP/1.1 200 OK\n\r\n", "HTTP/1.1 200 OK\r\nX: y\n\r\n", "HTTP/1.1 200 OK\r\n\n"] {
            let whole = [text, "behind it\r\n\r\n"].concat();
            let mut wire = whole.as_bytes();
            assert_eq!(Collector::default().take(&mut wire).unwrap().unwrap().status, 200, "{text:?}");
            assert_eq!(wire, b"behind it\r\n\r\n", "{text:?}");
        }
    }

    #[test]
    fn names_have_no_case_and_values_are_lists() {
        let head = take(b"HTTP/1.0 200\nCONNECTION: keep-alive , UpGrade\nconnection: x; y=1\n\n").unwrap().unwrap();
        assert_eq!(head.only("connection"), None, "it comes twice");
        assert!(head.has_word("connection", "upgrade") && head.has_word("connection", "KEEP-ALIVE"));
        assert!(!head.has_word("connection", "up"));
    }

    #[test]
    fn what_is_not_http_is_refused_at_its_first_wrong_byte() {
        for (text, len) in [("\x15\x03", 1), ("SSH-2.0", 1), ("HTTP/2 200", 6), ("http/1.1 200", 1)] {
            let mut wire = text.as_bytes();
            assert_eq!(Collector::default().take(&mut wire), Err(HeadError::Malformed), "{text}");
            assert_eq!(text.len() - wire.len(), len, "{text}");
        }
    }

    #[test]
    fn malformed_heads() {
        let bad = [
            "HTTP/1.1\r\n\r\n",
            "HTTP/1.1 \r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 +20 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.x 200 OK\r\n\r\n",
            "HTTP/1.11 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
            "HTTP/1.1 200 OK\r\nspace : before\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: \0\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: \rb\r\n\r\n",
        ];
        for text in bad {
            assert_eq!(take(text.as_bytes()), Err(HeadError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_head_without_end_is_cut_at_the_limit() {
        let long = |len: usize| {
            let start = "HTTP/1.1 200 OK\r\nlong: ";
            format!("{start}{}\r\n\r\n", "a".repeat(len - start.len() - 4))
        };
        assert_eq!(take(long(HEAD_LEN_MAX).as_bytes()).unwrap().unwrap().status, 200);
        assert_eq!(take(long(HEAD_LEN_MAX + 1).as_bytes()), Err(HeadError::TooLong));
    }
}
