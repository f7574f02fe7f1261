use std::io::{Cursor, Read, Write};

use bytes::BytesMut;
use proptest::prelude::*;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{Message, Role};
use zeroize::Zeroizing;

use super::*;

const SIGNED_AT: u64 = 784_111_777;

fn begin() -> (WebSocket, String) {
    let request = Request {
        host: "example.com".to_owned(),
        target: Zeroizing::new("/mqtt?signed=1".to_owned()),
        headers: vec![("X-More".to_owned(), Zeroizing::new("value".to_owned()))],
        signed_at: Some(SIGNED_AT),
    };
    let mut wire = BytesMut::new();
    let websocket = WebSocket::begin(&request, [7; 32], &mut wire);
    (websocket, String::from_utf8(wire.to_vec()).unwrap())
}

fn accept_of(request: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    derive_accept_key(key.as_bytes())
}

fn agreement(request: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\
         Sec-WebSocket-Protocol: mqtt\r\n\r\n",
        accept_of(request)
    )
}

fn open() -> WebSocket {
    let (mut websocket, request) = begin();
    let (mut plain, mut reply) = (BytesMut::new(), BytesMut::new());
    websocket.receive(agreement(&request).as_bytes(), &mut plain, &mut reply).unwrap();
    assert!(websocket.is_ready() && plain.is_empty() && reply.is_empty());
    websocket
}

#[test]
fn the_servers_clock_is_told_where_it_tells_it() {
    assert_eq!(open().server_time(), None);
    let (mut websocket, request) = begin();
    let agreement = agreement(&request).replace("\r\n\r\n", "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
    feed(&mut websocket, agreement.as_bytes(), 1);
    assert_eq!(websocket.server_time(), Some(SIGNED_AT));
}

/// What came of bytes: data, what was answered, and the end if there was one.
type Outcome = (Vec<u8>, Vec<u8>, Option<WebSocketError>);

fn feed(websocket: &mut WebSocket, wire: &[u8], chunk: usize) -> Outcome {
    let (mut plain, mut reply) = (BytesMut::new(), BytesMut::new());
    let mut end = None;
    for chunk in wire.chunks(chunk) {
        end = websocket.receive(chunk, &mut plain, &mut reply).err();
    }
    (plain.to_vec(), reply.to_vec(), end)
}

/// Removes the masks of frames; each has its length in as few bytes as it takes (§5.2).
fn unmasked(mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = wire {
        assert!(second & 0x80 != 0, "masked");
        let (len, least, rest) = match (second & 0x7f, rest) {
            (126, [high, low, rest @ ..]) => (u64::from(u16::from_be_bytes([*high, *low])), 126, rest),
            (127, rest) => (u64::from_be_bytes(rest[..8].try_into().unwrap()), 65_536, &rest[8..]),
            (short, rest) => (u64::from(short), 0, rest),
        };
        assert!(len >= least, "a length of {len}");
        let (mask, rest) = rest.split_at(4);
        let (payload, rest) = rest.split_at(usize::try_from(len).unwrap());
        frames.push((*first, payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()));
        wire = rest;
    }
    frames
}

#[test]
fn the_request_is_what_the_standard_asks_for() {
    let (_, request) = begin();
    insta::assert_snapshot!(request.replace('\r', ""));
    let (_, same) = begin();
    assert_eq!(request, same, "the same supplies give the same bytes");
}

#[test]
fn an_agreement_is_taken_in_any_form_that_http_allows() {
    let (_, request) = begin();
    let accept = accept_of(&request);
    let answers = [
        agreement(&request),
        format!(
            "HTTP/1.1 101\nsec-websocket-protocol: mqtt\nSEC-WEBSOCKET-ACCEPT:{accept}\nconnection: keep-alive, upgrade\n\
             upgrade: WebSocket\nSec-WebSocket-Extensions:\nServer: any\n\n"
        ),
        format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{}", agreement(&request)),
    ];
    for answer in answers {
        for chunk in [1, 3, 1_000] {
            let (mut websocket, _) = begin();
            // The first frame comes right behind the answer.
            let wire = [answer.as_bytes(), &[0x82, 1, b'x']].concat();
            assert_eq!(feed(&mut websocket, &wire, chunk), (b"x".to_vec(), vec![], None), "{answer}");
            assert!(websocket.is_ready());
        }
    }
}

#[test]
fn every_other_answer_is_refused_for_what_it_is() {
    let (_, request) = begin();
    let good = agreement(&request);
    let accept = accept_of(&request);
    let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\n{more}\r\n<html>never read</html>");
    let answers = [
        head("403 Forbidden", "x-amzn-ErrorType: ForbiddenException:http://internal/\r\n"),
        head("403 Forbidden", "Date: Sun, 06 Nov 1994 08:44:37 GMT\r\n"),
        head("403 Forbidden", "Date: Sun, 06 Nov 1994 08:44:36 GMT\r\n"),
        head("403 Forbidden", "Date: Sun, 06 Nov 1994 09:49:37 GMT\r\n"),
        head("401 Unauthorized", "Date: Sun, 06 Nov 1994 09:49:37 GMT\r\n"),
        head("200 OK", "Content-Type: text/html\r\n"),
        head("302 Found", "Location: https://login.example/?back=X-Amz-Signature%3Dsecret#X-Amz-Signature\r\n"),
        head("308 Permanent Redirect", ""),
        head("400 Bad Request", ""),
        head("404 Not Found", ""),
        head("426 Upgrade Required", ""),
        head("429 Too Many Requests", ""),
        head("503 Service Unavailable", ""),
        good.replace("Upgrade: websocket\r\n", ""),
        good.replace("Upgrade: websocket", "Upgrade: h2c"),
        good.replace("Connection: Upgrade", "Connection: close"),
        good.replace(&format!("Sec-WebSocket-Accept: {accept}\r\n"), ""),
        good.replace(&accept, &accept.to_lowercase()),
        good.replace("Sec-WebSocket-Protocol: mqtt\r\n", ""),
        good.replace("Protocol: mqtt", "Protocol: mqttv3.1"),
        good.replace("Protocol: mqtt", "Protocol: mqtt\r\nSec-WebSocket-Protocol: mqtt"),
        good.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
        good.replace("HTTP/1.1", "HTTP/2"),
        "\x20\x02\x00\x00".to_owned(),
        format!("HTTP/1.1 101 x\r\nlong: {}", "x".repeat(20_000)),
    ];
    let words = answers.map(|answer| {
        let [whole, bytewise] = [100_000, 1].map(|chunk| {
            let (mut websocket, _) = begin();
            let (plain, reply, end) = feed(&mut websocket, answer.as_bytes(), chunk);
            assert!(plain.is_empty() && reply.is_empty() && !websocket.is_ready());
            end.unwrap()
        });
        assert_eq!(whole, bytewise);
        assert!(!format!("{whole} {whole:?}").contains("Signature"), "no query in {whole}");
        let mark = if crate::LinkError::WebSocket(whole.clone()).needs_a_change() { "long wait" } else { "try again" };
        format!("{mark}: {whole}")
    });
    insta::assert_snapshot!(words.join("\n"));
}

#[test]
fn what_frames_may_not_be_is_refused_as_soon_as_it_is_seen() {
    use WebSocketFault as F;
    let fault = WebSocketError::Frame;
    let cases: [(&[u8], WebSocketError); 26] = [
        (&[0xc2], fault(F::ReservedBits)),
        (&[0xa2], fault(F::ReservedBits)),
        (&[0x92], fault(F::ReservedBits)),
        (&[0x83], fault(F::Opcode { opcode: 3 })),
        (&[0x07], fault(F::Opcode { opcode: 7 })),
        (&[0x8b], fault(F::Opcode { opcode: 11 })),
        (&[0x8f], fault(F::Opcode { opcode: 15 })),
        (&[0x81], fault(F::Text)),
        (&[0x80], fault(F::Continuation)),
        (&[0x02, 0, 0x82], fault(F::Interleaved)),
        (&[0x02, 0, 0x80, 0, 0x80], fault(F::Continuation)),
        (&[0x82, 0x80], fault(F::Masked)),
        (&[0x89, 0x80], fault(F::Masked)),
        (&[0x09], fault(F::ControlFragment)),
        (&[0x08], fault(F::ControlFragment)),
        (&[0x89, 126], fault(F::ControlTooLong)),
        (&[0x8a, 127], fault(F::ControlTooLong)),
        (&[0x82, 126, 0, 125], fault(F::Length)),
        (&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], fault(F::Length)),
        (&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], fault(F::Length)),
        (&[0x88, 1, 3], fault(F::CloseBody)),
        (&[0x88, 2, 3, 0xed], fault(F::CloseBody)),
        (&[0x88, 2, 0, 0], fault(F::CloseBody)),
        (&[0x88, 3, 3, 0xe8, 0xff], fault(F::CloseBody)),
        (&[0x88, 0], WebSocketError::Closed { code: None, reason: String::new() }),
        (
            &[0x88, 5, 0x03, 0xf0, b'b', b'y', b'e'],
            WebSocketError::Closed { code: Some(1008), reason: "bye".to_owned() },
        ),
    ];
    for (bytes, expected) in cases {
        for chunk in [1, 1_000] {
            let mut websocket = open();
            let wire = [&[0x82, 2, b'o', b'k'], bytes].concat();
            let (plain, reply, end) = feed(&mut websocket, &wire, chunk);
            assert_eq!((plain.as_slice(), end.as_ref()), (&b"ok"[..], Some(&expected)), "{bytes:x?}");
            let code: &[u8] = if bytes[0] == 0x88 && expected != fault(F::CloseBody) {
                &bytes[2..bytes.len().min(4)]
            } else if expected == fault(F::Text) {
                &[3, 0xeb]
            } else {
                &[3, 0xea]
            };
            assert_eq!(unmasked(&reply), [(0x88, code.to_vec())], "{bytes:x?}");
            let after = feed(&mut websocket, &[0x82, 1, b'x'], 1);
            assert_eq!(after, (vec![], vec![], Some(expected.clone())), "there is no way back");
            let mut wire = BytesMut::new();
            websocket.transmit(&mut BytesMut::from("late"), &mut wire);
            websocket.close(&mut wire);
            assert!(wire.is_empty(), "nothing follows a Close frame");
        }
    }
}

#[test]
fn the_codes_of_close_frames_are_those_that_may_be_sent() {
    let valid = |code: u16| {
        let mut websocket = open();
        let (_, _, end) = feed(&mut websocket, &[&[0x88, 2], &code.to_be_bytes()[..]].concat(), 9);
        end == Some(WebSocketError::Closed { code: Some(code), reason: String::new() })
    };
    let codes: Vec<u16> =
        (0..=u16::MAX).step_by(1).filter(|code| !(1100..2900).contains(code) && *code < 5200).collect();
    let valid: Vec<u16> = codes.into_iter().filter(|code| valid(*code)).collect();
    let expected: Vec<u16> = [1000..=1003, 1007..=1014, 3000..=4999].into_iter().flatten().collect();
    assert_eq!(valid, expected);
}

#[test]
fn only_the_last_of_several_pings_is_answered_so_that_they_cost_no_memory() {
    let mut websocket = open();
    let mut pings = [0x89, 4].to_vec();
    pings.extend(b"last");
    let wire = [[0x89, 1, b'a'].repeat(100_000), pings].concat();
    let (plain, reply, end) = feed(&mut websocket, &wire, 777);
    assert_eq!((plain, reply, end), (vec![], vec![], None));
    let mut wire = BytesMut::new();
    websocket.transmit(&mut BytesMut::from("data"), &mut wire);
    websocket.transmit(&mut BytesMut::new(), &mut wire);
    assert_eq!(unmasked(&wire), [(0x8a, b"last".to_vec()), (0x82, b"data".to_vec())]);
}

#[test]
fn a_frame_of_any_length_is_masked_to_its_last_byte() {
    for len in (0..70).chain([125, 126, 127, 1_000, 65_535, 65_536, 70_001]) {
        let payload: Vec<u8> = (0..len).map(|index: u32| index.to_le_bytes()[0]).collect();
        let mut wire = BytesMut::new();
        frame::encode(Opcode::Binary, &payload, [1, 20, 3, 255], &mut wire);
        assert!(wire[..wire.len() - payload.len()].ends_with(&[1, 20, 3, 255]), "the mask");
        assert_eq!(unmasked(&wire), [(0x82, payload)]);
    }
}

#[test]
fn control_frames_between_fragments_leave_the_stream_whole() {
    let mut websocket = open();
    let wire = [&[0x02, 1, b'a'][..], &[0x89, 1, b'p'], &[0x00, 1, b'b'], &[0x8a, 2, 0, 0], &[0x80, 1, b'c']].concat();
    let (plain, _, end) = feed(&mut websocket, &wire, 1);
    assert_eq!((plain.as_slice(), end), (&b"abc"[..], None));
}

#[test]
fn masks_differ_from_frame_to_frame_and_from_link_to_link() {
    let masks = |entropy: u8| {
        let request =
            Request { host: "h".to_owned(), target: Zeroizing::new("/".to_owned()), headers: vec![], signed_at: None };
        let mut wire = BytesMut::new();
        let mut websocket = WebSocket::begin(&request, [entropy; 32], &mut wire);
        websocket.stage = Stage::Open;
        wire.clear();
        for _ in 0..500 {
            websocket.transmit(&mut BytesMut::from("x"), &mut wire);
        }
        wire.chunks(7).map(|frame| frame[2..6].to_vec()).collect::<Vec<_>>()
    };
    let mut all = [masks(1), masks(2)].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 1_000);
}

/// A stream in memory: what was written on the other side is read, and then there is nothing more for now.
#[derive(Debug, Default)]
struct Pipe {
    inbound: Cursor<Vec<u8>>,
    outbound: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.inbound.read(buffer)? {
            0 => Err(std::io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.outbound.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A message in fragments, with a ping in front of each.
type Fragments = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn messages() -> impl Strategy<Value = Vec<Fragments>> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (0_usize..3).prop_map(|more| vec![b'm'; 0xffff + more]),
    ];
    let ping = prop::option::of(prop::collection::vec(any::<u8>(), 0..=125));
    prop::collection::vec(prop::collection::vec((payload, ping), 1..5), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_another_server_frames_comes_out_however_it_is_fragmented_and_cut(
        messages in messages(),
        chunks in prop::collection::vec(1_usize..2_000, 1..20),
    ) {
        let mut server = tungstenite::WebSocket::from_raw_socket(Pipe::default(), Role::Server, None);
        let (mut expected, mut last_ping) = (Vec::new(), None);
        for fragments in &messages {
            for (index, (payload, ping)) in fragments.iter().enumerate() {
                if let Some(ping) = ping {
                    server.send(Message::Ping(ping.clone().into())).unwrap();
                    last_ping = Some(ping.clone());
                }
                let data = if index == 0 { Data::Binary } else { Data::Continue };
                let last = index + 1 == fragments.len();
                let frame = Frame::message(payload.clone(), OpCode::Data(data), last);
                server.send(Message::Frame(frame)).unwrap();
                expected.extend_from_slice(payload);
            }
        }
        let mut websocket = open();
        let (mut plain, mut reply) = (BytesMut::new(), BytesMut::new());
        let mut wire = server.get_ref().outbound.as_slice();
        for len in chunks.into_iter().cycle() {
            let (chunk, rest) = wire.split_at(len.min(wire.len()));
            websocket.receive(chunk, &mut plain, &mut reply).unwrap();
            wire = rest;
            if wire.is_empty() {
                break;
            }
        }
        prop_assert!(plain == expected && reply.is_empty());
        websocket.transmit(&mut BytesMut::new(), &mut reply);
        server.get_mut().inbound = Cursor::new(reply.to_vec());
        let pong = last_ping.map(|payload| Message::Pong(payload.into()));
        prop_assert_eq!(server.read().ok(), pong);
    }

    #[test]
    fn what_we_frame_another_server_reads(
        writes in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 1..200),
                (0_usize..3).prop_map(|more| vec![b'm'; 124 + more]),
                (0_usize..3).prop_map(|more| vec![b'm'; 0xfffe + more]),
            ],
            0..6,
        ),
    ) {
        let mut websocket = open();
        let mut wire = BytesMut::new();
        for write in &writes {
            websocket.transmit(&mut BytesMut::from(write.as_slice()), &mut wire);
        }
        websocket.close(&mut wire);
        let pipe = Pipe { inbound: Cursor::new(wire.to_vec()), ..Pipe::default() };
        let mut server = tungstenite::WebSocket::from_raw_socket(pipe, Role::Server, None);
        for write in &writes {
            prop_assert_eq!(server.read().unwrap(), Message::Binary(write.clone().into()));
        }
        let Message::Close(Some(close)) = server.read().unwrap() else { panic!("closed in good order") };
        prop_assert_eq!(u16::from(close.code), 1000);
    }

    #[test]
    fn no_bytes_of_a_server_are_taken_differently_in_pieces(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x82), Just(0x02), Just(0x80), Just(0), Just(1)], 0..200),
        chunk in 1_usize..20,
    ) {
        let [whole, pieces] = [1_000, chunk].map(|chunk| feed(&mut open(), &bytes, chunk));
        prop_assert_eq!(whole, pieces);
    }
}
