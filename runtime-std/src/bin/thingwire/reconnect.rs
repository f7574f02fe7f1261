//! The flags about lost connections and what waits for them, under the names that AWS's SDKs have for them.

use std::time::Duration;

use clap::{Args, ValueEnum};
use thingwire_std::{Config, Drain, Jitter, WhenFull};

/// Without a bound, a slip of the finger would wait for years.
const SECONDS_MAX: f64 = 86_400.0;
/// What the client's clock counts.
const SECONDS_MIN: f64 = 0.000_001;
const SECONDS_RULE: &str = "seconds from 0.000001 to 86400";

/// How to come back, and what waits meanwhile.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reconnecting and queueing")]
pub(crate) struct ReconnectArguments {
    /// The waits between attempts to connect, in seconds: the first, the longest, and how long a connection must
    /// last until the next wait is the first again. [default: 1,32,20]
    #[arg(long, value_name = "BASE,MAX,STABLE", env = "THINGWIRE_BACKOFF", value_parser = waits,
          allow_hyphen_values = true)]
    backoff: Option<Waits>,
    /// How waits are spread, so that many devices do not come back at once. With full, a second is added to each.
    /// [default: full]
    #[arg(long, value_name = "JITTER", env = "THINGWIRE_JITTER", value_enum)]
    jitter: Option<JitterArgument>,
    /// How many messages may wait for a connection: a number, unlimited (but for 4 MiB, or the longest message allowed)
    /// or off. Subscriptions always find room. [default: 20]
    #[arg(long, value_name = "N", env = "THINGWIRE_OFFLINE_QUEUE", value_parser = queue_length,
          allow_hyphen_values = true)]
    offline_queue: Option<QueueLength>,
    /// What a full queue does while the connection is lost: with newest, it takes nothing more, so that pub stops
    /// reading and loses nothing; with oldest, the oldest message makes room, and pub tells at the end how many did.
    /// [default: newest]
    #[arg(long, value_name = "WHICH", env = "THINGWIRE_DROP", value_enum)]
    drop: Option<DropArgument>,
    /// How many messages a second leave the queue once there is a connection: a number, adaptive (as fast as the
    /// server acknowledges) or unlimited. The AWS SDKs' default is 2; here somebody is waiting.
    #[arg(long, value_name = "HZ", env = "THINGWIRE_DRAIN_HZ", default_value = "adaptive",
          value_parser = drain, allow_hyphen_values = true)]
    drain_hz: Drain,
    /// The longest time until the server answers a subscription. [default: 5]
    #[arg(long, value_name = "SECONDS", env = "THINGWIRE_OPERATION_TIMEOUT", value_parser = seconds,
          allow_hyphen_values = true)]
    operation_timeout: Option<Duration>,
    /// After how long what the server does not answer is sent again while the connection lives, or never. MQTT does
    /// not ask for it. [default: never]
    #[arg(long, value_name = "SECONDS", env = "THINGWIRE_RESEND_AFTER", value_parser = resend_after,
          allow_hyphen_values = true)]
    resend_after: Option<ResendAfter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum JitterArgument {
    None,
    Equal,
    Full,
    Decorrelated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DropArgument {
    Oldest,
    Newest,
}

#[derive(Debug, Clone, Copy)]
struct Waits {
    base: Duration,
    max: Duration,
    stable: Duration,
}

/// `None` is without a bound. An `Option` itself would mean to clap that the flag may be missing.
#[derive(Debug, Clone, Copy)]
struct QueueLength(Option<usize>);

/// `None` is never, for the same reason.
#[derive(Debug, Clone, Copy)]
struct ResendAfter(Option<Duration>);

impl ReconnectArguments {
    /// Changes what was asked for, and the drain.
    pub(crate) fn apply(&self, config: &mut Config) {
        let backoff = &mut config.backoff;
        if let Some(Waits { base, max, stable }) = self.backoff {
            (backoff.base, backoff.max, backoff.stable) = (base, max, stable);
        }
        backoff.jitter = self.jitter.map_or(backoff.jitter, |jitter| match jitter {
            JitterArgument::None => Jitter::None,
            JitterArgument::Equal => Jitter::Equal,
            JitterArgument::Full => Jitter::Full,
            JitterArgument::Decorrelated => Jitter::Decorrelated,
        });
        let queue = &mut config.queue;
        queue.count_max = self.offline_queue.map_or(queue.count_max, |length| length.0);
        queue.when_full = self.drop.map_or(queue.when_full, |which| match which {
            DropArgument::Oldest => WhenFull::DropOldest,
            DropArgument::Newest => WhenFull::DropNewest,
        });
        config.drain = self.drain_hz;
        config.operation_timeout = self.operation_timeout.unwrap_or(config.operation_timeout);
        config.resend_after = self.resend_after.map_or(config.resend_after, |after| after.0);
    }
}

fn waits(text: &str) -> Result<Waits, String> {
    let parts: Vec<&str> = text.split(',').collect();
    let [base, max, stable] = parts[..] else {
        return Err(format!("expected BASE,MAX,STABLE, three {SECONDS_RULE}"));
    };
    let part = |name: &str, text: &str| seconds(text).map_err(|rule| format!("{name} is '{text}', {rule}"));
    Ok(Waits { base: part("BASE", base)?, max: part("MAX", max)?, stable: part("STABLE", stable)? })
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    number(text, SECONDS_MIN, SECONDS_MAX)
        .ok_or_else(|| format!("expected {SECONDS_RULE}"))
        .map(Duration::from_secs_f64)
}

fn resend_after(text: &str) -> Result<ResendAfter, String> {
    match text {
        "never" => Ok(ResendAfter(None)),
        _ => seconds(text).map(|span| ResendAfter(Some(span))).map_err(|rule| format!("{rule}, or never")),
    }
}

fn queue_length(text: &str) -> Result<QueueLength, String> {
    match text {
        "unlimited" => Ok(QueueLength(None)),
        "off" => Ok(QueueLength(Some(0))),
        _ => {
            let failed = |_| format!("expected a whole number up to {}, unlimited or off", usize::MAX);
            text.parse().map(|count| QueueLength(Some(count))).map_err(failed)
        }
    }
}

fn drain(text: &str) -> Result<Drain, String> {
    match text {
        "adaptive" => Ok(Drain::Adaptive),
        "unlimited" => Ok(Drain::Unlimited),
        _ => {
            let hz = number(text, SECONDS_MAX.recip(), SECONDS_MIN.recip());
            let rule = || "expected a number from 1/86400 (one a day) to 1000000, adaptive or unlimited".to_owned();
            hz.map(|hz| Drain::Every(Duration::from_secs_f64(hz.recip()))).ok_or_else(rule)
        }
    }
}

/// A number within bounds, which neither NaN nor infinity is.
fn number(text: &str, min: f64, max: f64) -> Option<f64> {
    text.parse().ok().filter(|number| (min..=max).contains(number))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        reconnect: ReconnectArguments,
    }

    fn config(flags: &[&str]) -> Config {
        let mut config = Config::new("id");
        let line = ["test"].iter().chain(flags);
        Alone::try_parse_from(line).expect("valid").reconnect.apply(&mut config);
        config
    }

    #[test]
    fn words_and_numbers() {
        let jitter = |word| config(&["--jitter", word]).backoff.jitter;
        assert_eq!(["none", "equal"].map(jitter), [Jitter::None, Jitter::Equal]);
        assert_eq!(["full", "decorrelated"].map(jitter), [Jitter::Full, Jitter::Decorrelated]);
        let queue = |length| config(&["--offline-queue", length]).queue.count_max;
        assert_eq!(["7", "0", "off", "unlimited"].map(queue), [Some(7), Some(0), Some(0), None]);
        let drop = |which| config(&["--drop", which]).queue.when_full;
        assert_eq!(["oldest", "newest"].map(drop), [WhenFull::DropOldest, WhenFull::DropNewest]);
        let drain = |hz| config(&["--drain-hz", hz]).drain;
        assert_eq!(["adaptive", "unlimited"].map(drain), [Drain::Adaptive, Drain::Unlimited]);
        assert_eq!(drain("0.5"), Drain::Every(Duration::from_secs(2)));
        assert_eq!(drain("1000000"), Drain::Every(Duration::from_micros(1)));
        let backoff = config(&["--backoff", "0.5,86400,1.25"]).backoff;
        let millis = [backoff.base, backoff.max, backoff.stable].map(|wait| wait.as_millis());
        assert_eq!(millis, [500, 86_400_000, 1_250]);
        assert_eq!(config(&["--operation-timeout", "0.25"]).operation_timeout, Duration::from_millis(250));
        let resend = |after| config(&["--resend-after", after]).resend_after;
        assert_eq!(["0.5", "never"].map(resend), [Some(Duration::from_millis(500)), None]);
    }

    #[test]
    fn every_accepted_bound_is_good_enough_for_the_library() {
        let bounds: [&[&str]; 7] = [
            &["--drain-hz", "1000000"],
            &["--drain-hz", "0.0000115740740741"],
            &["--operation-timeout", "0.000001"],
            &["--operation-timeout", "86400"],
            &["--resend-after", "0.000001"],
            &["--resend-after", "86400"],
            &["--backoff", "0.000001,86400,86400"],
        ];
        for flags in bounds {
            assert_eq!(config(flags).validate(), Ok(()), "{flags:?}");
        }
    }
}
