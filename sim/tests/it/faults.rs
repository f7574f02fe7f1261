//! Faults of a scenario on real sockets: what any client may meet at `serve --faults`.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use thingwire_sim::double::Double;
use thingwire_sim::plan::Plan;
use thingwire_sim::scenario;

use crate::packets::{Connect, PINGREQ, connack, puback, publish0, publish1, suback, subscribe, with_first_byte};

/// Longer than anything here takes, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(20);

fn double(faults: &str) -> Double {
    Double::options().plain_port(0).faults(plan(faults)).start().unwrap()
}

/// An hour in a network without latency.
fn plan(faults: &str) -> Plan {
    let text = format!("name = \"faults\"\nduration = \"1h\"\nheal = \"1m\"\n[network]\nlatency = \"0s\"\n{faults}");
    scenario::read("faults", &text, None).unwrap().plan
}

fn online(double: &Double, connect: &Connect<'_>) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", double.plain_port().unwrap())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&connect.bytes()).unwrap();
    let mut start = [0; 4];
    stream.read_exact(&mut start).unwrap();
    assert_eq!((start[0], start[3]), (0x20, 0), "{start:?}");
    stream
}

fn next(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut got = vec![0; len];
    stream.read_exact(&mut got).unwrap();
    got
}

#[test]
fn without_faults_that_are_on_everything_works() {
    let double = double("");
    let mut client = online(&double, &Connect::clean("a"));
    client.write_all(&publish1(7, "t", b"hello")).unwrap();
    assert_eq!(next(&mut client, 4), puback(7));
    assert_eq!(double.wait_for_messages(1, PATIENCE).len(), 1);
    assert_eq!(double.violations(), []);
    drop(client);
    assert!(double.wait_for_clients(&[], PATIENCE), "who goes is forgotten");
}

#[test]
fn an_acknowledgement_is_lost_and_the_next_is_not() {
    let faults = "[[fault]]\nat = \"0s\"\ndo = { meddle = { packet = \"puback\", count = 1, how = \"drop\" } }";
    let double = double(faults);
    let mut client = online(&double, &Connect::persistent("a"));
    for id in [1, 2] {
        client.write_all(&publish1(id, "t", b"hello")).unwrap();
    }
    assert_eq!(next(&mut client, 4), puback(2));
    assert_eq!(double.wait_for_messages(2, PATIENCE).len(), 2);
}

#[test]
fn a_connection_is_reset_in_the_middle_of_a_packet() {
    let faults = "[[fault]]\nwhen = { answer = \"connack\" }\n\
                  do = { cut = { how = \"reset\", after = [\"to-client\", 6] } }";
    let double = double(faults);
    // The cut is planned when the CONNACK is on its way, and counts from there.
    let mut client = online(&double, &Connect::clean("a"));
    client.write_all(&publish1(7, "t", b"hello")).unwrap();
    let mut rest = Vec::new();
    let end = client.read_to_end(&mut rest);
    assert!(rest.len() < 4 && puback(7).starts_with(&rest), "{rest:?}");
    assert!(end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    assert!(double.wait_for_clients(&[], PATIENCE));
    let mut again = online(&double, &Connect::clean("a"));
    again.write_all(PINGREQ).unwrap();
    assert_eq!(next(&mut again, 2), [0xd0, 0]);
}

#[test]
fn a_slow_network_is_slow_on_the_clock_on_the_wall() {
    let double = double("[[fault]]\nat = \"0s\"\ndo = { shape = { latency = \"150ms\" } }");
    let begun = Instant::now();
    let mut client = online(&double, &Connect::clean("a"));
    client.write_all(PINGREQ).unwrap();
    assert_eq!(next(&mut client, 2), [0xd0, 0]);
    assert!(begun.elapsed() >= Duration::from_millis(600), "two round trips: {:?}", begun.elapsed());
}

#[test]
fn a_broker_refuses_for_a_while_and_then_accepts() {
    let double = double("[[fault]]\nat = \"0s\"\nfor = \"1s\"\ndo = { broker = { refuse = 3 } }");
    let mut refused = TcpStream::connect(("127.0.0.1", double.plain_port().unwrap())).unwrap();
    refused.set_read_timeout(Some(PATIENCE)).unwrap();
    refused.write_all(&Connect::clean("a").bytes()).unwrap();
    let mut answer = Vec::new();
    refused.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, connack(false, 3));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut stream = TcpStream::connect(("127.0.0.1", double.plain_port().unwrap())).unwrap();
        stream.write_all(&Connect::clean("a").bytes()).unwrap();
        let mut answer = [0; 4];
        if stream.read_exact(&mut answer).is_ok() && answer[3] == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "it never accepts");
    }
}

#[test]
fn a_takeover_throws_the_client_out() {
    let double = double("[[fault]]\nwhen = { sent = \"pingreq\" }\ndo = { broker = \"takeover\" }");
    let mut client = online(&double, &Connect::clean("a"));
    client.write_all(PINGREQ).unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, [0xd0, 0]);
}

#[test]
fn mosquitto_sub_gets_again_what_was_cut_off_in_the_middle() {
    let faults = "[[fault]]\nwhen = { answer = \"publish\" }\n\
                  do = { cut = { how = \"reset\", after = [\"to-client\", 9] } }";
    let double = double(faults);
    let port = double.plain_port().unwrap().to_string();
    let mut subscriber = Command::new("mosquitto_sub");
    subscriber.args([
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-i",
        "sub",
        "-c",
        "-q",
        "1",
        "-t",
        "door",
        "-C",
        "1",
        "-F",
        "%q %p",
    ]);
    let subscriber = subscriber.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut publisher = online(&double, &Connect::clean("pub"));
    // It may not have subscribed yet: it gets the retained message then.
    publisher.write_all(&with_first_byte(0x33, publish1(1, "door", b"open"))).unwrap();
    let output = subscriber.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 open\n", "{output:?}");
}

#[test]
fn what_a_server_cannot_do_is_said() {
    let faults = "[[fault]]\nat = \"1s\"\ndo = { clock = { back = \"1h\" } }\n\
                  [[fault]]\nat = \"1s\"\ndo = { connect = \"refused\" }\n\
                  [[fault]]\nat = \"1s\"\ndo = { connect = \"no-answer\" }\n\
                  [[fault]]\nwhen = { phase = \"draining\" }\ndo = \"vanish\"\n";
    let expected =
        ["clock", "connect faults before a connection is there", "faults that wait for a phase of the client"];
    assert_eq!(Double::options().faults(plan(faults)).left_out(), expected);
}

#[test]
fn the_shadow_service_is_in_a_mood_while_it_lasts() {
    let faults = "[[fault]]\nat = \"0s\"\ndo = { shadows = { count = 1, how = { reject = 500 } } }";
    let double = double(faults);
    let mut client = online(&double, &Connect::clean("a"));
    client.write_all(&subscribe(1, &[("$aws/things/t/shadow/get/rejected", 0)])).unwrap();
    assert_eq!(next(&mut client, 5), suback(1, &[0]));
    for code in ["500", "404"] {
        client.write_all(&publish0("$aws/things/t/shadow/get", b"")).unwrap();
        let header = next(&mut client, 2);
        let rest = next(&mut client, header[1].into());
        let wanted = format!("{{\"code\":{code},");
        assert!(String::from_utf8(rest).unwrap().contains(&wanted), "{wanted}");
    }
}
