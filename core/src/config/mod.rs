//! Everything that can be set, with its default, its bounds and their reasons.

mod requests;

use core::fmt;
use core::time::Duration;

use bytes::Bytes;

pub use self::requests::RequestConfig;
use crate::unshown::debug_without;
use crate::{Limits, Qos, Topic};

/// How one client behaves. [`Config::new`] gives the defaults; [`Client::new`](crate::Client::new) checks all of it.
///
/// ```
/// use core::time::Duration;
/// use thingwire_core::{Client, Config, Instant, Topic, Will};
///
/// let mut config = Config::new("kitchen-sensor");
/// config.keep_alive = Duration::from_secs(300);
/// config.will = Some(Will::new(Topic::new("kitchen/sensor/gone")?, "1"));
/// let client = Client::new(config.clone(), 7, Instant::EPOCH)?;
///
/// config.backoff.base = config.backoff.max * 2;
/// assert!(Client::new(config, 7, Instant::EPOCH).is_err());
/// # let _ = client;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Who the device is. On AWS usually the thing's name, and tied to the certificate by the policy. Two clients
    /// with one id push each other off the line (B-4).
    pub client_id: String,
    /// Whether the server forgets the session when the link ends. Default: true.
    pub clean_session: bool,
    /// The longest silence before the server is asked for a sign of life; 0 switches that off. Whole seconds, at most
    /// 65,535 (MQTT 3.1.1 §3.1.2.10). Default: 60 s. AWS itself raises 1 to 29 s to 30 (B-8).
    pub keep_alive: Duration,
    /// What the server publishes when the client vanishes. Default: nothing.
    pub will: Option<Will>,
    /// The user name sent to the server. Default: none.
    pub user_name: Option<String>,
    /// What a custom authorizer wants to know, as a query behind the user name. Set by the options of a link.
    pub(crate) login_query: Option<Password>,
    /// The password sent to the server; needs a user name. Default: none.
    pub password: Option<Password>,
    /// Whether to tell the service the SDK's name and version, as a query behind the user name. Default: false.
    pub sdk_metrics: bool,
    /// Whether the application acknowledges QoS 1 messages itself, with [`Client::ack`](crate::Client::ack). Default:
    /// false: a message is acknowledged when the driver has taken it.
    pub manual_acks: bool,
    /// From the beginning of an attempt (DNS) to CONNACK. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long the peer may take no bytes although some wait. For drivers: the client itself writes nothing. Default:
    /// 10 s.
    pub write_timeout: Duration,
    /// From the sending of SUBSCRIBE or UNSUBSCRIBE to its answer. Default: 5 s.
    pub operation_timeout: Duration,
    /// After how long without an answer a QoS 1 PUBLISH, SUBSCRIBE or UNSUBSCRIBE is sent again on a live link, under
    /// the same packet id, again and again. MQTT 3.1.1 does not ask for it; AWS's Device Advisor tests it. Default:
    /// never.
    pub resend_after: Option<Duration>,
    /// After how many connections in a row that the server closed instead of answering one operation, or one renewed
    /// subscription, that one is given up. It is how AWS refuses what the policy does not allow; without a bound it
    /// would be sent for ever. Default: 3.
    pub closes_max: u32,
    /// How long to wait between attempts.
    pub backoff: BackoffConfig,
    /// What may wait to be sent.
    pub queue: QueueConfig,
    /// How fast what waited for the connection is sent once it is there. Default: one request every 500 ms.
    pub drain: Drain,
    /// Unacknowledged QoS 1 messages on the way out. Default: 100, all that AWS accepts (B-12).
    pub in_flight_max: u16,
    /// Unacknowledged QoS 1 messages on the way in before the client stops reading. Default: 100, all that AWS
    /// sends (B-40).
    pub unacked_max: u16,
    /// Notices waiting for the driver before the client stops reading. Default: 1,024.
    pub actions_max: usize,
    /// How requests that the service answers on topics are made.
    pub requests: RequestConfig,
    /// What the service accepts. Default: AWS IoT Core's limits.
    pub limits: Limits,
}

impl Config {
    /// The defaults, for the device named `client_id`.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            clean_session: true,
            keep_alive: Duration::from_secs(60),
            will: None,
            user_name: None,
            login_query: None,
            password: None,
            sdk_metrics: false,
            manual_acks: false,
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            operation_timeout: Duration::from_secs(5),
            resend_after: None,
            closes_max: 3,
            backoff: BackoffConfig::default(),
            queue: QueueConfig::default(),
            drain: Drain::Every(Duration::from_millis(500)),
            in_flight_max: 100,
            unacked_max: 100,
            actions_max: 1_024,
            requests: RequestConfig::default(),
            limits: Limits::aws(),
        }
    }

    /// The defaults with what AWS IoT Core Device Advisor tests, for its test runs and device qualification.
    ///
    /// - `connect_timeout` 5 s: twelve CONNECTs, ten of them unanswered, have to fit into four minutes, waits included.
    ///   The default backoff (1 to 32 s with full jitter) is what its reconnect cases ask for: with longer waits they
    ///   would not fit, without jitter they pass with warnings only.
    /// - `resend_after` 10 s: the retry cases want an unanswered PUBLISH or SUBSCRIBE again under its packet id, without
    ///   a new connection, and the long-duration case wants that within 15 s.
    /// - `operation_timeout` 60 s: a SUBSCRIBE that is given up cannot be sent again.
    /// - `keep_alive` 30 s, the least that counts (B-8): a server that answers nothing has to be left within 1.5 times
    ///   the keep-alive, and within the case's five minutes.
    ///
    /// The cases about persistent sessions need `clean_session` switched off as well.
    pub fn device_advisor(client_id: impl Into<String>) -> Self {
        Self {
            keep_alive: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(60),
            resend_after: Some(Duration::from_secs(10)),
            ..Self::new(client_id)
        }
    }

    /// Checks every field and every rule between fields.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_client_id()?;
        self.validate_login()?;
        self.validate_will()?;
        self.validate_limits()?;
        let keep_alive = self.keep_alive;
        rule("keep_alive", keep_alive, "whole seconds, at most 65535", {
            keep_alive.subsec_nanos() == 0 && u16::try_from(keep_alive.as_secs()).is_ok()
        })?;
        at_least_a_tick("connect_timeout", self.connect_timeout)?;
        at_least_a_tick("write_timeout", self.write_timeout)?;
        at_least_a_tick("operation_timeout", self.operation_timeout)?;
        rule("in_flight_max", self.in_flight_max, NOT_ZERO, self.in_flight_max != 0)?;
        rule("unacked_max", self.unacked_max, NOT_ZERO, self.unacked_max != 0)?;
        rule("actions_max", self.actions_max, NOT_ZERO, self.actions_max != 0)?;
        self.resend_after.map_or(Ok(()), |span| at_least_a_tick("resend_after", span))?;
        rule("closes_max", self.closes_max, NOT_ZERO, self.closes_max != 0)?;
        if let Drain::Every(interval) = self.drain {
            let valid = (Duration::from_micros(1)..=DAY).contains(&interval);
            rule("drain", self.drain, "an interval from a microsecond to a day", valid)?;
        }
        self.requests.validate()?;
        self.backoff.validate()
    }

    /// No limit may allow what MQTT cannot carry, or nothing at all.
    fn validate_limits(&self) -> Result<(), ConfigError> {
        let (limits, mqtt) = (&self.limits, Limits::none());
        for (field, value, max) in [
            ("limits.payload_len_max", limits.payload_len_max, mqtt.payload_len_max),
            ("limits.client_id_len_max", limits.client_id_len_max, mqtt.client_id_len_max),
            ("limits.filters_per_request_max", limits.filters_per_request_max, mqtt.filters_per_request_max),
        ] {
            rule(field, value, "no more than in Limits::none()", value <= max)?;
        }
        let filters_max = limits.filters_per_request_max;
        rule("limits.filters_per_request_max", filters_max, NOT_ZERO, filters_max != 0)?;
        let publishes = limits.publishes_per_second_max;
        rule("limits.publishes_per_second_max", publishes, NOT_ZERO, publishes != Some(0))?;
        let bytes = limits.bytes_per_second_max;
        rule("limits.bytes_per_second_max", bytes, NOT_ZERO, bytes != Some(0))
    }

    fn validate_client_id(&self) -> Result<(), ConfigError> {
        let (id, limits) = (&self.client_id, &self.limits);
        let check = |what, holds| rule("client_id", format_args!("{id:?}"), what, holds);
        // [MQTT-3.1.3-8] Without an id, the server could not find the session again.
        check("not empty unless clean_session is set", !id.is_empty() || self.clean_session)?;
        check("no NUL character", !id.contains('\0'))?;
        // B-1
        check("no longer than the service takes (128 bytes on AWS)", id.len() <= limits.client_id_len_max)?;
        check("does not begin with `$`, which AWS reserves", !(limits.dollar_reserved && id.starts_with('$')))
    }

    fn validate_login(&self) -> Result<(), ConfigError> {
        let name = self.user_name.as_deref();
        let shown = name.unwrap_or_default();
        let valid = name.is_none_or(|name| !name.is_empty() && !name.contains('\0'));
        rule("user_name", format_args!("{shown:?}"), "not empty, no NUL character", valid)?;
        let fits = self.wire_user_name().is_none_or(|name| u16::try_from(name.len()).is_ok());
        rule("user_name", format_args!("{} bytes", shown.len()), "at most 65535 bytes with the metrics suffix", fits)?;
        let Some(password) = &self.password else { return Ok(()) };
        let check = |what, holds| rule("password", "(not shown)", what, holds);
        check("only with a user name (MQTT-3.1.2-22)", self.login_name().is_some())?;
        check("not empty, at most 65535 bytes", (1..=usize::from(u16::MAX)).contains(&password.expose().len()))
    }

    fn validate_will(&self) -> Result<(), ConfigError> {
        let Some(will) = &self.will else { return Ok(()) };
        let len = will.payload.len();
        // The will's length field has two bytes.
        let fits = len <= usize::from(u16::MAX).min(self.limits.payload_len_max);
        rule("will.payload", format_args!("{len} bytes"), "at most 65535 bytes", fits)?;
        let topic = self.limits.check_topic(&will.topic);
        rule("will.topic", format_args!("{:?}", will.topic), "within the service's limits", topic.is_ok())
    }

    /// The user name with what a custom authorizer wants to know.
    pub(crate) fn login_name(&self) -> Option<String> {
        match &self.login_query {
            None => self.user_name.clone(),
            Some(query) => Some(with_query(self.user_name.as_deref().unwrap_or_default(), query.expose())),
        }
    }

    /// The user name as it goes onto the wire, with the metrics suffix when that is on.
    pub(crate) fn wire_user_name(&self) -> Option<String> {
        let name = self.login_name();
        if !self.sdk_metrics {
            return name;
        }
        let metrics = concat!("SDK=thingwire&Version=", env!("CARGO_PKG_VERSION"));
        Some(with_query(name.as_deref().unwrap_or_default(), metrics))
    }

    pub(crate) fn keep_alive_secs(&self) -> u16 {
        u16::try_from(self.keep_alive.as_secs()).unwrap_or(u16::MAX)
    }

    /// How long a PINGRESP may take: half the keep-alive, at most 10 s.
    pub(crate) fn ping_timeout(&self) -> Duration {
        (self.keep_alive / 2).min(Duration::from_secs(10))
    }
}

/// How long to wait between connect attempts.
///
/// The n-th wait grows as `e(n) = min(2^n · base, max)`; after a connection that has lasted `stable`, n is 0 again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackoffConfig {
    /// The first wait. Default: 1 s.
    pub base: Duration,
    /// The longest wait, before `floor` is added. Default: 32 s.
    pub max: Duration,
    /// How long a connection must have lasted, from its CONNACK on, to count as a success. Default: 20 s.
    pub stable: Duration,
    /// With [`Jitter::Full`], added to every wait; AWS takes one CONNECT a second for one client id (B-2). Default:
    /// 1 s.
    pub floor: Duration,
    /// How waits are spread, so that a fleet does not come back all at once. Default: full.
    pub jitter: Jitter,
}

/// How waits are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// Exactly `e(n)`.
    None,
    /// Uniform between `floor` and `floor + e(n)`.
    Full,
    /// Uniform between `e(n) / 2` and `e(n)`.
    Equal,
    /// Uniform between `base` and three times the last wait, at most `max`.
    Decorrelated,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            max: Duration::from_secs(32),
            stable: Duration::from_secs(20),
            floor: Duration::from_secs(1),
            jitter: Jitter::Full,
        }
    }
}

impl BackoffConfig {
    /// Checks what [`Client::new`](crate::Client::new) checks.
    pub fn validate(&self) -> Result<(), ConfigError> {
        at_least_a_tick("backoff.base", self.base)?;
        rule(
            "backoff.max",
            self.max,
            "at least backoff.base, at most a day",
            self.base <= self.max && self.max <= DAY,
        )?;
        rule("backoff.stable", self.stable, "longer than backoff.base", self.base < self.stable)?;
        rule("backoff.floor", self.floor, "at most a day", self.floor <= DAY)
    }
}

/// What may wait to be sent. While the session is ready, the same bounds hold for what the in-flight window holds
/// back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueConfig {
    /// The most operations: `Some(0)` switches queueing while offline off, `None` sets no bound. Where neither counts
    /// operations, bytes alone are bounded. Default: 20.
    pub count_max: Option<usize>,
    /// The most bytes of topic and payload. Default: 4 MiB.
    pub bytes_max: usize,
    /// What to do when it is full. Default: refuse the new operation.
    pub when_full: WhenFull,
}

/// How fast what waited for the connection is sent once it is there: after the subscriptions are restored, and after
/// what an earlier link has carried already.
///
/// It ends when everything has been sent that was accepted before the connection was. With [`Every`](Self::Every) it
/// holds nothing back while the queue is full: new operations would be lost for it. The service's limits on publishes hold all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Drain {
    /// One request in each interval, the first at once.
    Every(Duration),
    /// As fast as acknowledgements come: one QoS 1 publish at first, twice as many with every round trip.
    Adaptive,
    /// As fast as the socket takes it.
    Unlimited,
}

/// What a full queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The new operation is refused.
    DropNewest,
    /// The oldest operation that was never sent ends as [`Outcome::Evicted`](crate::Outcome::Evicted).
    DropOldest,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { count_max: Some(20), bytes_max: 4 * 1024 * 1024, when_full: WhenFull::DropNewest }
    }
}

/// What the server publishes when the client vanishes without a DISCONNECT.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Will {
    /// Where to.
    pub topic: Topic,
    /// What; at most 65,535 bytes.
    pub payload: Bytes,
    /// How hard.
    pub qos: Qos,
    /// Whether the server keeps it for future subscribers.
    pub retain: bool,
}

debug_without!(Will { topic, qos, retain; payload });

impl Will {
    /// A QoS 1 message that is not retained.
    pub fn new(topic: Topic, payload: impl Into<Bytes>) -> Self {
        Self { topic, payload: payload.into(), qos: Qos::AtLeastOnce, retain: false }
    }

    /// The same message with another quality of service.
    #[must_use]
    pub fn qos(mut self, qos: Qos) -> Self {
        self.qos = qos;
        self
    }

    /// The same message, kept by the server or not.
    #[must_use]
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }
}

/// A password: never shown by `Debug`. With the feature `transport`, its memory is overwritten before it is given back.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "transport")]
impl Drop for Password {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

/// A setting that cannot be: which, what it was, and the rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The field of [`Config`] or of another part of the options, as a path.
    pub field: &'static str,
    /// Its value; never a secret.
    pub value: String,
    /// What holds for it.
    pub rule: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, rule } = self;
        write!(f, "{field} is {value}; the rule is: {rule}")
    }
}

impl core::error::Error for ConfigError {}

/// One user name has one query, whose parts `&` joins.
fn with_query(name: &str, query: &str) -> String {
    let joint = if name.contains('?') { '&' } else { '?' };
    format!("{name}{joint}{query}")
}

const DAY: Duration = Duration::from_secs(86_400);
const NOT_ZERO: &str = "greater than zero";

/// What is shorter than [`Instant`](crate::Instant) counts would be no time at all.
fn at_least_a_tick(field: &'static str, span: Duration) -> Result<(), ConfigError> {
    rule(field, span, "at least a microsecond", span >= Duration::from_micros(1))
}

pub(crate) fn rule(
    field: &'static str,
    value: impl fmt::Debug,
    rule: &'static str,
    holds: bool,
) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { field, value: format!("{value:?}"), rule }) }
}
