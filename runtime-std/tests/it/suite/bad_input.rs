//! Peers, callbacks and machines that do what none should.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use super::peer::{Peer, accept, publish_packet, read_packet};
use super::support::{PATIENCE, double, filter, plain, plain_at, publish};
use crate::runtime::{Client, ConnectStage, LinkError, Notice, Outcome, Qos};

/// Between two bytes of a slow peer.
const BYTE: Duration = Duration::from_millis(5);

/// Sends a byte now and then, until the connection is gone.
fn drip(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| {
        std::thread::sleep(BYTE);
        stream.write_all(&[*byte]).is_ok()
    })
}

/// Why the link was lost.
fn offline(client: &Client) -> Option<LinkError> {
    let notices = client.notices();
    std::iter::from_fn(|| notices.recv(PATIENCE)).find_map(|notice| match notice {
        Notice::Offline { why, .. } => Some(why),
        _ => None,
    })?
}

#[test]
fn an_answer_that_comes_a_byte_at_a_time_is_too_late_all_the_same() {
    let peer = Peer::start(|stream| {
        read_packet(stream);
        // The last byte is missing when the time is up.
        drip(stream, &[0x20, 2, 0]);
        while read_packet(stream).is_some() {}
    });
    let options = plain_at(&peer.endpoint(), "a").with(|config| config.connect_timeout = Duration::from_millis(200));
    let client = Client::connect(options).unwrap();
    let not_ready = client.wait_ready_or_error(PATIENCE).expect_err("there is no whole CONNACK");
    let waiting_for = ConnectStage::Connack;
    assert_eq!(not_ready.last_error, Some(LinkError::ConnectTimeout { waiting_for }));
}

#[test]
fn a_message_that_comes_a_byte_at_a_time_arrives_whole() {
    let payload = "x".repeat(130);
    let expected = payload.clone();
    let peer = Peer::start(move |stream| {
        accept(stream);
        let (_, subscribe) = read_packet(stream).expect("SUBSCRIBE");
        stream.write_all(&[0x90, 3, subscribe[0], subscribe[1], 0]).unwrap();
        drip(stream, &publish_packet("t", &payload));
        while read_packet(stream).is_some() {}
    });
    let client = Client::connect(plain_at(&peer.endpoint(), "a")).unwrap();
    let messages = client.subscribe(filter("t"), Qos::AtMostOnce).unwrap();
    assert_eq!(messages.recv(PATIENCE).expect("a message").payload, expected);
}

#[test]
fn bytes_that_make_no_packet_are_no_sign_of_life() {
    let peer = Peer::start(|stream| {
        accept(stream);
        // A message of 16 KiB that does not come to its end, and no answer to a ping.
        stream.write_all(&[0x30, 0x80, 0x80, 1, 0, 1, b't']).unwrap();
        while drip(stream, b"x") {}
    });
    let options = plain_at(&peer.endpoint(), "a").with(|config| config.keep_alive = Duration::from_secs(1));
    let client = Client::connect(options).unwrap();
    assert_eq!(offline(&client), Some(LinkError::KeepAlive));
}

#[test]
fn a_callback_that_blocks_holds_up_later_callbacks_and_nothing_else() {
    let double = double();
    let client = Client::connect(plain(&double, "a")).unwrap();
    let read = client.subscribe(filter("read"), Qos::AtLeastOnce).unwrap();
    let delivered = client.subscribe(filter("delivered"), Qos::AtLeastOnce).unwrap();
    let stuck = client.subscribe(filter("stuck"), Qos::AtLeastOnce).unwrap();
    let (arrived, arrivals) = mpsc::channel();
    delivered.deliver_to(move |message| arrived.send(message.payload).unwrap()).unwrap();
    let (go_on, blocked) = mpsc::channel::<()>();
    let (go_on_too, blocked_too) = mpsc::channel::<()>();
    stuck.deliver_to(move |_| assert!(blocked_too.recv().is_err(), "it is released by the end of the sender")).unwrap();
    client.publish(publish("stuck", "")).unwrap();

    let (called, calls) = mpsc::channel();
    let (first, second) = (called.clone(), called);
    client.publish(publish("x", "1")).unwrap().on_done(move |_| {
        first.send(1).unwrap();
        let _ = blocked.recv();
    });
    client.publish(publish("x", "2")).unwrap().on_done(move |_| second.send(2).unwrap());
    assert_eq!(calls.recv_timeout(PATIENCE), Ok(1));
    for number in ["1", "2", "3"] {
        let acked = client.publish(publish("read", number)).unwrap();
        client.publish(publish("delivered", number)).unwrap();
        assert_eq!(acked.wait(PATIENCE), Some(Outcome::Acked));
        assert_eq!(read.recv(PATIENCE).expect("a message").payload, number);
        assert_eq!(arrivals.recv_timeout(PATIENCE).unwrap(), number);
    }
    assert!(client.stop(PATIENCE));
    assert_eq!(calls.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop((go_on, go_on_too));
    assert_eq!(calls.recv_timeout(PATIENCE), Ok(2));
    assert_eq!(double.violations(), []);
}

#[test]
fn a_source_of_credentials_that_panics_is_an_error_like_others() {
    use crate::runtime::{CredentialsSource, Options, WebSocketConfig};

    let double = double();
    let mut asked = 0;
    let asked = std::sync::Mutex::new(move || {
        asked += 1;
        asked
    });
    let source = CredentialsSource::from_fn(move || {
        let asked = asked.lock().unwrap()();
        assert_eq!(asked, 0, "this panic is part of the test");
        Err("none".to_owned())
    });
    let websocket = WebSocketConfig::signed(source).with_region("eu-central-1");
    let options = Options::websocket_from_path(&double.endpoint(), "a", websocket, double.ca_path()).unwrap();
    let client = Client::connect(super::support::fast(options)).unwrap();
    let not_ready = client.wait_ready_or_error(PATIENCE).expect_err("nothing to sign with");
    let why = not_ready.last_error.expect("an error").to_string();
    assert!(why.contains("panicked"), "{why}");
    assert!(client.stop(PATIENCE), "the client is alive");
}

/// A machine that sleeps: everything in a process stands still, while time and the peer go on.
#[test]
#[cfg(target_os = "linux")]
fn an_answer_that_came_while_the_machine_slept_is_not_missing() {
    const ENDPOINT: &str = "THINGWIRE_SUSPENDED";
    const KEEP_ALIVE: Duration = Duration::from_secs(1);
    if let Some(endpoint) = std::env::var_os(ENDPOINT) {
        // The process that is put to sleep, until it is killed.
        let options = plain_at(endpoint.to_str().unwrap(), "a").with(|config| config.keep_alive = KEEP_ALIVE);
        let client = Client::connect(options).unwrap();
        std::thread::sleep(PATIENCE);
        drop(client);
        return;
    }
    let (heard, packets) = mpsc::channel();
    let (answer, answers) = mpsc::channel::<()>();
    let answers = std::sync::Mutex::new(answers);
    let peer = Peer::start(move |stream| {
        accept(stream);
        let answers = answers.lock().unwrap();
        loop {
            let packet = read_packet(stream);
            let ended = packet.is_none();
            // The test may be over.
            let _ = heard.send(packet.map(|(kind, _)| kind));
            if ended || answers.recv().is_err() {
                return;
            }
            stream.write_all(super::peer::PINGRESP).unwrap();
        }
    });
    let test = "suite::bad_input::an_answer_that_came_while_the_machine_slept_is_not_missing";
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let mut machine = Killed(command.args(["--exact", test]).env(ENDPOINT, peer.endpoint()).spawn().unwrap());
    assert_eq!(packets.recv_timeout(PATIENCE), Ok(Some(12)), "PINGREQ");
    machine.signal(rustix::process::Signal::STOP);
    answer.send(()).unwrap();
    // Longer than it waits for an answer: it has waited in vain, for all that its clock says.
    std::thread::sleep(2 * KEEP_ALIVE);
    machine.signal(rustix::process::Signal::CONT);
    assert_eq!(packets.recv_timeout(PATIENCE), Ok(Some(12)), "the next PINGREQ, on the same connection");
    machine.0.kill().unwrap();
}

/// A process that does not outlive its test.
#[cfg(target_os = "linux")]
struct Killed(std::process::Child);

#[cfg(target_os = "linux")]
impl Killed {
    fn signal(&mut self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, signal).unwrap();
    }
}

#[cfg(target_os = "linux")]
impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
