//! What is logged, and by whom.

use std::sync::{Mutex, OnceLock};

use super::support::{PATIENCE, double, filter, plain, publish};
use crate::runtime::Client;

/// Remembers what is logged, and looks at the client each time.
struct Nosy;

static CLIENT: OnceLock<Client> = OnceLock::new();
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl log::Log for Nosy {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target() == "thingwire" {
            LINES.lock().unwrap().push(record.args().to_string());
            // Would never come back if a lock were held.
            let _ = CLIENT.get().map(|client| (client.phase(), client.queued()));
        }
    }

    fn flush(&self) {}
}

#[test]
fn links_are_logged_secrets_are_not_and_a_logger_may_use_the_client() {
    log::set_logger(&Nosy).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let double = double();
    let options = plain(&double, "logged").with(|config| {
        config.user_name = Some("hidden-user".to_owned());
        config.password = Some("hidden-password".into());
    });
    let endpoint = options.endpoint.to_string();
    let client = CLIENT.get_or_init(|| Client::connect(options).unwrap());
    client.wait_ready(PATIENCE).unwrap();
    let messages = client.subscribe(filter("a"), crate::runtime::Qos::AtLeastOnce).unwrap();
    client.publish(publish("a", "hidden-payload")).unwrap();
    assert!(messages.recv(PATIENCE).is_some());
    let notices = client.notices();
    double.drop_connections();
    while notices.recv(PATIENCE).expect("Ready") != crate::runtime::Notice::Ready {}
    assert!(client.stop(PATIENCE));

    // The log is written just after the lock is free.
    let deadline = std::time::Instant::now() + PATIENCE;
    let lines = loop {
        let lines = LINES.lock().unwrap().clone();
        if lines.iter().any(|line| *line == format!("{endpoint}: stopped")) {
            break lines;
        }
        assert!(std::time::Instant::now() < deadline, "{lines:?}");
        std::thread::yield_now();
    };
    for words in ["online", "offline: ", "connecting, attempt 1", "ready"] {
        let wanted = format!("{endpoint}: {words}");
        assert!(lines.iter().any(|line| line.starts_with(&wanted)), "{wanted:?} in {lines:?}");
    }
    assert!(!lines.iter().any(|line| line.contains("hidden")), "{lines:?}");
}
