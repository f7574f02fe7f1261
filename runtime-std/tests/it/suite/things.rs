//! Things over real ports: terminals that are plugged and unplugged, sockets, and files that cannot be written.

#[path = "../../../src/bin/thingwire/played.rs"]
#[allow(dead_code, reason = "the command uses the rest")]
pub(crate) mod played;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::termios::{ControlModes, InputModes, LocalModes, tcgetattr};
use serde_json::{Value, json};
use tempfile::TempDir;
use thingwire_core::thing::lines::{Lines, Mirror, words};
use thingwire_core::thing::{FlowControl, Note, Parity, Port, StopBits, Thing, ThingNotice, WishError};
use thingwire_sim::double::Double;
use thingwire_sim::shadow;

use self::played::{Happened, Played};
use super::support::{PATIENCE, double, plain};
use crate::runtime::{
    BackoffConfig, Client, OpenPort, PortFault, RunningThing, ShadowName, ThingError, ThingNews, ThingOptions,
};

pub(crate) fn relay(property: &str) -> Lines {
    Lines::new(property)
        .property(property, words([("ON", true), ("OFF", false)]))
        .query("RELAY?", format!("RELAY{{{property}}}"))
        .command(property, format!("RELAY{{{property}}}"))
        .poll_every(Duration::from_millis(200))
}

/// A device behind a terminal that has always the same name.
fn plug(property: &str, link: &Path) -> Played {
    Played::on_terminal(Mirror::new(&relay(property)).unwrap(), Some(link), |_| ()).unwrap()
}

/// The same, and all that happens to it.
fn plug_and_listen(property: &str, link: &Path) -> (Played, Receiver<Happened>) {
    let (sender, happened) = mpsc::channel();
    let tell = move |what| sender.send(what).unwrap_or(());
    (Played::on_terminal(Mirror::new(&relay(property)).unwrap(), Some(link), tell).unwrap(), happened)
}

/// A thing of relays, whose ports are opened again at once.
pub(crate) fn options(properties: &[&str]) -> ThingOptions {
    let builder = properties
        .iter()
        .fold(Thing::builder(), |builder, property| builder.component(*property, relay(property).build().unwrap()));
    ThingOptions::new(builder, ShadowName::classic("bench").unwrap()).reopen(soon())
}

fn soon() -> BackoffConfig {
    let mut reopen = BackoffConfig::default();
    reopen.base = Duration::from_millis(10);
    reopen.max = Duration::from_millis(50);
    reopen.floor = Duration::ZERO;
    reopen
}

pub(crate) struct Bench {
    double: Double,
    pub(crate) client: Client,
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let double = double();
        let client = Client::connect(plain(&double, "bench")).unwrap();
        Self { double, client, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn state(&self) -> Value {
        let name = shadow::ShadowName::classic("bench").unwrap();
        let mut state = self.double.shadow(&name).map_or(Value::Null, |mut shadow| shadow["state"].take());
        if let Some(sections) = state.as_object_mut() {
            sections.remove("delta");
        }
        state
    }

    pub(crate) fn wish(&self, state: &Value) {
        let name = shadow::ShadowName::classic("bench").unwrap();
        self.double.update_shadow(&name, &json!({ "state": { "desired": state } }).to_string()).unwrap();
    }

    /// Waits until the shadow is this. Every change of the thing's is told when it is there.
    pub(crate) fn until(&self, thing: &RunningThing, state: &Value) {
        let mut seen = Vec::new();
        while &self.state() != state {
            let news = thing.news(PATIENCE);
            seen.push(news.unwrap_or_else(|| panic!("{} is not {state}; {seen:?}", self.state())));
        }
    }
}

fn hear<T>(thing: &RunningThing, mut fits: impl FnMut(&ThingNews) -> Option<T>) -> T {
    let mut seen = Vec::new();
    loop {
        let news = thing.news(PATIENCE).unwrap_or_else(|| panic!("it did not come; these did: {seen:?}"));
        if let Some(found) = fits(&news) {
            return found;
        }
        seen.push(news);
    }
}

pub(crate) fn fault(thing: &RunningThing) -> (String, PortFault) {
    hear(thing, |news| match news {
        ThingNews::PortFailed { component, error, .. } => Some((component.clone(), error.why.clone())),
        _ => None,
    })
}

pub(crate) fn opened(thing: &RunningThing, wanted: &str) {
    hear(thing, |news| matches!(news, ThingNews::PortOpen { component, .. } if component == wanted).then_some(()));
}

pub(crate) fn both(property: &str, value: bool) -> Value {
    json!({ "desired": { property: value }, "reported": { property: value } })
}

#[test]
fn the_shadow_follows_the_device_and_the_device_the_shadow() {
    let bench = Bench::new();
    let device = plug("lamp", &bench.path("tty"));
    let thing = bench.client.run_thing(options(&["lamp"]).port("lamp", device.port().clone())).unwrap();
    bench.until(&thing, &json!({ "reported": { "lamp": true } }));
    bench.wish(&json!({ "lamp": false }));
    assert!(device.wait_for("lamp", &json!(false), PATIENCE));
    bench.until(&thing, &both("lamp", false));
    device.turn("lamp", "ON").unwrap();
    bench.until(&thing, &both("lamp", true));
    thing.set("lamp", false).unwrap();
    bench.until(&thing, &both("lamp", false));
    assert_eq!(device.value("lamp"), Some(json!(false)));
    let is_off = |thing: &RunningThing| {
        let lamp = thing.property("lamp").unwrap();
        (lamp.actual, lamp.reported, lamp.wanted) == (Some(json!(false)), Some(json!(false)), None)
    };
    // The service has it before it says so.
    while !is_off(&thing) {
        thing.news(PATIENCE).unwrap();
    }
    assert_eq!(bench.double.violations(), []);
}

#[test]
fn what_is_unplugged_keeps_its_wishes_until_it_is_back() {
    let bench = Bench::new();
    let device = plug("lamp", &bench.path("tty"));
    let thing = bench.client.run_thing(options(&["lamp"]).port("lamp", Port::serial(bench.path("tty")))).unwrap();
    bench.until(&thing, &json!({ "reported": { "lamp": true } }));
    drop(device);
    assert_eq!(fault(&thing), ("lamp".to_owned(), PortFault::Closed));
    assert_eq!(fault(&thing), ("lamp".to_owned(), PortFault::Missing));
    bench.wish(&json!({ "lamp": false }));
    let device = plug("lamp", &bench.path("tty"));
    opened(&thing, "lamp");
    assert!(device.wait_for("lamp", &json!(false), PATIENCE));
    bench.until(&thing, &both("lamp", false));
}

#[test]
fn a_port_that_is_missing_at_the_start_is_opened_when_it_appears() {
    let bench = Bench::new();
    let thing = bench.client.run_thing(options(&["lamp"]).port("lamp", Port::serial(bench.path("tty")))).unwrap();
    assert_eq!(fault(&thing), ("lamp".to_owned(), PortFault::Missing));
    let _device = plug("lamp", &bench.path("tty"));
    bench.until(&thing, &json!({ "reported": { "lamp": true } }));
}

#[test]
fn a_component_that_vanishes_does_not_disturb_another() {
    let bench = Bench::new();
    let [lamp, fan] = ["lamp", "fan"].map(|name| plug(name, &bench.path(name)));
    let ports = |options: ThingOptions, name: &str| options.port(name, Port::serial(bench.path(name)));
    let options = ["lamp", "fan"].into_iter().fold(options(&["lamp", "fan"]), ports);
    let thing = bench.client.run_thing(options).unwrap();
    bench.until(&thing, &json!({ "reported": { "lamp": true, "fan": true } }));
    drop(lamp);
    assert_eq!(fault(&thing).0, "lamp");
    bench.wish(&json!({ "lamp": false, "fan": false }));
    assert!(fan.wait_for("fan", &json!(false), PATIENCE));
    bench.until(
        &thing,
        &json!({ "desired": { "lamp": false, "fan": false }, "reported": { "lamp": true, "fan": false } }),
    );
    fan.turn("fan", "ON").unwrap();
    bench.until(
        &thing,
        &json!({ "desired": { "lamp": false, "fan": true }, "reported": { "lamp": true, "fan": true } }),
    );
}

#[test]
fn garbage_is_told_and_harms_nobody() {
    let bench = Bench::new();
    let device = plug("lamp", &bench.path("tty"));
    let thing = bench.client.run_thing(options(&["lamp"]).port("lamp", device.port().clone())).unwrap();
    bench.until(&thing, &json!({ "reported": { "lamp": true } }));
    device.babble(b"\xff\xfe\0\r\nWHAT?\r\n");
    hear(&thing, |news| {
        let is_it = |line: &str| line == "WHAT?";
        matches!(news, ThingNews::Device { component, note: Note::NotUnderstood { line } } if component == "lamp" && is_it(line)).then_some(())
    });
    device.babble("x".repeat(100_000).as_bytes());
    hear(&thing, |news| matches!(news, ThingNews::Device { note: Note::TooLong { .. }, .. }).then_some(()));
    device.babble(b"\r\n");
    bench.wish(&json!({ "lamp": false }));
    assert!(device.wait_for("lamp", &json!(false), PATIENCE));
    bench.until(&thing, &both("lamp", false));
}

#[test]
fn sockets_are_ports_too() {
    let bench = Bench::new();
    let mirror = |name| Mirror::new(&relay(name)).unwrap();
    let lamp = Played::on_tcp(mirror("lamp"), "127.0.0.1:0", |_| ()).unwrap();
    let fan = Played::on_unix(mirror("fan"), &bench.path("fan"), |_| ()).unwrap();
    let options = options(&["lamp", "fan"]).port("lamp", lamp.port().clone()).port("fan", fan.port().clone());
    let thing = bench.client.run_thing(options).unwrap();
    bench.until(&thing, &json!({ "reported": { "lamp": true, "fan": true } }));
    bench.wish(&json!({ "lamp": false, "fan": false }));
    assert!(lamp.wait_for("lamp", &json!(false), PATIENCE) && fan.wait_for("fan", &json!(false), PATIENCE));
    drop(lamp);
    let gone = fault(&thing);
    assert_eq!(gone.0, "lamp");
    drop(fan);
    assert_eq!(
        hear(&thing, |news| match news {
            ThingNews::PortFailed { component, error, .. } if component == "fan" => Some(error.why.clone()),
            _ => None,
        }),
        PortFault::Closed
    );
}

#[test]
fn whatever_can_be_waited_for_is_a_port() {
    let bench = Bench::new();
    let (sender, ends) = mpsc::channel();
    let open = move || {
        let (ours, theirs) = UnixStream::pair()?;
        sender.send(theirs).unwrap();
        OpenPort::try_from(ours)
    };
    let thing = bench.client.run_thing(options(&["lamp"]).port_with("lamp", "a pair", open)).unwrap();
    for value in [true, false] {
        let mut end = ends.recv_timeout(PATIENCE).unwrap();
        let mut asked = [0; 7];
        end.read_exact(&mut asked).unwrap();
        assert_eq!(&asked, b"RELAY?\n");
        end.write_all(if value { b"RELAYON\n" } else { b"RELAYOFF\n" }).unwrap();
        hear(&thing, |news| {
            let is_it = |new: &Value| *new == json!(value);
            matches!(news, ThingNews::Thing(ThingNotice::Changed { new, .. }) if is_it(new)).then_some(())
        });
        drop(end);
        assert_eq!(fault(&thing).1, PortFault::Closed);
    }
}

#[test]
fn a_port_belongs_to_one_alone() {
    let bench = Bench::new();
    let device = plug("lamp", &bench.path("tty"));
    let one = bench.client.run_thing(options(&["lamp"]).port("lamp", device.port().clone())).unwrap();
    opened(&one, "lamp");
    let other = bench.client.run_thing(options(&["lamp"]).port("lamp", device.port().clone())).unwrap();
    assert_eq!(fault(&other).1, PortFault::InUse);
    assert!(one.stop(PATIENCE));
    opened(&other, "lamp");
}

#[test]
fn what_is_no_port_is_said() {
    let bench = Bench::new();
    std::fs::write(bench.path("file"), "text").unwrap();
    let cases = [
        (Port::from(Port::serial(bench.path("file"))), PortFault::NotSerial),
        (Port::unix(bench.path("nothing")), PortFault::NoSocket),
        (Port::unix(bench.path("file")), PortFault::Refused),
    ];
    for (port, why) in cases {
        let thing = bench.client.run_thing(options(&["lamp"]).port("lamp", port)).unwrap();
        assert_eq!(fault(&thing).1, why);
    }
}

/// A terminal has eight bits and no parity whatever is asked for; the rest is as on a wire.
#[test]
fn a_serial_port_has_the_settings_that_it_is_given() {
    let bench = Bench::new();
    let _device = plug("lamp", &bench.path("tty"));
    let port = Port::serial(bench.path("tty"));
    let open = OpenPort::open(&port.clone().into()).unwrap();
    let settings = tcgetattr(&open).unwrap();
    assert_eq!(settings.output_speed(), 9600);
    assert!(!settings.local_modes.intersects(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
    assert!(settings.control_modes.contains(ControlModes::CREAD | ControlModes::CLOCAL));
    assert!(!settings.input_modes.intersects(InputModes::IXON | InputModes::IXOFF | InputModes::INPCK));
    drop(open);
    let port = port.baud(250_000).stop_bits(StopBits::Two).parity(Parity::Odd).flow(FlowControl::Software);
    let open = OpenPort::open(&port.into()).unwrap();
    let settings = tcgetattr(&open).unwrap();
    assert_eq!(settings.output_speed(), 250_000);
    assert!(settings.control_modes.contains(ControlModes::CSTOPB));
    assert!(settings.input_modes.contains(InputModes::IXON | InputModes::IXOFF | InputModes::INPCK));
}

#[test]
fn a_wish_that_was_done_is_not_done_again_after_a_restart() {
    let bench = Bench::new();
    let (device, happened) = plug_and_listen("lamp", &bench.path("tty"));
    let start = || {
        let options = options(&["lamp"]).port("lamp", device.port().clone()).memory(bench.path("memory"));
        bench.client.run_thing(options).unwrap()
    };
    let thing = start();
    bench.until(&thing, &json!({ "reported": { "lamp": true } }));
    bench.wish(&json!({ "lamp": false }));
    bench.until(&thing, &both("lamp", false));
    assert!(thing.stop(PATIENCE));
    assert_eq!((thing.property("lamp"), thing.set("lamp", true).is_err()), (None, true));
    device.turn("lamp", "ON").unwrap();
    let before = happened.try_iter().count();
    assert!(before > 0);
    let thing = start();
    bench.until(&thing, &both("lamp", true));
    let told: Vec<_> =
        happened.try_iter().filter(|what| matches!(what, Happened::Heard(line) if line != "RELAY?")).collect();
    assert_eq!(told, [], "it moves desired along, and tells the device nothing");
}

#[test]
fn a_memory_that_cannot_be_kept_is_told_and_nothing_else_stops() {
    let bench = Bench::new();
    let device = plug("lamp", &bench.path("tty"));
    // A folder is neither read nor replaced.
    let folder = bench.path("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("file"), "").unwrap();
    let options = options(&["lamp"]).port("lamp", device.port().clone()).memory(&folder);
    let thing = bench.client.run_thing(options).unwrap();
    hear(&thing, |news| matches!(news, ThingNews::NotRemembered { path, .. } if *path == folder).then_some(()));
    bench.wish(&json!({ "lamp": false }));
    hear(&thing, |news| matches!(news, ThingNews::NotKept { path, .. } if *path == folder).then_some(()));
    bench.until(&thing, &both("lamp", false));
    device.turn("lamp", "ON").unwrap();
    bench.until(&thing, &both("lamp", true));
    assert!(thing.stop(PATIENCE));
}

#[test]
fn several_things_have_one_client_and_end_one_by_one() {
    let bench = Bench::new();
    let [lamp, fan] = ["lamp", "fan"].map(|name| plug(name, &bench.path(name)));
    let one = bench.client.run_thing(options(&["lamp"]).port("lamp", lamp.port().clone())).unwrap();
    let shadow = ShadowName::named("bench", "fan").unwrap();
    let builder = Thing::builder().component("fan", relay("fan").build().unwrap());
    let other = ThingOptions::new(builder, shadow).port("fan", fan.port().clone());
    let other = bench.client.run_thing(other).unwrap();
    bench.until(&one, &json!({ "reported": { "lamp": true } }));
    assert!(other.stop(PATIENCE));
    assert_eq!(other.properties(), [""; 0]);
    bench.wish(&json!({ "lamp": false }));
    bench.until(&one, &both("lamp", false));
    let client = bench.client.clone();
    drop(one);
    drop(other);
    client.wait_ready(PATIENCE).unwrap();
}

#[test]
fn a_thing_that_contradicts_itself_does_not_run() {
    let bench = Bench::new();
    let run = |options| bench.client.run_thing(options).err();
    let no_such = ThingError::NoSuchComponent { name: "fan".to_owned() };
    assert_eq!(run(options(&["lamp"]).port("fan", Port::tcp("localhost", 1))), Some(no_such));
    let port = || Port::tcp("localhost", 1);
    let two = ThingError::TwoPorts { name: "lamp".to_owned() };
    assert_eq!(run(options(&["lamp"]).port("lamp", port()).port("lamp", port())), Some(two));
    assert!(matches!(run(options(&["lamp", "lamp"])), Some(ThingError::Build(_))));
    let thing = bench.client.run_thing(options(&["lamp"])).unwrap();
    assert_eq!(thing.set("fan", true), Err(WishError::Unknown));
}
