//! WebSockets.

use std::io::{self, Cursor, Read, Write};

use bytes::BytesMut;
use thingwire_core::internal::WebSocket;
use thingwire_core::{WebSocketError, WebSocketFault};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Message, Role};
use tungstenite::{Error, WebSocket as Peer};

use crate::input::{Input, pieces};

/// Laws of what a server sends over WebSocket: it means the same however it is cut; an upgrade is only agreed to with
/// the right key; and tungstenite reads the same data out of the frames, and finds no fault where none was found.
/// What is framed here, tungstenite reads.
///
/// Tungstenite is no judge of lengths that are longer than they need be, of text, and of messages beyond its limits.
///
/// # Panics
///
/// When a law is broken.
pub fn websocket(data: &[u8]) {
    let mut input = Input::new(data);
    let lens = input.bytes(4);
    match input.below(3) {
        0 => upgrade(input.rest(), lens),
        1 => frames(input.rest(), lens),
        _ => writes(&mut input),
    }
}

/// `{accept}` in the answer stands for the right key.
fn upgrade(answer: &[u8], lens: &[u8]) {
    let (_, request) = begun();
    let accept = accept_of(&request);
    let answer = String::from_utf8_lossy(answer).replace("{accept}", &accept);
    let run = |pieces: Vec<&[u8]>| {
        let (mut websocket, _) = begun();
        let outcome = feed(&mut websocket, &pieces);
        (outcome, websocket.is_ready())
    };
    let whole = run(vec![answer.as_bytes()]);
    let cut = run(pieces(answer.as_bytes(), lens));
    assert_eq!(whole, cut, "cut by {lens:?}");
    if whole.1 {
        let lower = answer.to_ascii_lowercase();
        assert!(answer.contains(&accept), "{answer:?}");
        for word in ["101", "upgrade", "websocket", "connection", "mqtt"] {
            assert!(lower.contains(word), "{answer:?} does not say {word}");
        }
    }
}

fn frames(wire: &[u8], lens: &[u8]) {
    let whole = feed(&mut open(), &[wire]);
    let cut = feed(&mut open(), &pieces(wire, lens));
    assert_eq!(whole, cut, "cut by {lens:?}");
    let (plain, _, end) = whole;
    let (read, fault) = by_tungstenite(wire);
    let Some(read) = read else { return };
    match end {
        // It takes a short length in a long form, also that of a control frame, and reads on where we have ended.
        Some(WebSocketError::Frame(WebSocketFault::Length | WebSocketFault::ControlTooLong))
            if read.starts_with(&plain) =>
        {
            return;
        }
        None | Some(WebSocketError::Closed { .. }) => assert_eq!(fault, None, "{end:?} was found in {wire:?}"),
        Some(_) => {}
    }
    assert!(plain.starts_with(&read), "tungstenite reads {read:?}, we read {plain:?}");
}

/// What tungstenite reads, and the fault that it finds. Nothing where it is no judge.
fn by_tungstenite(wire: &[u8]) -> (Option<Vec<u8>>, Option<String>) {
    let mut peer = Peer::from_raw_socket(Pipe::new(wire), Role::Client, None);
    let mut read = Vec::new();
    loop {
        match peer.read() {
            Ok(Message::Binary(data)) => read.extend_from_slice(&data),
            Ok(Message::Text(_)) => return (None, None),
            // Nothing behind it matters.
            Ok(Message::Close(_)) => return (Some(read), None),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return (Some(read), None),
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return (Some(read), None),
            Err(Error::Capacity(_) | Error::Utf8(_)) => return (None, None),
            Err(error) => return (Some(read), Some(error.to_string())),
        }
    }
}

fn writes(input: &mut Input<'_>) {
    let (mut websocket, mut wire, mut expected) = (open(), BytesMut::new(), Vec::new());
    while !input.is_empty() {
        let repeat = input.pick(&[1, 1, 40, 700]);
        let data = input.bytes(100).repeat(repeat);
        websocket.transmit(&mut BytesMut::from(data.as_slice()), &mut wire);
        expected.extend(data);
    }
    websocket.close(&mut wire);
    let mut peer = Peer::from_raw_socket(Pipe::new(&wire), Role::Server, None);
    let mut read = Vec::new();
    loop {
        match peer.read() {
            Ok(Message::Binary(data)) => read.extend_from_slice(&data),
            Ok(Message::Close(_)) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(read == expected, "{} bytes are read as {}", expected.len(), read.len());
}

/// Data, what was answered, and the end if there was one.
type Outcome = (Vec<u8>, Vec<u8>, Option<WebSocketError>);

fn feed(websocket: &mut WebSocket, pieces: &[&[u8]]) -> Outcome {
    let (mut plain, mut reply) = (BytesMut::new(), BytesMut::new());
    let mut end = None;
    for piece in pieces {
        let before = end.clone();
        end = websocket.receive(piece, &mut plain, &mut reply).err();
        assert!(before.is_none() || before == end, "there is no way back from {before:?}");
    }
    if let Some(error) = &end {
        assert!(!websocket.is_ready(), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    (plain.to_vec(), reply.to_vec(), end)
}

fn begun() -> (WebSocket, String) {
    let mut wire = BytesMut::new();
    let websocket = WebSocket::begin([7; 32], &mut wire);
    (websocket, String::from_utf8_lossy(&wire).into_owned())
}

fn accept_of(request: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    derive_accept_key(key.expect("a request has a key").as_bytes())
}

fn open() -> WebSocket {
    let (mut websocket, request) = begun();
    let agreement = format!(
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\
         Sec-WebSocket-Protocol: mqtt\r\n\r\n",
        accept_of(&request)
    );
    let outcome = feed(&mut websocket, &[agreement.as_bytes()]);
    assert!(websocket.is_ready(), "{outcome:?}");
    websocket
}

/// What the other side has sent; nothing more comes for now, and what is written is lost.
#[derive(Debug)]
struct Pipe(Cursor<Vec<u8>>);

impl Pipe {
    fn new(bytes: &[u8]) -> Self {
        Self(Cursor::new(bytes.to_vec()))
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
