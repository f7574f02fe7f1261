//! `thingwire shadow watch`.

use serde_json::Value;
use thingwire_std::{Delta, Notice, Outcome, ShadowEvent, ShadowName, ShadowWatch};

use crate::connection::Connection;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::say;
use crate::shadow::name;
use crate::shadow_args::WatchArguments;

pub(crate) fn run(arguments: &WatchArguments) -> Result<(), Failure> {
    let shadow = name(&arguments.shadow)?;
    let mut connection = Connection::new(&arguments.connection, |_| {})?;
    let WatchArguments { documents, deletions, .. } = *arguments;
    let watch = ShadowWatch::deltas(shadow.clone()).documents(documents).deletions(deletions);
    connection
        .driver
        .watch_shadow(watch)
        .map_err(|refused| Failure::refusal(&format!("shadow {shadow}"), &refused.why))?;
    let output = Output::start(connection.driver.waker())?;
    connection.start();
    let result = Watcher { shadow, output, left: arguments.count, offline: false }.run(&mut connection);
    connection.stop();
    match result {
        // That is how it ends.
        Err(failure) if failure.is_interrupt() => Ok(()),
        result => result,
    }
}

struct Watcher {
    shadow: ShadowName,
    output: Output,
    /// How many lines are still wanted; `None` is all.
    left: Option<u64>,
    /// The user was told that there is no connection.
    offline: bool,
}

impl Watcher {
    fn run(mut self, connection: &mut Connection) -> Result<(), Failure> {
        while self.left != Some(0) || self.output.waiting() > 0 {
            match connection.next(None)? {
                Some(Notice::Shadow(notice)) => self.told(&notice.event, &notice.to_string(), connection.verbose)?,
                Some(notice @ (Notice::Offline { why: Some(_), .. } | Notice::Online { .. })) => {
                    self.connection_changed(&notice, connection.verbose);
                }
                Some(Notice::Done { outcome: Outcome::Subscribed(_), .. }) => {
                    connection.tell(|| format!("watching shadow {}", self.shadow));
                }
                _ => {}
            }
            if !self.output.settle(&mut connection.driver)? {
                break;
            }
            connection.pause_input(self.output.is_full());
        }
        Ok(())
    }

    fn told(&mut self, event: &ShadowEvent, words: &str, verbose: bool) -> Result<(), Failure> {
        match line(event) {
            Some(_) if self.left == Some(0) => {}
            Some(line) => {
                self.left = self.left.map(|left| left - 1);
                self.output.write(line.into_bytes(), None);
            }
            None if matches!(event, ShadowEvent::NotSubscribed | ShadowEvent::GivenUp { .. }) => {
                return Err(Failure::new(Code::Refused, words));
            }
            // With --verbose it was said by now.
            None if verbose => {}
            None => say(words),
        }
        Ok(())
    }

    /// A gap in what is told has to be known; with --verbose it is told anyway.
    fn connection_changed(&mut self, notice: &Notice, verbose: bool) {
        let offline = matches!(notice, Notice::Offline { .. });
        if offline != self.offline {
            self.offline = offline;
            if !verbose {
                say(notice);
            }
        }
    }
}

/// The event as one line of JSON, with what the service has said as it said it; `None` for what is not about the
/// shadow.
fn line(event: &ShadowEvent) -> Option<String> {
    let whole = |kind: &str, version: Option<u64>, field: &str, raw: &[u8]| {
        let version = version.map_or_else(|| "null".to_owned(), |version| version.to_string());
        let raw = String::from_utf8_lossy(raw);
        format!(r#"{{"event":"{kind}","version":{version},"{field}":{raw}}}"#)
    };
    let line = match event {
        ShadowEvent::Delta(delta) => delta_line(delta),
        ShadowEvent::Documents(documents) => {
            whole("documents", Some(documents.current.version), "message", &documents.raw)
        }
        ShadowEvent::Current(document) => whole("current", document.version, "document", &document.raw),
        ShadowEvent::Absent => r#"{"event":"absent"}"#.to_owned(),
        ShadowEvent::Deleted { version: Some(version) } => format!(r#"{{"event":"deleted","version":{version}}}"#),
        ShadowEvent::Deleted { version: None } => r#"{"event":"deleted"}"#.to_owned(),
        _ => return None,
    };
    // In JSON these stand only between the parts.
    Some(line.replace(['\n', '\r'], " "))
}

fn delta_line(delta: &Delta) -> String {
    let Delta { version, state, metadata, timestamp_secs, client_token, .. } = delta;
    let metadata = metadata.as_ref().map(|metadata| format!(r#","metadata":{metadata}"#));
    let timestamp = timestamp_secs.map(|seconds| format!(r#","timestamp":{seconds}"#));
    let token = client_token.as_deref().map(|token| format!(r#","clientToken":{}"#, Value::from(token)));
    let rest: String = [metadata, timestamp, token].into_iter().flatten().collect();
    format!(r#"{{"event":"delta","version":{version},"state":{state}{rest}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_says_stays_as_it_is_on_one_line() {
        let raw = "{\"version\":7,\n \"state\":{\"big\":18446744073709551616.50,\r\n\"text\":\"a\\nb\"},\"clientToken\":\"\\u00e9\"}";
        let delta = Delta::parse(raw.into()).expect("valid");
        let expected = "{\"event\":\"delta\",\"version\":7,\
                        \"state\":{\"big\":18446744073709551616.50,  \"text\":\"a\\nb\"},\"clientToken\":\"é\"}";
        assert_eq!(line(&ShadowEvent::Delta(delta)).as_deref(), Some(expected));
        let document = thingwire_std::Document::parse("{\n}".into()).expect("valid");
        let expected = r#"{"event":"current","version":null,"document":{ }}"#;
        assert_eq!(line(&ShadowEvent::Current(document)).as_deref(), Some(expected));
        assert_eq!(line(&ShadowEvent::NotSubscribed), None);
    }
}
