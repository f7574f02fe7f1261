//! What the tests have in common.

use std::time::{Duration, Instant};

use thingwire_sim::double::Double;

use crate::runtime::{Drain, Driver, Filter, Notice, Options, Publish, Qos, Topic};

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A local service with a port for plain TCP.
pub(crate) fn double() -> Double {
    Double::options().plain_port(0).start().unwrap()
}

/// A client of `double` over plain TCP.
pub(crate) fn plain(double: &Double, client_id: &str) -> Options {
    plain_at(&format!("127.0.0.1:{}", double.plain_port().unwrap()), client_id)
}

/// A client over plain TCP that does not wait between attempts.
pub(crate) fn plain_at(endpoint: &str, client_id: &str) -> Options {
    fast(Options::plain(endpoint, client_id).unwrap())
}

/// The same options with short waits and a queue without bounds.
pub(crate) fn fast(options: Options) -> Options {
    options.with(|config| {
        config.backoff.base = Duration::from_millis(10);
        config.backoff.max = Duration::from_millis(50);
        config.backoff.stable = Duration::from_millis(100);
        config.backoff.floor = Duration::ZERO;
        config.limits.connect_spacing = Duration::ZERO;
        config.limits.publishes_per_second_max = None;
        config.limits.bytes_per_second_max = None;
        config.drain = Drain::Unlimited;
        config.queue.count_max = None;
    })
}

pub(crate) fn topic(text: &str) -> Topic {
    Topic::new(text).unwrap()
}

pub(crate) fn filter(text: &str) -> Filter {
    Filter::new(text).unwrap()
}

pub(crate) fn publish(to: &str, payload: impl Into<String>) -> Publish {
    Publish::new(topic(to), payload.into())
}

pub(crate) fn publish_qos0(to: &str, payload: impl Into<String>) -> Publish {
    publish(to, payload).qos(Qos::AtMostOnce)
}

/// Runs the driver until a notice fits.
pub(crate) fn drive<T>(driver: &mut Driver, mut fits: impl FnMut(&Notice) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        let Some(notice) = driver.next(Some(left)) else { continue };
        if let Some(found) = fits(&notice) {
            return found;
        }
        seen.push(notice);
    }
    panic!("the notice did not come; these did: {seen:?}");
}

/// Runs the driver until exactly this notice.
pub(crate) fn drive_to(driver: &mut Driver, wanted: &Notice) {
    drive(driver, |notice| (notice == wanted).then_some(()));
}
