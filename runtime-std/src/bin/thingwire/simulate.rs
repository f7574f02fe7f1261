//! `thingwire thing simulate`.

use std::io::{self, BufRead};
use std::sync::mpsc::{self, Sender};
use std::thread;

use thingwire_std::thingwire_core::thing::Port;
use thingwire_std::thingwire_core::thing::file::FileComponent;
use thingwire_std::thingwire_core::thing::lines::Mirror;

use crate::failure::{Code, Failure};
use crate::interrupt::Interrupt;
use crate::played::{Happened, Played};
use crate::say;
use crate::thing::{print, read, unless_unread};
use crate::thing_args::SimulateArguments;

pub(crate) fn run(arguments: &SimulateArguments) -> Result<(), Failure> {
    let file = read(&arguments.file)?;
    let component = component(arguments, &file.components)?;
    let (sender, events) = mpsc::channel();
    let interrupted = sender.clone();
    // After the end, nobody listens.
    let _interrupt = Interrupt::watch(move || drop(interrupted.send(Event::Interrupted)))?;
    let played = play(arguments, component, sender.clone())?;
    let name = &component.lines.name;
    let properties: Vec<_> = component.lines.properties.iter().map(|property| property.name.as_str()).collect();
    print(format_args!("{name} is at {}", played.port()))?;
    print(format_args!("type PROPERTY=VALUE to turn it by hand; it has: {}", properties.join(", ")))?;
    let failed = |error| Failure::new(Code::Other, format!("no thread to read standard input: {error}"));
    thread::Builder::new().name("stdin".to_owned()).spawn(move || read_lines(&sender)).map_err(failed)?;
    for event in events {
        let told = match event {
            Event::Happened(Happened::Heard(line)) => print(format_args!("heard {line:?}")),
            Event::Happened(Happened::Said(line)) => print(format_args!("said {line:?}")),
            Event::Happened(Happened::Changed(property, value)) => print(format_args!("{property} = {value}")),
            Event::Typed(line) => {
                turn(&played, &line);
                Ok(())
            }
            Event::Interrupted => break,
        };
        if told.is_err() {
            return unless_unread(told);
        }
    }
    Ok(())
}

enum Event {
    Happened(Happened),
    Typed(String),
    Interrupted,
}

fn component<'f>(arguments: &SimulateArguments, all: &'f [FileComponent]) -> Result<&'f FileComponent, Failure> {
    let names: Vec<_> = all.iter().map(|component| component.lines.name.as_str()).collect();
    let found = match (&arguments.component, all) {
        (Some(name), all) => all.iter().find(|component| component.lines.name == *name),
        (None, [one]) => Some(one),
        (None, _) => None,
    };
    let problem = || format!("--component: which one? The file has: {}", names.join(", "));
    found.ok_or_else(|| Failure::usage(problem()))
}

fn play(arguments: &SimulateArguments, component: &FileComponent, sender: Sender<Event>) -> Result<Played, Failure> {
    let mirror = Mirror::new(&component.lines).map_err(|mistakes| Failure::usage(mistakes.to_string()))?;
    let tell = move |happened| drop(sender.send(Event::Happened(happened)));
    match (&arguments.listen, &arguments.link) {
        (Some(port @ Port::Tcp { .. }), _) => Played::on_tcp(mirror, &port.to_string(), tell)
            .map_err(|error| listening(port, &error, "use another port, or end what has it")),
        (Some(port @ Port::Unix(path)), _) => Played::on_unix(mirror, path, tell)
            .map_err(|error| listening(port, &error, "use another path, or remove it")),
        (Some(_), _) => Err(Failure::usage("--listen is ADDRESS:PORT or unix:PATH")),
        (None, link) => Played::on_terminal(mirror, link.as_deref(), tell).map_err(|error| match link {
            Some(link) => Failure::usage(format!("--link {}: {error}; use another path, or remove it", link.display())),
            None => Failure::new(Code::Other, format!("no terminal to play it on: {error}")),
        }),
    }
}

fn listening(port: &Port, error: &io::Error, help: &str) -> Failure {
    Failure::usage(format!("--listen {port}: {error}; {help}"))
}

/// Standard input may end without anything else ending: there may be nobody to type.
fn read_lines(sender: &Sender<Event>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if sender.send(Event::Typed(line)).is_err() {
            return;
        }
    }
}

fn turn(played: &Played, line: &str) {
    match line.split_once('=') {
        Some((property, value)) => {
            if let Err(why) = played.turn(property.trim(), value.trim()) {
                say(format_args!("{line}: {why}"));
            }
        }
        None if line.trim().is_empty() => {}
        None => say(format_args!("{line}: expected PROPERTY=VALUE")),
    }
}
