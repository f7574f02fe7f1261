use core::fmt::Write;
use core::time::Duration;

use bytes::BytesMut;
use thingwire_core::{Action, Client, Config, Event, Instant, LinkError, Publish, Qos, Topic};

use crate::rig::{CONNACK, message, puback};

/// A small life with reconnects and traffic; everything that came out, as text.
fn life(seed: u64, chunk: usize) -> String {
    let mut now = Instant::EPOCH;
    let mut client = Client::new(Config::new("life"), seed, now).unwrap();
    let (mut log, mut out, mut inbound, mut link) = (String::new(), BytesMut::new(), BytesMut::new(), None);
    client.start(now);
    for round in 0..40_u64 {
        let publish = Publish::new(Topic::new("t").unwrap(), round.to_string()).qos(Qos::AtLeastOnce);
        let accepted = client.publish(now, publish).is_ok();
        writeln!(log, "{round} {accepted}").unwrap();
        loop {
            let written = client.poll_transmit(now, &mut out, 1024);
            let action = client.poll_action();
            if written == 0 && action.is_none() {
                break;
            }
            if let Some(Action::Open(opened)) = action {
                link = Some(opened);
                client.handle(now, Event::LinkUp(opened));
            }
            writeln!(log, "{now:?} {:02x?} {action:?}", &out[..]).unwrap();
            out.clear();
        }
        let link = link.unwrap();
        let script: Vec<u8> = match round % 7 {
            0 => CONNACK.to_vec(),
            6 => {
                client.handle(now, Event::LinkDown(link, LinkError::Closed));
                Vec::new()
            }
            n => [message("in", "x", Some(9)), puback(u16::try_from(n).unwrap())].concat(),
        };
        for part in script.chunks(chunk) {
            inbound.extend_from_slice(part);
            client.handle(now, Event::Received(link, &mut inbound));
        }
        let deadline = client.next_deadline().map(|(deadline, _)| deadline);
        now = deadline.map_or(now, |deadline| deadline.min(now + Duration::from_secs(20)));
        client.handle(now, Event::Wake);
    }
    log
}

#[test]
fn the_same_seed_and_events_give_the_same_bytes_and_actions() {
    let once = life(7, 1000);
    assert!(once.contains("Online") && once.contains("Offline"), "{once}");
    assert_eq!(once, life(7, 1000));
    assert_ne!(once, life(8, 1000), "the seed drives the waits");
}

#[test]
fn how_the_bytes_were_split_changes_nothing() {
    let whole = life(7, 1000);
    for chunk in 1..20 {
        assert_eq!(whole, life(7, chunk), "in chunks of {chunk}");
    }
}
