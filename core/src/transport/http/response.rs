//! A whole HTTP/1.1 response: its head and its body, bounded, on a connection that is for it alone.

use core::fmt;

use zeroize::Zeroizing;

use super::{Collector, HEAD_LEN_MAX, Head, HeadError};

/// The most bytes of one body. Credentials are two thousand.
pub(crate) const BODY_LEN_MAX: usize = 64 * 1024;
/// The most digits of a chunk's length.
const CHUNK_DIGITS_MAX: usize = 8;

/// A response. Its body may be a secret.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Where a redirect leads, without a query.
    pub(crate) location: Option<String>,
    /// Whether it is a page for people.
    pub(crate) is_html: bool,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseFault {
    NotHttp,
    HeadTooLong,
    BodyTooLong,
    /// How long the body is cannot be told.
    Framing,
    /// The body is compressed, which was not asked for.
    Encoded,
    /// The connection ended too early.
    Truncated,
}

impl fmt::Display for ResponseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp => f.write_str("the server does not answer in HTTP; check the port"),
            Self::HeadTooLong => {
                write!(f, "the answer has a head of more than {HEAD_LEN_MAX} bytes; check the endpoint")
            }
            Self::BodyTooLong => write!(f, "the answer has more than {BODY_LEN_MAX} bytes; check the endpoint"),
            Self::Framing => f.write_str("the length of the answer is badly encoded; check what lies on the way"),
            Self::Encoded => {
                f.write_str("the answer is compressed, which was not asked for; check what lies on the way")
            }
            Self::Truncated => {
                f.write_str("the server closed the connection before its answer was complete; try again")
            }
        }
    }
}

/// Collects a response that comes in pieces of any size.
pub(crate) struct Exchange {
    head: Collector,
    response: Option<(Response, Framing)>,
}

/// Where the body ends (RFC 9112 §6.3).
enum Framing {
    /// After so many more bytes.
    Length(usize),
    /// With a chunk without content; what is known of the line that is being read.
    Chunked(Chunk),
    /// With the connection.
    Close,
}

/// Where in chunks the next byte is (RFC 9112 §7.1).
enum Chunk {
    /// In the line with the length: its digits so far, and whether they are over.
    Size { digits: String, over: bool },
    /// So many bytes before the end of the content.
    Content(usize),
    /// In the line end behind the content.
    ContentEnd,
    /// In the trailer: how long its line is so far.
    Trailer(usize),
}

impl Exchange {
    pub(crate) fn new() -> Self {
        Self { head: Collector::default(), response: None }
    }

    /// Takes bytes; tells whether the response is complete.
    pub(crate) fn receive(&mut self, mut bytes: &[u8]) -> Result<bool, ResponseFault> {
        while self.response.is_none() {
            let taken = self.head.take(&mut bytes).map_err(|error| match error {
                HeadError::Malformed => ResponseFault::NotHttp,
                HeadError::TooLong => ResponseFault::HeadTooLong,
            })?;
            let Some(head) = taken else { return Ok(false) };
            // What is interim is followed by what counts (RFC 9110 §15.2).
            if head.status >= 200 {
                self.response = Some(begin(&head)?);
            }
        }
        let Some((response, framing)) = &mut self.response else { return Ok(false) };
        let body = &mut response.body;
        match framing {
            Framing::Length(left) => {
                let taken = bytes.len().min(*left);
                append(body, &bytes[..taken])?;
                *left -= taken;
                Ok(*left == 0)
            }
            Framing::Close => append(body, bytes).map(|()| false),
            Framing::Chunked(chunk) => unchunk(chunk, bytes, body),
        }
    }

    /// The connection is over, and properly so.
    pub(crate) fn finish(&self) -> Result<(), ResponseFault> {
        match &self.response {
            Some((_, Framing::Close)) => Ok(()),
            _ => Err(ResponseFault::Truncated),
        }
    }

    /// The response, once it is complete or finished.
    pub(crate) fn into_response(self) -> Result<Response, ResponseFault> {
        self.response.map(|(response, _)| response).ok_or(ResponseFault::Truncated)
    }
}

fn begin(head: &Head) -> Result<(Response, Framing), ResponseFault> {
    let framing = framing(head)?;
    let is_plain = head.values("content-encoding").all(|value| value.eq_ignore_ascii_case("identity"));
    if !is_plain {
        return Err(ResponseFault::Encoded);
    }
    let location = head.only("location").map(|url| url.split(['?', '#']).next().unwrap_or_default().to_owned());
    let response = Response {
        status: head.status,
        location,
        is_html: head.values("content-type").any(|value| value.to_ascii_lowercase().starts_with("text/html")),
        // In one piece from the beginning, so that no copies of it stay behind.
        body: Zeroizing::new(Vec::with_capacity(BODY_LEN_MAX)),
    };
    Ok((response, framing))
}

fn framing(head: &Head) -> Result<Framing, ResponseFault> {
    if matches!(head.status, 204 | 304) {
        return Ok(Framing::Length(0));
    }
    let has_length = head.values("content-length").next().is_some();
    if head.values("transfer-encoding").next().is_some() {
        let is_chunked = head.only("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        // With both, somebody on the way may see another end than we do (RFC 9112 §6.3).
        let chunk = Chunk::Size { digits: String::new(), over: false };
        return if is_chunked && !has_length { Ok(Framing::Chunked(chunk)) } else { Err(ResponseFault::Framing) };
    }
    if !has_length {
        return Ok(Framing::Close);
    }
    let length = head.only("content-length").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match length.and_then(|text| text.parse::<u64>().ok()) {
        Some(length) => match usize::try_from(length) {
            Ok(length) if length <= BODY_LEN_MAX => Ok(Framing::Length(length)),
            _ => Err(ResponseFault::BodyTooLong),
        },
        None => Err(ResponseFault::Framing),
    }
}

fn append(body: &mut Vec<u8>, bytes: &[u8]) -> Result<(), ResponseFault> {
    if body.len() + bytes.len() > BODY_LEN_MAX {
        return Err(ResponseFault::BodyTooLong);
    }
    body.extend_from_slice(bytes);
    Ok(())
}

fn unchunk(chunk: &mut Chunk, mut bytes: &[u8], body: &mut Vec<u8>) -> Result<bool, ResponseFault> {
    while let Some((&byte, rest)) = bytes.split_first() {
        match chunk {
            Chunk::Content(left) => {
                let taken = bytes.len().min(*left);
                append(body, &bytes[..taken])?;
                bytes = &bytes[taken..];
                *left -= taken;
                if *left == 0 {
                    *chunk = Chunk::ContentEnd;
                }
                continue;
            }
            Chunk::Size { digits, over } => match byte {
                b'\n' => *chunk = after_size(digits)?,
                byte if !*over && byte.is_ascii_hexdigit() && digits.len() < CHUNK_DIGITS_MAX => {
                    digits.push(char::from(byte));
                }
                // Extensions mean nothing to us.
                b';' | b'\r' | b' ' | b'\t' => *over = true,
                _ if *over => {}
                _ => return Err(ResponseFault::Framing),
            },
            Chunk::ContentEnd => match byte {
                b'\r' => {}
                b'\n' => *chunk = Chunk::Size { digits: String::new(), over: false },
                _ => return Err(ResponseFault::Framing),
            },
            Chunk::Trailer(len) => match byte {
                b'\n' if *len == 0 => return Ok(true),
                b'\n' => *len = 0,
                b'\r' => {}
                _ if *len == HEAD_LEN_MAX => return Err(ResponseFault::HeadTooLong),
                _ => *len += 1,
            },
        }
        bytes = rest;
    }
    Ok(false)
}

fn after_size(digits: &str) -> Result<Chunk, ResponseFault> {
    match usize::from_str_radix(digits, 16) {
        Ok(0) => Ok(Chunk::Trailer(0)),
        Ok(length) if length <= BODY_LEN_MAX => Ok(Chunk::Content(length)),
        Ok(_) => Err(ResponseFault::BodyTooLong),
        Err(_) => Err(ResponseFault::Framing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The response in one piece, and finished; the same must come of single bytes.
    fn take(text: &str) -> Result<(u16, String), ResponseFault> {
        let run = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut exchange = Exchange::new();
            let mut complete = false;
            for piece in pieces {
                complete = exchange.receive(piece)?;
                if complete {
                    break;
                }
            }
            if !complete {
                exchange.finish()?;
            }
            let response = exchange.into_response()?;
            Ok((response.status, String::from_utf8(response.body.to_vec()).unwrap()))
        };
        let whole = run(&mut core::iter::once(text.as_bytes()));
        assert_eq!(whole, run(&mut text.as_bytes().chunks(1)), "{text:?}");
        whole
    }

    #[test]
    fn a_body_ends_with_its_length_its_last_chunk_or_its_connection() {
        for (text, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}more", "{}"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
            ("HTTP/1.1 200 OK\r\n\r\n{ }", "{ }"),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", "1"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\n{\r\n00B; a=b\r\n 0123456789\r\n0\r\nX: y\r\n\r\n",
                "{ 0123456789",
            ),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\n{}\n0\n\nmore", "{}"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\nX: 123456789\r\nY: z\r\n\r\n", "1"),
            ("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n\r\n1", "1"),
        ] {
            assert_eq!(take(text), Ok((200, body.to_owned())), "{text:?}");
        }
        assert_eq!(take("HTTP/1.1 204 x\r\n\r\n"), Ok((204, String::new())));
        let longest = "a".repeat(BODY_LEN_MAX);
        assert_eq!(take(&format!("HTTP/1.1 200 OK\r\n\r\n{longest}")), Ok((200, longest)));
    }

    #[test]
    fn what_cannot_be_told_apart_cut_off_or_too_long_is_refused() {
        use ResponseFault as Fault;
        let chunked = |rest: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{rest}");
        let headed = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}");
        for (text, fault) in [
            (String::new(), Fault::Truncated),
            ("SSH-2.0".to_owned(), Fault::NotHttp),
            (headed(""), Fault::Truncated),
            (headed(&format!("a: {}", "b".repeat(HEAD_LEN_MAX))), Fault::HeadTooLong),
            (headed("Content-Length: 3\r\n\r\n{}"), Fault::Truncated),
            (headed("Content-Length: +2\r\n\r\n{}"), Fault::Framing),
            (headed("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), Fault::Framing),
            (headed("Content-Length: 65537\r\n\r\n"), Fault::BodyTooLong),
            (headed("Content-Length: 18446744073709551615\r\n\r\n"), Fault::BodyTooLong),
            (headed(&format!("\r\n{}", "a".repeat(BODY_LEN_MAX + 1))), Fault::BodyTooLong),
            (headed("Transfer-Encoding: gzip, chunked\r\n\r\n"), Fault::Framing),
            (headed("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n"), Fault::Framing),
            (headed("Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), Fault::Encoded),
            (chunked("2\r\n{}"), Fault::Truncated),
            (chunked("2\r\n{}\r\n0\r\n"), Fault::Truncated),
            (chunked("2\r\n{}\r\n0\r\nX: y\r\n"), Fault::Truncated),
            (chunked(&format!("0\r\n{}\r\n\r\n", "x".repeat(HEAD_LEN_MAX + 1))), Fault::HeadTooLong),
            (chunked("2\r\n{}x"), Fault::Framing),
            (chunked("\r\n"), Fault::Framing),
            (chunked("-1\r\n"), Fault::Framing),
            (chunked("000000000\r\n"), Fault::Framing),
            (chunked("ffffffff\r\n"), Fault::BodyTooLong),
            (chunked(&format!("ffff\r\n{}\r\n2\r\n{{}}", "a".repeat(0xffff))), Fault::BodyTooLong),
        ] {
            assert_eq!(take(&text), Err(fault), "{:?}", &text[..text.len().min(80)]);
        }
    }

    #[test]
    fn a_redirect_tells_where_to_but_no_query() {
        let mut exchange = Exchange::new();
        let head = b"HTTP/1.1 302 x\r\nLocation: https://login/?u=secret\r\nContent-Type: Text/HTML; a\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(exchange.receive(head), Ok(true));
        let response = exchange.into_response().unwrap();
        assert_eq!(
            (response.status, response.location.as_deref(), response.is_html),
            (302, Some("https://login/"), true)
        );
    }
}
