//! What only a runtime with threads of its own has.

use std::time::Instant;

use thingwire_std::{Client, Driver, Waker};

use crate::suite::support::{PATIENCE, double, plain};

#[test]
fn a_driver_is_woken_from_another_thread() {
    let double = double();
    let mut driver = Driver::new(plain(&double, "a")).unwrap();
    let waker = driver.waker();
    let thread = std::thread::spawn(move || waker.wake());
    // Without the waker, an idle driver would sleep for ever.
    assert_eq!(driver.next(None), None);
    thread.join().unwrap();
}

#[test]
fn a_waker_goes_from_thread_to_thread() {
    fn check<T: Send + Sync>() {}
    check::<Waker>();
}

/// How many threads this process has.
#[cfg(target_os = "linux")]
fn client_threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|found| found.trim() == name).count()
}

#[test]
#[cfg(target_os = "linux")]
fn one_thread_while_it_lives_and_none_after() {
    // In a process of its own, the other tests' threads are not in the way.
    if std::env::var_os("THINGWIRE_COUNT_THREADS").is_none() {
        let test = "own_thread::one_thread_while_it_lives_and_none_after";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env("THINGWIRE_COUNT_THREADS", "1")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let double = double();
    let client = Client::connect(plain(&double, "a")).unwrap();
    client.wait_ready(PATIENCE).unwrap();
    assert_eq!(client_threads("thingwire"), 1);
    drop(client);
    // It has ended, but the system may list it for another moment.
    let before = Instant::now();
    while client_threads("thingwire") > 0 {
        assert!(before.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
}
