//! Why the command ends without success: one line for people, an exit code for scripts.

use std::fmt;
use std::process::ExitCode;

use thingwire_std::{ConfigError, Layer, LinkError, Refusal, SetupError, WebSocketError};

/// The end of a command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    text: String,
}

/// The exit codes; the help explains them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Other = 1,
    Usage = 2,
    Network = 3,
    Tls = 4,
    Refused = 5,
    Protocol = 6,
    /// The shadow service said no.
    Rejected = 7,
    /// It said nothing.
    Unanswered = 8,
    /// 128 and the number of the signal, as shells count.
    Interrupted = 130,
    Terminated = 143,
}

impl Failure {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Code::Usage, text)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code as u8)
    }

    /// The user has ended it with Ctrl-C.
    pub(crate) fn is_interrupt(&self) -> bool {
        self.code == Code::Interrupted
    }

    /// Nothing needs to be said: the user has asked for the end.
    pub(crate) fn is_silent(&self) -> bool {
        self.text.is_empty()
    }

    /// Says more, where a signal has ended work that was not complete.
    pub(crate) fn or_if_silent(mut self, text: impl FnOnce() -> Option<String>) -> Self {
        if self.is_silent() {
            self.text = text().unwrap_or_default();
        }
        self
    }

    /// A command line that clap does not take. Its several lines become one.
    pub(crate) fn from_clap(error: &clap::Error) -> Self {
        let text = error.to_string();
        // Behind the first empty line come the usage and a pointer to the help.
        let cause: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let cause = cause.join(" ");
        let cause = cause.strip_prefix("error: ").unwrap_or(&cause);
        Self::usage(format!("{cause}; see 'thingwire --help'"))
    }

    /// A connection to `endpoint` that could not be made, or that is not worth making again.
    pub(crate) fn link(endpoint: &str, why: &LinkError) -> Self {
        let code = match (why, why.layer()) {
            (LinkError::ConnectTimeout { .. } | LinkError::CredentialsService { .. }, _) => Code::Network,
            (LinkError::WebSocket(WebSocketError::Refused { .. } | WebSocketError::ClockSkew { .. }), _) => {
                Code::Refused
            }
            (_, Layer::Credentials) => Code::Usage,
            (_, Layer::Dns | Layer::Tcp | Layer::Proxy | Layer::KeepAlive) => Code::Network,
            (_, Layer::Tls) => Code::Tls,
            (_, Layer::WebSocket | Layer::Mqtt) => Code::Protocol,
            (_, Layer::Server) => Code::Refused,
            _ => Code::Other,
        };
        let text = why.to_string();
        // An error of TCP says the address itself.
        let text = text.strip_prefix(&format!("{endpoint}: ")).unwrap_or(&text);
        Self::new(code, format!("{endpoint}: {text}"))
    }

    /// A request that the client does not accept.
    pub(crate) fn refusal(what: &str, why: &Refusal) -> Self {
        let hint = match why {
            Refusal::PayloadTooLong { .. }
            | Refusal::TopicTooLong { .. }
            | Refusal::TopicTooDeep { .. }
            | Refusal::TooManySubscriptions { .. }
            | Refusal::ShadowTooLong { .. }
            | Refusal::ShadowTooDeep { .. }
            | Refusal::RetainOnReservedTopic => "; with another server than AWS IoT Core, try --limits none",
            _ => "",
        };
        Self::usage(format!("{what}: {why}{hint}"))
    }

    /// A setting, named as the flag that sets it.
    fn config(error: &ConfigError) -> Self {
        if let Some(part) = error.field.strip_prefix("backoff.") {
            // One flag sets all parts, by the names that its help has for them.
            let (part, rule) = (part.to_uppercase(), error.rule.replace("backoff.base", "BASE"));
            return Self::usage(format!("--backoff: {part} is {}; the rule is: {rule}", error.value));
        }
        // Of a way to the server, the field's last part is the flag, but for authorizers, which have several.
        let field = error.field.strip_prefix("websocket.").unwrap_or(error.field);
        let field = if field == "proxy.login" { "proxy" } else { field };
        let flag = field.replace(['_', '.'], "-");
        Self::usage(format!("--{flag} is {}; the rule is: {}", error.value, error.rule))
    }
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        match &error {
            SetupError::Endpoint(error) => Self::usage(format!("--endpoint: {error}")),
            SetupError::Config(error) => Self::config(error),
            SetupError::System { .. } => Self::new(Code::Other, error.to_string()),
            _ => Self::usage(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Words of the operating system or of a library may have several lines.
        f.write_str(&self.text.replace(char::is_control, " "))
    }
}
