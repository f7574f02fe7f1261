//! `thingwire thing check` and `run`.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use thingwire_std::thingwire_core::thing::file::{FileComponent, FileMistake, ThingFile};
use thingwire_std::thingwire_core::thing::{Access, Component, Port, ThingNotice};
use thingwire_std::{Client, Notice, RunningThing, SetupError, ShadowName, ThingError, ThingNews, ThingOptions};

use crate::connection;
use crate::failure::{Code, Failure};
use crate::interrupt::Interrupt;
use crate::recording::Recording;
use crate::thing_args::{CheckArguments, RunArguments, ThingArguments, ThingCommand};
use crate::{say, simulate};

/// How long the goodbyes may take.
const GOODBYE: Duration = Duration::from_secs(2);

pub(crate) fn run(arguments: ThingArguments) -> Result<(), Failure> {
    match arguments.command {
        ThingCommand::Check(arguments) => check(&arguments),
        ThingCommand::Run(arguments) => run_file(*arguments),
        ThingCommand::Simulate(arguments) => simulate::run(&arguments),
    }
}

/// The thing of a file. Each mistake is a line.
pub(crate) fn read(path: &Path) -> Result<ThingFile, Failure> {
    let failed = |error: io::Error| Failure::usage(format!("{}: {error}; check the path", path.display()));
    let source = std::fs::read_to_string(path).map_err(failed)?;
    ThingFile::parse(&source).map_err(|mistakes| {
        let line = |mistake: &FileMistake| format!("{}:{mistake}", path.display());
        if let Some((last, others)) = mistakes.0.split_last() {
            for mistake in others {
                say(line(mistake));
            }
            return Failure::usage(line(last));
        }
        Failure::usage(format!("{}: it describes no thing", path.display()))
    })
}

fn check(arguments: &CheckArguments) -> Result<(), Failure> {
    let file = read(&arguments.file)?;
    let name = file.thing.as_deref().unwrap_or("a thing without a name");
    let shadow = file.shadow.as_ref().map_or("its classic shadow".to_owned(), |shadow| format!("its shadow {shadow}"));
    print(format_args!("{name}, with {shadow}"))?;
    for component in &file.components {
        let port = component.port.as_ref().map_or("no port".to_owned(), Port::to_string);
        print(format_args!("  {} on {port}", component.lines.name))?;
        let built = component.lines.build().map_err(|mistakes| Failure::usage(mistakes.to_string()))?;
        for property in built.properties() {
            let access = match property.access {
                Access::Read => "read only",
                Access::Write => "write only",
                Access::ReadWrite => "read and write",
            };
            print(format_args!("    {}: {access}", property.name))?;
        }
    }
    Ok(())
}

fn run_file(mut arguments: RunArguments) -> Result<(), Failure> {
    let file = read(&arguments.file)?;
    let shadow = shadow(&arguments, &file)?;
    arguments.connection.client_id.get_or_insert_with(|| shadow.thing().to_owned());
    let options = connection::options(&arguments.connection)?;
    let endpoint = options.endpoint.to_string();
    let thing_options = thing_options(&arguments, &file, shadow)?;
    let (sender, events) = mpsc::channel();
    let interrupted = sender.clone();
    // The loop may have ended.
    let interrupt = Interrupt::watch(move || drop(interrupted.send(Event::Interrupted)))?;
    let client = Client::new(options)?;
    let recording = Recording::begin_with(arguments.connection.record.as_deref(), |change| {
        client.record(change)?;
        Ok(client.recording())
    })?;
    let thing = client.run_thing(thing_options).map_err(failed)?;
    if arguments.connection.plain {
        say("warning: --plain: without TLS, anybody on the way can read and change everything");
    }
    follow(&client, &thing, &sender)?;
    client.start();
    let mut teller = Teller { endpoint, verbose: arguments.connection.verbose, told: None };
    let mut result = Ok(());
    for event in events {
        result = match event {
            Event::Thing(news) => teller.thing(&news),
            Event::Client(notice) => teller.client(&notice),
            Event::Interrupted => break,
        };
        if result.is_err() || interrupt.check().is_err() {
            break;
        }
    }
    if !thing.stop(GOODBYE) {
        say("the memory is still being written; it may be incomplete");
    }
    client.stop(GOODBYE);
    if let Err(error) = recording.save(client.recording()) {
        say(error);
    }
    unless_unread(result)
}

/// Where nobody reads standard output any more, as in `thingwire thing simulate … | head -1`, that is the end.
pub(crate) fn unless_unread(result: Result<(), Failure>) -> Result<(), Failure> {
    match result {
        Err(failure) if failure.is_silent() => Ok(()),
        result => result,
    }
}

fn shadow(arguments: &RunArguments, file: &ThingFile) -> Result<ShadowName, Failure> {
    let Some(thing) = arguments.thing.as_ref().or(file.thing.as_ref()) else {
        let file = arguments.file.display();
        return Err(Failure::usage(format!(
            "{file} does not say which thing it is: add `thing = \"NAME\"`, or --thing"
        )));
    };
    let name = match arguments.name.as_ref().or(file.shadow.as_ref()) {
        Some(shadow) => ShadowName::named(thing, shadow),
        None => ShadowName::classic(thing),
    };
    name.map_err(|error| Failure::usage(error.to_string()))
}

fn thing_options(arguments: &RunArguments, file: &ThingFile, shadow: ShadowName) -> Result<ThingOptions, Failure> {
    let builder = file.builder().map_err(|mistakes| Failure::usage(mistakes.to_string()))?;
    let mut options = ThingOptions::new(builder, shadow);
    for (component, _) in &arguments.ports {
        if file.components.iter().all(|known| known.lines.name != *component) {
            return Err(Failure::usage(format!("--port: there is no component {component:?} in the file")));
        }
    }
    for component in &file.components {
        let name = &component.lines.name;
        let Some(port) = port(arguments, component) else {
            let problem =
                format!("{name:?} has no port: add `port = …` to {}, or --port {name}=PORT", arguments.file.display());
            return Err(Failure::usage(problem));
        };
        options = options.port(name, port);
    }
    Ok(match &arguments.memory {
        Some(path) => options.memory(path),
        None => options,
    })
}

/// What the flags say, with the settings of the file where both are serial ports.
fn port(arguments: &RunArguments, component: &FileComponent) -> Option<Port> {
    let given = arguments.ports.iter().rev().find(|(name, _)| *name == component.lines.name).map(|(_, port)| port);
    match (given, &component.port) {
        (Some(Port::Serial(given)), Some(Port::Serial(known))) => {
            let mut port = known.clone();
            port.path.clone_from(&given.path);
            Some(port.into())
        }
        (Some(given), _) => Some(given.clone()),
        (None, known) => known.clone(),
    }
}

fn failed(error: ThingError) -> Failure {
    match error {
        ThingError::Setup(error) => error.into(),
        error => Failure::usage(error.to_string()),
    }
}

/// What the command waits for.
enum Event {
    Thing(ThingNews),
    Client(Notice),
    Interrupted,
}

/// Has everything that happens sent here.
fn follow(client: &Client, thing: &RunningThing, sender: &Sender<Event>) -> Result<(), Failure> {
    let (notices, news) = (client.notices(), thing.clone());
    let (of_client, of_thing) = (sender.clone(), sender.clone());
    let system = |error| SetupError::System { why: format!("no thread for what happens: {error}") };
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    named("notices")
        .spawn(move || notices.map(Event::Client).try_for_each(|event| of_client.send(event)))
        .map_err(system)?;
    named("news").spawn(move || news.map(Event::Thing).try_for_each(|event| of_thing.send(event))).map_err(system)?;
    Ok(())
}

/// Tells what happens: what is as it should be on standard output, the rest on standard error.
struct Teller {
    endpoint: String,
    verbose: bool,
    /// Why there is no connection, as it was told last: a night without one is a line, not a thousand.
    told: Option<String>,
}

impl Teller {
    fn thing(&self, news: &ThingNews) -> Result<(), Failure> {
        match news {
            ThingNews::Thing(ThingNotice::Changed { property, new, cause, .. }) => {
                print(format_args!("{property} = {new}, by {cause}"))
            }
            ThingNews::Thing(ThingNotice::Accepted { .. }) | ThingNews::PortOpen { .. } | ThingNews::Kept { .. } => {
                print(news)
            }
            ThingNews::Thing(ThingNotice::Fulfilled { .. } | ThingNotice::NoShadow) if !self.verbose => Ok(()),
            news => {
                say(news);
                Ok(())
            }
        }
    }

    fn client(&mut self, notice: &Notice) -> Result<(), Failure> {
        match notice {
            Notice::Ready => {
                self.told = None;
                print(format_args!("connected to {}", self.endpoint))
            }
            Notice::Failed { why: Some(why), .. } => {
                let line = Failure::link(&self.endpoint, why).to_string();
                if self.verbose || self.told.as_ref() != Some(&line) {
                    say(&line);
                    self.told = Some(line);
                }
                Ok(())
            }
            Notice::Offline { why: Some(_), .. } => {
                say(notice);
                Ok(())
            }
            notice if self.verbose => {
                say(notice);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// One line on standard output.
pub(crate) fn print(line: impl fmt::Display) -> Result<(), Failure> {
    let line = line.to_string().replace(char::is_control, " ");
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        // Nobody reads it any more.
        io::ErrorKind::BrokenPipe => Failure::new(Code::Other, ""),
        _ => Failure::new(Code::Other, format!("cannot write to standard output: {error}")),
    })
}
