//! One connection to the server, from the flags to the goodbye.

use std::time::{Duration, Instant};

use thingwire_std::thingwire_core::host;
use thingwire_std::{Config, Driver, Limits, Notice, Options, Password, Phase, Publish, QueueConfig, WhenFull};

use crate::args::{ConnectionArguments, LimitsArgument, PresetArgument};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::recording::Recording;
use crate::{say, ways};

/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// The driver, with what the command wants of every connection: a failed first attempt is the end, later ones are not;
/// a signal is the end.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) driver: Driver,
    /// What the server takes.
    pub(crate) limits: Limits,
    queue: QueueConfig,
    /// For messages.
    endpoint: String,
    plain: bool,
    pub(crate) verbose: bool,
    interrupt: Interrupt,
    /// Whether the server has ever accepted a connection.
    accepted: bool,
    /// What the last status line was about.
    told: Phase,
    recording: Recording,
}

/// However the command ends, its recording is written.
impl Drop for Connection {
    fn drop(&mut self) {
        if let Err(error) = self.recording.save(self.driver.recording()) {
            say(error);
        }
    }
}

impl Connection {
    /// Checks all flags. Nothing is sent before [`start`](Self::start).
    pub(crate) fn new(arguments: &ConnectionArguments, change: impl FnOnce(&mut Config)) -> Result<Self, Failure> {
        let options = options(arguments)?.with(change);
        let endpoint = options.endpoint.to_string();
        let (limits, queue) = (options.config.limits, options.config.queue);
        let mut driver = Driver::new(options)?;
        let recording = Recording::begin(driver.client(), arguments.record.as_deref())?;
        let waker = driver.waker();
        let interrupt = Interrupt::watch(move || waker.wake())?;
        let ConnectionArguments { plain, verbose, .. } = *arguments;
        let told = Phase::Idle;
        Ok(Self { driver, limits, queue, endpoint, plain, verbose, interrupt, accepted: false, told, recording })
    }

    pub(crate) fn start(&mut self) {
        if self.plain {
            say("warning: --plain: without TLS, anybody on the way can read and change everything");
        }
        self.driver.start();
    }

    /// Waits for the next notice; `None` when the driver was woken, or after `limit`.
    pub(crate) fn next(&mut self, limit: Option<Duration>) -> Result<Option<Notice>, Failure> {
        let notice = self.driver.next(limit);
        self.interrupt.check()?;
        if let Some(notice) = &notice {
            self.narrate(notice);
            self.judge(notice)?;
        }
        Ok(notice)
    }

    /// Whether it is worth going on.
    fn judge(&mut self, notice: &Notice) -> Result<(), Failure> {
        match notice {
            Notice::Failed { why: Some(why), .. } if !self.accepted => return Err(Failure::link(&self.endpoint, why)),
            Notice::Online { .. } => self.accepted = true,
            _ => {}
        }
        Ok(())
    }

    /// Stops reading from the server, or goes on.
    pub(crate) fn pause_input(&mut self, paused: bool) {
        self.driver.client().pause_input(paused);
    }

    /// Says goodbye.
    pub(crate) fn stop(&mut self) {
        self.driver.stop();
        let until = Instant::now() + GOODBYE;
        loop {
            match self.driver.next(Some(until.saturating_duration_since(Instant::now()))) {
                Some(Notice::Stopped) => break,
                Some(_) => {}
                // Woken, or out of time: then the server sees a lost connection.
                None if Instant::now() < until => {}
                None => break,
            }
        }
        if self.accepted {
            self.tell(|| "disconnected".to_owned());
        }
    }

    /// A line for a user who wants to know more.
    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        if self.verbose {
            say(line());
        }
    }

    /// The status for a user who wants to know more, if the state has changed since the last time.
    pub(crate) fn tell_change(&mut self) {
        let phase = self.driver.client().phase();
        if phase != self.told {
            self.told = phase;
            self.tell_status();
        }
    }

    pub(crate) fn tell_status(&mut self) {
        let status = self.driver.client().status();
        self.tell(|| format!("status: {status}"));
    }

    /// Whether to publish this now would drop another message although waiting loses nothing: while there is a
    /// connection the queue moves, and when the first one fails that is the end.
    pub(crate) fn drops_needlessly(&mut self, publish: &Publish) -> bool {
        let QueueConfig { count_max, bytes_max, when_full, .. } = self.queue;
        let lost = self.accepted && !self.driver.client().phase().is_online();
        if when_full == WhenFull::DropNewest || lost {
            return false;
        }
        let status = self.driver.client().status();
        let bytes = status.queued_bytes + publish.topic.as_str().len() + publish.payload.len();
        count_max.is_some_and(|count_max| 0 < count_max && count_max <= status.queued) || bytes_max < bytes
    }

    fn narrate(&self, notice: &Notice) {
        match notice {
            // Messages and outcomes are for the command; the first failure and the goodbye have lines of their own.
            Notice::Message(_) | Notice::Done { .. } | Notice::Stopped | Notice::Offline { why: None, .. } => {}
            Notice::Failed { .. } if !self.accepted => {}
            Notice::Attempting { attempt } => {
                self.tell(|| format!("connecting to {}, attempt {attempt}", self.endpoint));
            }
            notice => self.tell(|| notice.to_string()),
        }
    }
}

/// The flags as the library wants them.
pub(crate) fn options(arguments: &ConnectionArguments) -> Result<Options, Failure> {
    let id = client_id(arguments)?;
    let mut options = ways::options(arguments, &id)?;
    let config = &mut options.config;
    if arguments.preset == Some(PresetArgument::DeviceAdvisor) {
        *config = Config::device_advisor(id);
    }
    config.clean_session = !arguments.no_clean_session;
    config.keep_alive = arguments.keep_alive.unwrap_or(config.keep_alive);
    config.connect_timeout = arguments.connect_timeout.unwrap_or(config.connect_timeout);
    arguments.reconnect.apply(config);
    config.user_name.clone_from(&arguments.user_name);
    config.password = arguments.password.as_deref().map(Password::from);
    config.limits = match arguments.limits {
        LimitsArgument::Aws => Limits::aws(),
        LimitsArgument::None => Limits::none(),
    };
    Ok(options)
}

fn client_id(arguments: &ConnectionArguments) -> Result<String, Failure> {
    match &arguments.client_id {
        Some(id) if !(id.is_empty() && arguments.no_clean_session) => Ok(id.clone()),
        _ if arguments.no_clean_session => Err(Failure::usage(
            "--no-clean-session needs a --client-id: by its name the server finds the session again",
        )),
        _ => Ok(format!("thingwire-{:08x}", host::seed()? >> 32)),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};
    use thingwire_std::Drain;

    use super::*;
    use crate::args::{Arguments, Command};

    /// The configuration of `thingwire pub` and `thingwire sub` with these flags, which is the same.
    fn config(flags: &[&str]) -> String {
        let [publishing, subscribing] = ["pub", "sub"].map(|name| {
            let basic = ["thingwire", name, "--endpoint", "localhost", "--plain", "--topic", "t", "--client-id", "id"];
            let connection = match Arguments::try_parse_from(basic.iter().chain(flags)).expect("valid").command {
                Command::Pub(arguments) => arguments.connection,
                Command::Sub(arguments) => arguments.connection,
                _ => unreachable!("not asked for"),
            };
            format!("{:?}", options(&connection).expect("valid").config)
        });
        assert_eq!(publishing, subscribing);
        publishing
    }

    /// Somebody waits for the command, so it drains as fast as the server can.
    fn draining(mut config: Config) -> String {
        config.drain = Drain::Adaptive;
        format!("{config:?}")
    }

    #[test]
    fn without_flags_everything_is_as_the_library_or_the_preset_has_it() {
        assert_eq!(config(&[]), draining(Config::new("id")));
        assert_eq!(config(&["--preset", "device-advisor"]), draining(Config::device_advisor("id")));
    }

    #[test]
    fn flags_take_the_place_of_what_the_preset_has() {
        let flags = ["--keep-alive", "60", "--connect-timeout", "10", "--operation-timeout", "5", "--resend-after"];
        let all = [&["--preset", "device-advisor"], flags.as_slice(), &["never"]].concat();
        assert_eq!(config(&all), config(&[]));
        let mut expected = Config::device_advisor("id");
        expected.resend_after = Some(Duration::from_secs(3));
        assert_eq!(config(&["--resend-after", "3", "--preset", "device-advisor"]), draining(expected));
    }

    #[test]
    fn the_defaults_that_the_help_tells_are_the_true_ones() {
        for name in ["pub", "sub"] {
            let mut command = Arguments::command();
            let help = command.find_subcommand_mut(name).expect("it is there").render_long_help().to_string();
            let mut flags = Vec::new();
            for option in help.split("      --").skip(1) {
                let Some((_, default)) = option.split_once("[default: ") else { continue };
                let (flag, default) = (option.split_whitespace().next(), default.split(']').next());
                flags.push(format!("--{}={}", flag.expect("a name"), default.expect("a value")));
            }
            // What the other command does not know changes no configuration.
            flags.retain(|flag| !flag.starts_with("--format="));
            assert_eq!(flags.len(), 11, "{flags:?}");
            assert_eq!(config(&flags.iter().map(String::as_str).collect::<Vec<_>>()), config(&[]));
        }
    }
}
