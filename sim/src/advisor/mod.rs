//! The MQTT cases of AWS IoT Core Device Advisor under virtual time, as a pack that any configuration can be put to.
//!
//! The advisor is the strict model broker with a hand over its mouth: it can withhold packets, and hang up. No case may
//! take longer than Device Advisor gives it, and none may break a rule of the service. Where Device Advisor passes with
//! warnings, the verdict is [`Grade::Warn`]. Its TLS cases are about the transport, its shadow and jobs cases about what
//! is built on top, its security case about the account: they are not here.

mod backoff;
mod long;
mod packets;
mod rig;
mod session;
mod traffic;

use core::time::Duration;

use thingwire_core::Config;

/// A case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its id at Device Advisor; of the long-duration case, with the name of its part.
    pub name: &'static str,
    /// What the device has to do.
    pub what: &'static str,
    /// How long it may take, in virtual time.
    pub limit: Duration,
    run: fn(&mut Log, &Config) -> Checked,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Passed or not.
    pub grade: Grade,
    /// The virtual time that it took; of a case with several devices, the longest.
    pub took: Duration,
}

/// How a device did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grade {
    /// As it should.
    Pass,
    /// Well enough, but for this.
    Warn(String),
    /// Not as it should: why.
    Fail(String),
}

/// What a step of a case came to: why the case fails.
type Checked<T = ()> = Result<T, String>;

/// What is noted while a case runs.
#[derive(Debug)]
struct Log {
    limit: Duration,
    took: Duration,
    warning: Option<String>,
}

/// What a case may take unless it says otherwise: Device Advisor's own default.
const LIMIT: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3_600);

/// Every case.
pub fn cases() -> &'static [Case] {
    CASES
}

impl Case {
    /// Puts a device with these settings to the case. The client id is replaced.
    pub fn run(&self, config: &Config) -> Verdict {
        let mut log = Log { limit: self.limit, took: Duration::ZERO, warning: None };
        let mut config = config.clone();
        rig::ID.clone_into(&mut config.client_id);
        let grade = match ((self.run)(&mut log, &config), log.warning) {
            (Err(why), _) => Grade::Fail(why),
            (Ok(()), Some(why)) => Grade::Warn(why),
            (Ok(()), None) => Grade::Pass,
        };
        Verdict { grade, took: log.took }
    }
}

impl Log {
    /// Notes something that Device Advisor lets pass with a warning; the first is kept.
    fn warn(&mut self, what: impl Into<String>) {
        self.warning.get_or_insert_with(|| what.into());
    }
}

/// Goes on if this holds.
fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}

const fn case(name: &'static str, what: &'static str, limit: Duration, run: fn(&mut Log, &Config) -> Checked) -> Case {
    Case { name, what, limit, run }
}

const CASES: &[Case] = &[
    case("MQTT_Connect", "sends a valid CONNECT", LIMIT, traffic::connect),
    case("MQTT_Client_Puback_Qos1", "acknowledges messages of 0 to 128 KiB", LIMIT, traffic::puback),
    case(
        "MQTT_Connect_Jitter_Backoff_Retries",
        "twice tries again five times without CONNACK, with jitter, within 4 min",
        Duration::from_secs(240),
        backoff::jitter,
    ),
    case(
        "MQTT_Connect_Exponential_Backoff_Retries",
        "tries again five times without CONNACK, with waits that double",
        LIMIT,
        backoff::exponential,
    ),
    case(
        "MQTT_Reconnect_Backoff_Retries_On_Server_Disconnect",
        "comes back with growing waits when the server hangs up after 5 s",
        LIMIT,
        backoff::server_disconnect,
    ),
    case(
        "MQTT_Reconnect_Backoff_Retries_On_Unstable_Connection",
        "comes back with growing waits when the server hangs up at once",
        LIMIT,
        backoff::unstable_connection,
    ),
    case("MQTT_Publish", "publishes with QoS 0", LIMIT, traffic::publish),
    case(
        "MQTT_Publish_Retry_No_Puback",
        "publishes again on the same link, under the same packet id",
        LIMIT,
        traffic::publish_again,
    ),
    case("MQTT_Subscribe", "subscribes", LIMIT, traffic::subscribe),
    case(
        "MQTT_Subscribe_Retry_No_Suback",
        "subscribes again on the same link, under the same packet id",
        LIMIT,
        traffic::subscribe_again,
    ),
    case("MQTT_No_Ack_PingResp", "disconnects from a server that answers nothing", LIMIT, traffic::no_answer),
    case(
        "MQTT_Persistent_Session_Happy_Case",
        "takes what was stored for it, and does not subscribe again",
        LIMIT,
        session::kept,
    ),
    case("MQTT_Expired_Persistent_Session", "subscribes again when the session is new", LIMIT, session::expired),
    case("MQTT_Long_Duration", "publishes and subscribes again within 15 s, and reconnects", LIMIT, long::basic),
    case("MQTT_Long_Duration/KEEP_ALIVE", "is never silent for longer than its keep-alive", HOUR, long::keep_alive),
    case(
        "MQTT_Long_Duration/INTERMITTENT_CONNECTIVITY",
        "delivers everything over twenty cuts",
        HOUR,
        long::intermittent,
    ),
    case(
        "MQTT_Long_Duration/LONG_SERVER_DISCONNECT",
        "comes back soon after two hours without CONNACK",
        Duration::from_secs(3 * 3_600),
        long::server_gone,
    ),
];
