//! Whatever polls it: the same.

use async_executor::LocalExecutor;
use futures_lite::StreamExt;
use futures_lite::future::{block_on, or};
use thingwire_sim::broker::Rules;
use thingwire_sim::double::Double;
use thingwire_smol::{Limits, Options, Outcome, Qos, Running};

use crate::suite::support::{PATIENCE, double, fast, filter, plain, publish};

/// A message there and back, over TLS, and the end.
async fn round_trip(double: &Double, spawn: impl FnOnce(Running)) {
    let (cert, key, ca) = (double.cert_path(), double.key_path(), double.ca_path());
    let options = Options::mtls_from_path(&double.endpoint(), "a", cert, key, ca).unwrap();
    let (client, running) = thingwire_smol::connect(fast(options)).unwrap();
    spawn(running);
    client.wait_ready().await.unwrap();
    let mut messages = client.subscribe(filter("t"), Qos::AtLeastOnce).unwrap();
    let payload = "x".repeat(100_000);
    assert_eq!(client.publish(publish("t", payload.clone())).unwrap().await, Some(Outcome::Acked));
    assert_eq!(messages.next().await.expect("a message").payload, payload);
    assert_eq!(double.drop_connections(), 1);
    assert_eq!(client.publish(publish("t", "again")).unwrap().await, Some(Outcome::Acked));
    client.stop().await;
}

#[test]
fn on_the_executor_of_smol() {
    let double = double();
    let executor = LocalExecutor::new();
    let test = round_trip(&double, |running| executor.spawn(running).detach());
    block_on(executor.run(test));
    assert_eq!(double.violations(), []);
}

#[test]
fn on_one_thread_of_tokio() {
    let double = double();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(round_trip(&double, |running| drop(tokio::spawn(running))));
    assert_eq!(double.violations(), []);
}

#[test]
fn on_none_at_all() {
    let double = double();
    let (sender, receiver) = std::sync::mpsc::channel();
    let running = std::thread::spawn(move || {
        if let Ok(running) = receiver.recv() {
            block_on::<()>(running);
        }
    });
    block_on(round_trip(&double, |running| sender.send(running).unwrap()));
    // The last handle is gone: the loop ends by itself.
    running.join().unwrap();
}

/// How many clients share a thread here.
const CLIENTS: usize = 200;

#[test]
fn hundreds_of_clients_share_a_thread() {
    let double = Double::options().plain_port(0).start().unwrap();
    let executor = LocalExecutor::new();
    let test = async {
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let (client, running) = thingwire_smol::connect(plain(&double, &format!("device-{number}"))).unwrap();
            executor.spawn(running).detach();
            let messages = client.subscribe(filter(&format!("to/{number}")), Qos::AtLeastOnce).unwrap();
            clients.push((client, messages));
        }
        for (_, messages) in &clients {
            assert!(matches!(messages.granted().await, Some(Outcome::Subscribed(_))));
        }
        assert_eq!(double.clients().len(), CLIENTS);
        // Each to the next one.
        let sent: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let to = format!("to/{}", (number + 1) % CLIENTS);
                clients[number].0.publish(publish(&to, number.to_string())).unwrap()
            })
            .collect();
        for pending in sent {
            assert_eq!(pending.await, Some(Outcome::Acked));
        }
        for (number, (_, messages)) in clients.iter().enumerate() {
            let from = (number + CLIENTS - 1) % CLIENTS;
            assert_eq!(messages.recv().await.expect("a message").payload, from.to_string());
        }
        assert_eq!(double.drop_connections(), CLIENTS);
        let again: Vec<_> = clients.iter().map(|(client, _)| client.publish(publish("x", "")).unwrap()).collect();
        for pending in again {
            assert_eq!(pending.await, Some(Outcome::Acked), "each is back");
        }
        for (client, _) in &clients {
            drop(client.stop());
        }
        for (client, _) in &clients {
            client.stop().await;
        }
    };
    let late = async {
        async_io::Timer::after(PATIENCE).await;
        panic!("{CLIENTS} clients are not through in {PATIENCE:?}");
    };
    block_on(executor.run(or(test, late)));
    assert_eq!(double.violations(), []);
    assert!(double.wait_for_clients(&[], PATIENCE));
}

/// More than the pool of `blocking` has threads.
const WAITING: usize = 600;

#[test]
fn callbacks_that_wait_keep_no_thread() {
    let double = double();
    double.change_rules(|rules| *rules = Rules::standard());
    let options = plain(&double, "a").with(|config| config.limits = Limits::none());
    let executor = LocalExecutor::new();
    let test = async {
        let (client, running) = thingwire_smol::connect(options).unwrap();
        executor.spawn(running).detach();
        let (sender, called) = std::sync::mpsc::channel();
        for number in 0..WAITING {
            let messages = client.subscribe(filter(&number.to_string()), Qos::AtMostOnce).unwrap();
            let sender = sender.clone();
            messages.deliver_to(move |message| sender.send(message.topic).unwrap()).unwrap();
        }
        drop(sender);
        client.wait_ready().await.unwrap();
        // All of them wait, and somebody else has something to do.
        blocking::unblock(|| ()).await;
        for number in 0..WAITING {
            assert_eq!(client.publish(publish(&number.to_string(), "")).unwrap().await, Some(Outcome::Acked));
        }
        let topics = blocking::unblock(move || called.iter().take(WAITING).collect::<std::collections::BTreeSet<_>>());
        assert_eq!(topics.await.len(), WAITING);
    };
    let late = async {
        async_io::Timer::after(PATIENCE).await;
        panic!("not done in {PATIENCE:?}");
    };
    block_on(executor.run(or(test, late)));
}
