//! Many clients at one broker.

use thingwire_core::Instant;
use thingwire_sim::broker::{Broker, Output, Rules};

use crate::packets::{Connect, PINGREQ, publish0, subscribe};

const CLIENTS: usize = 5_000;

#[test]
fn every_one_of_many_clients_gets_what_it_has_subscribed_to_and_nothing_else() {
    let mut broker = Broker::new(Rules { connects_per_second: None, ..Rules::aws() });
    let now = Instant::EPOCH;
    let mut connections = Vec::new();
    for client in 0..CLIENTS {
        let connection = broker.open(now);
        broker.receive(now, connection, &Connect::clean(&format!("d{client}")).bytes());
        while broker.poll().is_some() {}
        let filters = [(&*format!("cmd/{client}"), 0), (&format!("all/+/{client}/#"), 0), ("everybody", 0)];
        broker.receive(now, connection, &subscribe(1, &filters));
        while broker.poll().is_some() {}
        connections.push(connection);
    }
    for client in 0..CLIENTS {
        let sender = connections[(client + 1) % CLIENTS];
        for topic in [format!("cmd/{client}"), format!("all/x/{client}/y")] {
            broker.receive(now, sender, &publish0(&topic, b"x"));
            let sent: Vec<_> = std::iter::from_fn(|| broker.poll())
                .filter_map(|output| if let Output::Send(to, _) = output { Some(to) } else { None })
                .collect();
            assert_eq!(sent, [connections[client]]);
        }
    }
    broker.receive(now, connections[0], &publish0("everybody", b"x"));
    assert_eq!(std::iter::from_fn(|| broker.poll()).count(), CLIENTS + 1);
}

#[test]
fn of_many_clients_only_the_silent_ones_time_out() {
    let mut broker = Broker::new(Rules { connects_per_second: None, ..Rules::aws() });
    let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
    let connections: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let connection = broker.open(at(0));
            broker.receive(at(0), connection, &Connect::clean(&format!("d{client}")).bytes());
            connection
        })
        .collect();
    while broker.poll().is_some() {}
    for connection in connections.iter().step_by(2) {
        broker.receive(at(80), *connection, PINGREQ);
    }
    while broker.poll().is_some() {}
    broker.wake(at(90));
    let closed: Vec<_> = std::iter::from_fn(|| broker.poll()).collect();
    assert_eq!(closed.len(), CLIENTS / 2);
    assert_eq!((broker.clients().count(), broker.connection_count()), (CLIENTS / 2, CLIENTS / 2));
    assert_eq!(broker.next_deadline(), Some(at(170)));
}
