//! Many threads with one client.

use std::collections::BTreeMap;

use super::support::{PATIENCE, double, filter, plain, publish, publish_qos0};
use crate::runtime::{Client, Outcome, Qos};

#[test]
fn everything_arrives_exactly_once_and_in_order() {
    const THREADS: usize = 8;
    const EACH: usize = 100;
    let double = double();
    let reader = Client::new(plain(&double, "reader")).unwrap();
    let messages = reader.subscribe(filter("from/+"), Qos::AtLeastOnce).unwrap();
    reader.start();
    reader.wait_ready(PATIENCE).unwrap();
    let writer = Client::connect(plain(&double, "writer")).unwrap();

    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let writer = writer.clone();
            scope.spawn(move || {
                let topic = format!("from/{thread}");
                let pending: Vec<_> = (0..EACH)
                    .map(|number| {
                        let number = number.to_string();
                        let message =
                            if thread % 2 == 0 { publish(&topic, number) } else { publish_qos0(&topic, number) };
                        writer.publish(message).unwrap()
                    })
                    .collect();
                let expected = if thread % 2 == 0 { Outcome::Acked } else { Outcome::Sent };
                for pending in pending {
                    assert_eq!(pending.wait(PATIENCE).as_ref(), Some(&expected));
                }
            });
        }
    });

    let mut next = BTreeMap::new();
    for _ in 0..THREADS * EACH {
        let message = messages.recv(PATIENCE).expect("a message");
        let next: &mut usize = next.entry(message.topic).or_default();
        assert_eq!(message.payload, next.to_string());
        *next += 1;
    }
    assert_eq!(messages.try_recv(), None);
    assert_eq!((next.len(), writer.queued(), writer.in_flight()), (THREADS, 0, 0));
    assert_eq!(double.violations(), []);
}
