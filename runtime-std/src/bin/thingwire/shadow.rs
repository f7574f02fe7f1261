//! `thingwire shadow get`, `update` and `delete`.

use std::io::{self, Read, Write};
use std::time::Duration;

use serde_json::value::RawValue;
use thingwire_std::{
    Document, Notice, Refusal, Rejection, ShadowError, ShadowName, ShadowOperation, ShadowRequest, ShadowUpdate,
    Unsent, WhenOffline,
};

use crate::connection::Connection;
use crate::failure::{Code, Failure};
use crate::shadow_args::{NameArguments, RequestArguments, ShadowArguments, ShadowCommand, UpdateArguments};
use crate::shadow_watch;

/// More than any shadow may have.
const DOCUMENT_LEN_MAX: u64 = 1024 * 1024;

pub(crate) fn run(arguments: ShadowArguments) -> Result<(), Failure> {
    match arguments.command {
        ShadowCommand::Get(arguments) => ask(&arguments, ShadowRequest::get),
        ShadowCommand::Delete(arguments) => ask(&arguments.request, ShadowRequest::delete),
        ShadowCommand::Update(arguments) => {
            let update = update(&arguments)?;
            ask(&arguments.request, |shadow| ShadowRequest::update(shadow, update))
        }
        ShadowCommand::Watch(arguments) => shadow_watch::run(&arguments),
    }
}

/// Which shadow, with the flag that is wrong.
pub(crate) fn name(arguments: &NameArguments) -> Result<ShadowName, Failure> {
    let thing = ShadowName::classic(&arguments.thing).map_err(|error| Failure::usage(format!("--thing: {error}")))?;
    let Some(shadow) = &arguments.name else { return Ok(thing) };
    ShadowName::named(&arguments.thing, shadow).map_err(|error| Failure::usage(format!("--name: {error}")))
}

/// What is to be changed.
fn update(arguments: &UpdateArguments) -> Result<ShadowUpdate, Failure> {
    let UpdateArguments { document, desired, reported, version, .. } = arguments;
    let sections = [("--desired", desired), ("--reported", reported)];
    let sections: Vec<_> = sections.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))).collect();
    let (what, text) = match (document, &sections[..]) {
        (Some(document), []) => ("DOCUMENT", read("DOCUMENT", document)?),
        (None, [(one, _)]) => (*one, of_sections(&sections)?),
        (None, [_, ..]) => ("--desired and --reported", of_sections(&sections)?),
        _ => {
            return Err(Failure::usage(
                "give either DOCUMENT, as JSON, @PATH or -, or --desired and --reported, one or both",
            ));
        }
    };
    let update = ShadowUpdate::from_json(text).map_err(|error| Failure::usage(format!("{what}: {error}")))?;
    Ok(if let Some(version) = version { update.version(*version) } else { update })
}

fn of_sections(sections: &[(&str, &String)]) -> Result<Vec<u8>, Failure> {
    if sections.iter().filter(|(_, source)| *source == "-").count() > 1 {
        return Err(Failure::usage("standard input can be only one of --desired and --reported"));
    }
    let mut members = Vec::new();
    for (flag, source) in sections {
        let text = read(flag, source)?;
        // Checked here, where line and column are the user's own.
        let json: &RawValue =
            serde_json::from_slice(&text).map_err(|error| Failure::usage(format!("{flag}: not JSON: {error}")))?;
        members.push(format!("\"{}\":{json}", flag.trim_start_matches('-')));
    }
    Ok(format!("{{\"state\":{{{}}}}}", members.join(",")).into_bytes())
}

/// The text itself, or what it says to read.
fn read(what: &str, source: &str) -> Result<Vec<u8>, Failure> {
    let (place, text) = if source == "-" {
        ("standard input", read_all(io::stdin().lock()))
    } else if let Some(path) = source.strip_prefix('@') {
        (path, std::fs::File::open(path).and_then(read_all))
    } else {
        return Ok(source.as_bytes().to_vec());
    };
    let text = text.map_err(|error| Failure::usage(format!("{what}: cannot read {place}: {error}")))?;
    if text.trim_ascii().is_empty() {
        return Err(Failure::usage(format!("{what}: {place} is empty; a JSON object is expected")));
    }
    Ok(text)
}

fn read_all(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(DOCUMENT_LEN_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > DOCUMENT_LEN_MAX {
        return Err(io::Error::other("it has more than 1 MiB, and a shadow less"));
    }
    Ok(bytes)
}

/// Asks, and writes the answer to standard output.
fn ask(arguments: &RequestArguments, request: impl FnOnce(ShadowName) -> ShadowRequest) -> Result<(), Failure> {
    let shadow = name(&arguments.shadow)?;
    let request = request(shadow.clone()).timeout(arguments.timeout);
    let mut connection = Connection::new(&arguments.connection, |_| {})?;
    // Without a connection it is refused for that, unless more is wrong with it: then nobody need connect.
    if let Some(refused) = connection.driver.ask_shadow(request.clone()).err().filter(|no| no.why != Refusal::Offline) {
        return Err(Failure::refusal(&format!("shadow {shadow}"), &refused.why));
    }
    connection.start();
    let mut asker = Asker { connection: &mut connection, shadow, timeout: arguments.timeout };
    let result = asker.run(request).and_then(|document| write(&document));
    connection.stop();
    result
}

fn write(document: &Document) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(&document.raw).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Code::Other, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

struct Asker<'a> {
    connection: &'a mut Connection,
    shadow: ShadowName,
    timeout: Duration,
}

impl Asker<'_> {
    fn run(&mut self, request: ShadowRequest) -> Result<Document, Failure> {
        self.online()?;
        let updates = matches!(request.operation, ShadowOperation::Update(_));
        match self.answer(request)? {
            Ok(document) => Ok(document),
            Err(ShadowError::Rejected(why)) => Err(self.rejected(&why, updates)),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn online(&mut self) -> Result<(), Failure> {
        while !matches!(self.connection.next(None)?, Some(Notice::Online { .. })) {}
        Ok(())
    }

    fn answer(&mut self, request: ShadowRequest) -> Result<Result<Document, ShadowError>, Failure> {
        let changes = request.operation != ShadowOperation::Get;
        let asked = self.connection.driver.ask_shadow(request.when_offline(WhenOffline::Wait));
        let ticket = asked.map_err(|no| Failure::refusal(&format!("shadow {}", self.shadow), &no.why))?;
        loop {
            let notice = self.connection.next(None).map_err(|failure| {
                failure.or_if_silent(|| changes.then(|| "interrupted: it may have been done, or not".to_owned()))
            })?;
            match notice {
                Some(Notice::Done { ticket: done, outcome }) if done == ticket => return Ok(outcome.into_document()),
                _ => {}
            }
        }
    }

    fn rejected(&mut self, why: &Rejection, updates: bool) -> Failure {
        let Self { shadow, .. } = self;
        let hint = match why.status() {
            Some(401 | 403) => "; check that the policy allows it".to_owned(),
            Some(404) if !updates => {
                let what = shadow.shadow().map_or_else(String::new, |name| format!(" named {name}"));
                format!("; thing {} has no shadow{what} until an update makes it", shadow.thing())
            }
            Some(409) if updates => self.version().map_or_else(String::new, |version| {
                format!("; it is at version {version}: read it, and try again with --version {version}")
            }),
            Some(413) => "; set what the shadow does not need to null".to_owned(),
            Some(429 | 500..=599) => "; try again later".to_owned(),
            _ => String::new(),
        };
        Failure::new(Code::Rejected, format!("shadow {}: {why}{hint}", self.shadow))
    }

    /// The version that the shadow has now, if it can be read.
    fn version(&mut self) -> Option<u64> {
        let get = ShadowRequest::get(self.shadow.clone()).timeout(self.timeout);
        self.answer(get).ok()?.ok()?.version
    }

    fn failed(&self, error: &ShadowError) -> Failure {
        let (code, hint) = match error {
            ShadowError::Unsent(Unsent::SubscriptionRefused) | ShadowError::ConnectionClosed { .. } => {
                (Code::Refused, "")
            }
            ShadowError::Unsent(_) => (Code::Network, ""),
            ShadowError::TimedOut => {
                (Code::Unanswered, "; check that the policy allows iot:Publish and iot:Receive for its topics")
            }
            _ => (Code::Other, ""),
        };
        Failure::new(code, format!("shadow {}: {error}{hint}", self.shadow))
    }
}
