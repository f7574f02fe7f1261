//! What the user sees: a line for each step.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::advice::Advice;
use crate::failure::{Code, Failure};

/// The steps. Their names are for scripts too, and stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Setup,
    Dns,
    Credentials,
    Tcp,
    Proxy,
    Tls,
    Chain,
    Alpn,
    Clock,
    WebSocket,
    Device,
    Connect,
    Subscribe,
    Publish,
    Receive,
    Stay,
    Shadow,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Setup => "setup",
            Self::Dns => "dns",
            Self::Credentials => "credentials",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Chain => "chain",
            Self::Alpn => "alpn",
            Self::Clock => "clock",
            Self::WebSocket => "websocket",
            Self::Device => "device",
            Self::Connect => "connect",
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Receive => "receive",
            Self::Stay => "stay",
            Self::Shadow => "shadow",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    /// It goes on, but something is not as it should be.
    Warning,
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        })
    }
}

/// One step's result.
#[derive(Debug)]
pub(super) struct Line {
    step: Step,
    status: Status,
    took: Duration,
    text: String,
    more: Map<String, Value>,
    advice: Option<Advice>,
}

impl Line {
    /// One more value for scripts.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn advice(mut self, advice: &Advice) -> Self {
        self.advice = Some(advice.clone());
        self
    }

    fn json(self) -> String {
        let Self { step, status, took, text, more, advice } = self;
        let mut object = Map::new();
        let mut set = |name: &str, value: Value| object.insert(name.to_owned(), value);
        set("step", step.to_string().into());
        set("status", status.to_string().into());
        set("seconds", took.as_secs_f64().into());
        set("text", text.into());
        for (name, value) in more {
            set(&name, value);
        }
        if let Some(advice) = advice {
            set("class", advice.class.into());
            set("means", advice.means.into());
            set("try", json!(advice.tries));
        }
        Value::Object(object).to_string()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, status, took, text, advice, .. } = self;
        // What servers and systems say may have several lines, or orders for a terminal.
        let text = text.replace(char::is_control, " ");
        write!(f, "{status:<8}{step:<12}{:>8.1} ms  {text}", took.as_secs_f64() * 1e3)?;
        let Some(advice) = advice else { return Ok(()) };
        write!(f, "\n  It means: {}", advice.means)?;
        advice.tries.iter().try_for_each(|line| write!(f, "\n  Try: {line}"))
    }
}

/// Standard output, with a clock.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    /// When the step began that is under way.
    began: Instant,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, began: Instant::now() }
    }

    /// The result of the step that was under way; from here on, time counts for the next one.
    pub(super) fn line(&mut self, step: Step, status: Status, text: impl Into<String>) -> Line {
        let now = Instant::now();
        let took = now - std::mem::replace(&mut self.began, now);
        Line { step, status, took, text: text.into(), more: Map::new(), advice: None }
    }

    /// Fails, with nothing to say, when nobody reads any more.
    pub(super) fn write(&self, line: Line) -> Result<(), Failure> {
        let text = if self.json { line.json() } else { line.to_string() };
        let mut stdout = io::stdout().lock();
        let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(Code::Other, ""),
            _ => Failure::new(Code::Other, format!("cannot write to standard output: {error}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_json_has_the_same_names_for_ever() {
        let mut report = Report::new(false);
        let mut line = report.line(Step::Tcp, Status::Failed, "a\nb").with("address", "[::1]:1");
        line.took = Duration::from_micros(12_345);
        let advice = Advice { class: "tcp-refused", means: "this.".to_owned(), tries: vec!["that.".to_owned()] };
        let line = line.advice(&advice);
        assert_eq!(line.to_string(), "failed  tcp             12.3 ms  a b\n  It means: this.\n  Try: that.");
        assert_eq!(
            line.json(),
            r#"{"address":"[::1]:1","class":"tcp-refused","means":"this.","seconds":0.012345,"status":"failed","step":"tcp","text":"a\nb","try":["that."]}"#
        );
    }
}
