//! Futures that are dropped at every poll: the client is as correct as if they had not been.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use async_io::Timer;
use futures_lite::future::{block_on, or, yield_now};
use futures_lite::{Stream, StreamExt};
use serde_json::json;
use thingwire_sim::double::Double;
use thingwire_smol::{Client, Notice, Outcome, Qos, Running, ShadowUpdate};

use crate::suite::support::{PATIENCE, double, filter, plain, publish};

fn client(double: &Double) -> (Client, Running) {
    thingwire_smol::connect(plain(double, "a")).unwrap()
}

/// Runs the loop and `test` in one thread. The test is woken at every poll of the loop, and has its time.
fn run<T>(running: Running, test: impl Future<Output = T>) -> T {
    let running = async {
        running.await;
        panic!("the loop has ended before the test");
    };
    let late = async {
        Timer::after(PATIENCE).await;
        panic!("not done in {PATIENCE:?}");
    };
    block_on(or(or(test, running), late))
}

/// Polls a new future each time, once, and drops it, until one is ready; tells how many were dropped.
async fn dropping<T, F: Future<Output = T>>(mut make: impl FnMut() -> F) -> (T, usize) {
    let mut dropped = 0;
    loop {
        if let Some(done) = poll_once(make()) {
            return (done, dropped);
        }
        dropped += 1;
        yield_now().await;
    }
}

fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

#[test]
fn waiting_may_be_given_up_at_every_poll() {
    let double = double();
    let (client, running) = client(&double);
    run(running, async {
        let (ready, dropped) = dropping(|| client.wait_ready()).await;
        assert!(ready.is_ok() && dropped > 0);
        let messages = client.subscribe(filter("t"), Qos::AtLeastOnce).unwrap();
        let (granted, dropped) = dropping(|| messages.granted()).await;
        assert_eq!(granted, Some(Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)])));
        assert!(dropped > 0);
        for number in 0..20 {
            let number = number.to_string();
            let mut pending = client.publish(publish("t", number.clone())).unwrap();
            let (outcome, dropped) = if number.len() == 1 {
                dropping(|| pending.wait()).await
            } else {
                // The future itself, polled now and then by nobody in particular.
                let mut dropped = 0;
                loop {
                    if let Some(outcome) = poll_once(&mut pending) {
                        break (outcome, dropped);
                    }
                    dropped += 1;
                    yield_now().await;
                }
            };
            assert_eq!(outcome, Some(Outcome::Acked));
            assert!(dropped > 0);
            let (message, _) = dropping(|| messages.recv()).await;
            assert_eq!(message.expect("taken by no poll that gave nothing").payload, number);
        }
        assert_eq!(messages.try_recv(), None);
        let ((), dropped) = dropping(|| client.stop()).await;
        assert!(dropped > 0);
    });
    assert_eq!(double.violations(), []);
}

#[test]
fn streams_and_shadows_may_be_given_up_at_every_poll() {
    let double = double();
    let (client, running) = client(&double);
    run(running, async {
        client.wait_ready().await.unwrap();
        let shadow = client.shadow("pump").unwrap().timeout(PATIENCE);
        let mut deltas = shadow.deltas().unwrap();
        let (granted, _) = dropping(|| deltas.granted()).await;
        assert!(granted.is_some());
        for flow in 1..10 {
            let update = shadow.update(ShadowUpdate::desired(&json!({ "flow": flow })).unwrap()).unwrap();
            let (answer, dropped) = dropping(|| update.answer()).await;
            assert!(answer.is_ok() && dropped > 0);
            let delta = loop {
                // As `select!` does with a stream: a `next` that is dropped has taken nothing.
                match poll_once(deltas.next()) {
                    Some(delta) => break delta.expect("a delta"),
                    None => yield_now().await,
                }
            };
            assert_eq!(delta.state.get::<u64>("flow"), Some(Ok(flow)));
        }
        assert!(deltas.try_recv().is_none());
    });
    assert_eq!(double.violations(), []);
}

#[test]
fn an_operation_goes_on_when_its_future_is_dropped() {
    let double = double();
    let (client, running) = client(&double);
    run(running, async {
        let messages = client.subscribe(filter("t"), Qos::AtLeastOnce).unwrap();
        for number in 0..5 {
            let mut pending = client.publish(publish("t", number.to_string())).unwrap();
            assert_eq!(poll_once(&mut pending), None);
            drop(pending);
        }
        for number in 0..5 {
            assert_eq!(messages.recv().await.expect("a message").payload, number.to_string());
        }
        client.wait_ready().await.unwrap();
        let notices = client.notices();
        drop(client.stop());
        while notices.recv().await != Some(Notice::Stopped) {}
    });
}

#[test]
fn a_loop_that_is_dropped_in_the_middle_ends_everything() {
    let double = double();
    let (client, running) = client(&double);
    let mut messages = client.subscribe(filter("t"), Qos::AtLeastOnce).unwrap();
    let notices = client.notices();
    let called = std::sync::mpsc::channel();
    client.publish(publish("x", "")).unwrap().on_done(move |outcome| called.0.send(outcome).unwrap());
    let mut running = pin!(Some(running));
    block_on(async {
        // So far that everything is there: a connection, and what was asked for.
        let far = async { messages.granted().await };
        let go = async {
            running.as_mut().as_pin_mut().unwrap().await;
            None
        };
        assert!(or(far, go).await.is_some());
        let pending = client.publish(publish("t", "never")).unwrap();
        let request = client.shadow("pump").unwrap().get().unwrap();
        running.set(None);
        assert_eq!(pending.await, None);
        assert_eq!(request.await, Err(thingwire_smol::ShadowError::Gone));
        while messages.next().await.is_some() {}
        while notices.recv().await.is_some() {}
        assert!(client.wait_ready().await.is_err());
        client.stop().await;
        assert_eq!(client.publish(publish("t", "late")).unwrap().await, None);
        assert!(messages.is_gone() && notices.is_gone());
    });
    assert!(called.1.recv_timeout(PATIENCE).is_ok(), "callbacks are called");
    assert!(double.wait_for_clients(&[], PATIENCE));
}

#[test]
fn futures_and_streams_go_from_thread_to_thread() {
    fn sends<T: Send>(_: T) {}
    fn check<T: Stream + Send + Sync>() {}
    let double = double();
    let (client, running) = client(&double);
    let messages = client.subscribe(filter("t"), Qos::AtLeastOnce).unwrap();
    sends(client.publish(publish("t", "")).unwrap());
    sends(client.wait_ready());
    sends(client.stop());
    sends(messages.recv());
    sends(messages.granted());
    sends(running);
    check::<thingwire_smol::Subscription>();
    check::<thingwire_smol::Notices>();
    check::<thingwire_smol::ShadowEvents>();
    check::<thingwire_smol::Deltas>();
}
