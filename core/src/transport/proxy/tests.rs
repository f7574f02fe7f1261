use super::*;
use crate::LinkError;
use crate::transport::http::HEAD_LEN_MAX;

fn server() -> Endpoint {
    Endpoint::new("iot.example.com", 8883).unwrap()
}

fn config(url: &str) -> ProxyConfig {
    ProxyConfig::parse(url).unwrap()
}

/// What the proxy was told, what came behind its last answer, and how it ended.
type Outcome = (Vec<u8>, Vec<u8>, Result<bool, ProxyError>);

/// The proxy says all of it, so many bytes at a time.
fn talk(config: &ProxyConfig, server: &Endpoint, answers: &[u8], chunk: usize) -> Outcome {
    let mut told = BytesMut::new();
    let mut proxy = Proxy::begin(config, server, &mut told);
    let mut result = Ok(false);
    let mut rest = answers;
    while !rest.is_empty() && result == Ok(false) {
        let (mut piece, behind) = rest.split_at(chunk.min(rest.len()));
        result = proxy.receive(&mut piece, &mut told);
        rest = &rest[rest.len() - behind.len() - piece.len()..];
    }
    (told.to_vec(), rest.to_vec(), result)
}

fn both_ways(config: &ProxyConfig, server: &Endpoint, answers: &[u8]) -> Outcome {
    let [whole, bytewise] = [100_000, 1].map(|chunk| talk(config, server, answers, chunk));
    assert_eq!((&whole.0, &whole.2), (&bytewise.0, &bytewise.2));
    if whole.2 == Ok(true) {
        assert_eq!(whole.1, bytewise.1);
    }
    whole
}

#[test]
fn an_http_proxy_is_asked_for_host_and_port_and_given_the_login() {
    let ok = b"HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\nbehind";
    let (told, behind, result) = both_ways(&config("http://proxy"), &server(), ok);
    assert_eq!(told, b"CONNECT iot.example.com:8883 HTTP/1.1\r\nHost: iot.example.com:8883\r\n\r\n");
    assert_eq!((behind.as_slice(), result), (&b"behind"[..], Ok(true)));

    let (told, _, result) = both_ways(&config("http://Aladdin:open%20sesame@proxy:3128"), &server(), ok);
    // RFC 7617 §2
    let login = "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
    assert!(String::from_utf8(told).unwrap().ends_with(login));
    assert_eq!(result, Ok(true));

    let six = Endpoint::new("::1", 443).unwrap();
    let (told, _, _) = both_ways(&config("proxy"), &six, ok);
    assert_eq!(told, b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n");
}

#[test]
fn every_answer_of_an_http_proxy_has_its_meaning() {
    let (none, login) = (config("http://proxy"), config("http://a:b@proxy"));
    let wants =
        |kind: &str| format!("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: {kind}\r\n\r\n");
    let cases = [
        (&none, wants("Basic realm=\"x\"")),
        (&login, wants("Basic realm=\"x\"")),
        (&login, "HTTP/1.1 407 x\r\n\r\n".to_owned()),
        (&login, "HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"Tinyproxy\"\r\n\r\n".to_owned()),
        (&login, wants("Negotiate, Digest realm=\"Basic\"")),
        (&none, "HTTP/1.1 403 Filtered\r\n\r\n<html>".to_owned()),
        (&none, "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned()),
        (&none, "HTTP/1.1 502 Bad Gateway\r\n\r\n".to_owned()),
        (&none, "HTTP/1.1 504 Gateway Timeout\r\n\r\n".to_owned()),
        (&none, "HTTP/1.1 500 x\r\n\r\n".to_owned()),
        (&none, "HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n".to_owned()),
        (&none, "HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned()),
        (&none, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 502 x\r\n\r\n".to_owned()),
        (&none, "\x05\x00".to_owned()),
        (&none, "<html>".to_owned()),
        (&none, format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(HEAD_LEN_MAX / 6))),
    ];
    let words = cases.map(|(config, answer)| {
        let error = LinkError::Proxy(both_ways(config, &server(), answer.as_bytes()).2.unwrap_err());
        let mark = if error.needs_a_change() { "long wait" } else { "try again" };
        format!("{mark}: {error}")
    });
    insta::assert_snapshot!(words.join("\n"));
}

#[test]
fn a_socks_proxy_is_given_the_name_and_the_login_when_it_wants_one() {
    let done = [5, 0, 0, 1, 127, 0, 0, 1, 4, 210];
    let wanted = [&[5, 1, 0, 3, 15][..], b"iot.example.com", &[0x22, 0xb3]].concat();

    let answers = [&[5, 0][..], &done, b"behind"].concat();
    let (told, behind, result) = both_ways(&config("socks5://proxy"), &server(), &answers);
    assert_eq!((told, behind, result), ([&[5, 1, 0][..], &wanted].concat(), b"behind".to_vec(), Ok(true)));

    let login = config("socks5h://user:p%40ss@proxy");
    let answers = [&[5, 2, 1, 0][..], &done].concat();
    let (told, _, result) = both_ways(&login, &server(), &answers);
    let expected = [&[5, 2, 0, 2][..], &[1, 4], b"user", &[4], b"p@ss", &wanted].concat();
    assert_eq!((told, result), (expected, Ok(true)));

    // A proxy that wants no login although there is one.
    let (told, _, result) = both_ways(&login, &server(), &[&[5, 0][..], &done].concat());
    assert_eq!((told, result), ([&[5, 2, 0, 2][..], &wanted].concat(), Ok(true)));
}

#[test]
fn a_socks_proxy_is_given_addresses_as_addresses_and_may_answer_with_any_kind() {
    let config = config("socks5://proxy");
    for (host, wanted) in [
        ("192.0.2.1", [&[5, 1, 0, 1, 192, 0, 2, 1][..], &[0x22, 0xb3]].concat()),
        ("::1", [&[5, 1, 0, 4][..], &[0; 15], &[1, 0x22, 0xb3]].concat()),
    ] {
        let server = Endpoint::new(host, 8883).unwrap();
        for bound in
            [&[1, 0, 0, 0, 0][..], &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[3, 2, b'h', b'i'], &[3, 0]]
        {
            let answers = [&[5, 0, 5, 0, 0][..], bound, &[0, 80], b"behind"].concat();
            let (told, behind, result) = both_ways(&config, &server, &answers);
            assert_eq!((&told[3..], behind.as_slice(), result), (&wanted[..], &b"behind"[..], Ok(true)));
        }
    }
}

#[test]
fn every_answer_of_a_socks_proxy_has_its_meaning() {
    let (none, login) = (config("socks5://proxy"), config("socks5://a:b@proxy"));
    let mut cases: Vec<(&ProxyConfig, Vec<u8>)> = (1..=9).map(|code| (&none, vec![5, 0, 5, code])).collect();
    cases.extend([
        (&none, vec![5, 0xff]),
        (&login, vec![5, 0xff]),
        (&none, vec![5, 2]),
        (&login, vec![5, 1]),
        (&login, vec![5, 2, 1, 1]),
        (&login, vec![5, 2, 5]),
        (&none, vec![4]),
        (&none, b"HTTP/1.1 400".to_vec()),
        (&none, vec![5, 0, 4]),
        (&none, vec![5, 0, 5, 0, 1]),
        (&none, vec![5, 0, 5, 0, 0, 2]),
    ]);
    let words: Vec<_> = cases
        .into_iter()
        .map(|(config, answer)| {
            let error = LinkError::Proxy(both_ways(config, &server(), &answer).2.unwrap_err());
            let mark = if error.needs_a_change() { "long wait" } else { "try again" };
            format!("{answer:?}: {mark}: {error}")
        })
        .collect();
    insta::assert_snapshot!(words.join("\n"));
}

#[test]
fn urls_of_proxies() {
    let parse = |url: &str| {
        let config = config(url);
        (config.kind(), config.endpoint().to_string(), config.login().is_some())
    };
    let at = |kind, place: &str, login| (kind, place.to_owned(), login);
    assert_eq!(parse("http://proxy"), at(ProxyKind::Http, "proxy:80", false));
    assert_eq!(parse("HTTP://proxy:3128/"), at(ProxyKind::Http, "proxy:3128", false));
    assert_eq!(parse("proxy:3128"), at(ProxyKind::Http, "proxy:3128", false));
    assert_eq!(parse("socks5://[::1]"), at(ProxyKind::Socks5, "[::1]:1080", false));
    assert_eq!(parse("socks5h://u@10.0.0.1:9"), at(ProxyKind::Socks5, "10.0.0.1:9", true));
    assert_eq!(parse("http://u:p:a@s@proxy"), at(ProxyKind::Http, "proxy:80", true));
}

#[test]
fn what_cannot_be_a_proxy_is_refused_and_no_login_is_shown() {
    let bad = [
        "",
        "https://proxy",
        "socks4://proxy",
        "secret:secret://proxy",
        "http://",
        "http://user:secret@",
        "http://user:secret@pro xy",
        "http://user:secret@proxy:0",
        "http://user:secret@proxy/path",
        "http://%secret:x@proxy",
        "http://user:%fsecret@proxy",
        "http://user:%ff@proxy",
    ];
    let errors = bad.map(|url| format!("{url}\n  {}", ProxyConfig::parse(url).unwrap_err()));
    for error in &errors {
        assert!(!error.lines().nth(1).unwrap().contains("secret"), "{error}");
    }
    insta::assert_snapshot!(errors.join("\n"));
    let long = "x".repeat(256);
    let server = server();
    for config in [
        config("socks5://u@proxy"),
        config("socks5://:p@proxy"),
        config("socks5://proxy").with_login(long.as_str(), "secret"),
        config("http://proxy").with_login("a:b", "secret"),
        config("http://proxy").with_login("a", "secret\r\nX: y"),
    ] {
        let error = config.validate(&server).unwrap_err();
        assert!(!format!("{error} {error:?} {config:?}").contains("secret"), "{error}");
    }
    let far = Endpoint::new(long, 1).unwrap();
    config("socks5://proxy").validate(&far).unwrap_err();
}
