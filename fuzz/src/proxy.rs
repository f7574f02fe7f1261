//! Proxies.

use bytes::BytesMut;
use thingwire_core::internal::Proxy;
use thingwire_core::transport::{Endpoint, ProxyConfig, ProxyKind};

use crate::input::{Input, pieces};

/// Laws of what a proxy answers: it means the same however it is cut; nothing that comes behind a success is taken; and
/// a success is one by another reading of RFC 1928, RFC 1929 and RFC 9110.
///
/// # Panics
///
/// When a law is broken.
pub fn proxy(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.pick(&[ProxyKind::Socks5, ProxyKind::Http]);
    let login = input.flag();
    let lens = input.bytes(4);
    let stream = input.rest();
    let whole = negotiate(kind, login, &[stream]);
    let cut = negotiate(kind, login, &pieces(stream, lens));
    assert_eq!(whole, cut, "cut by {lens:?}");
    let (result, left, _) = whole;
    if result.as_deref() != Ok("connected") {
        return;
    }
    let taken = &stream[..stream.len() - left];
    match kind {
        ProxyKind::Socks5 => assert!(socks_agrees(taken, login), "{taken:?}"),
        ProxyKind::Http => assert!(http_agrees(taken), "{taken:?}"),
        _ => {}
    }
}

/// How it ended, how many bytes were left, and what the proxy was told.
type Negotiated = (Result<String, String>, usize, Vec<u8>);

fn negotiate(kind: ProxyKind, login: bool, pieces: &[&[u8]]) -> Negotiated {
    let endpoint = |host: &str| Endpoint::new(host, 8883).expect("a valid endpoint");
    let mut config = ProxyConfig::new(kind, endpoint("proxy.example"));
    if login {
        config = config.with_login("user", "secret");
    }
    let mut said = BytesMut::new();
    let mut proxy = Proxy::begin(&config, &endpoint("broker.example"), &mut said);
    let mut left: usize = pieces.iter().map(|piece| piece.len()).sum();
    for piece in pieces {
        let mut rest = *piece;
        let answer = proxy.receive(&mut rest, &mut said);
        left -= piece.len() - rest.len();
        match answer {
            Ok(true) => return (Ok("connected".to_owned()), left, said.to_vec()),
            Ok(false) => assert!(rest.is_empty(), "bytes were left although more is wanted"),
            Err(error) => {
                let words = error.to_string();
                assert!(!words.contains("secret") && !words.contains('\n'), "{words}");
                return (Err(words), 0, said.to_vec());
            }
        }
    }
    (Ok("waiting".to_owned()), left, said.to_vec())
}

/// The three answers of a SOCKS5 proxy that connects, and no byte more.
fn socks_agrees(taken: &[u8], login: bool) -> bool {
    let [5, method, rest @ ..] = taken else { return false };
    let rest = match (method, login, rest) {
        (0, _, rest) => rest,
        (2, true, [1, 0, rest @ ..]) => rest,
        _ => return false,
    };
    let [5, 0, 0, kind, address @ ..] = rest else { return false };
    let address_len = match (kind, address.first()) {
        (1, _) => 4,
        (4, _) => 16,
        (3, Some(&len)) => 1 + usize::from(len),
        _ => return false,
    };
    address.len() == address_len + 2
}

/// Heads of responses of which the last one, and only that, is a success, and no byte more.
fn http_agrees(taken: &[u8]) -> bool {
    // A carriage return in front of a line's end says nothing.
    let text = String::from_utf8_lossy(taken).replace("\r\n", "\n");
    let Some(text) = text.strip_suffix("\n\n") else { return false };
    let heads: Vec<_> = text.split("\n\n").collect();
    let class = |head: &str| head.strip_prefix("HTTP/1.")?.chars().nth(2);
    heads.iter().enumerate().all(|(index, head)| {
        let expected = if index + 1 == heads.len() { '2' } else { '1' };
        class(head) == Some(expected)
    })
}
