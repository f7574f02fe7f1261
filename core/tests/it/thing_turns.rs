//! What is asked and told in which turn, and how far a command has come.

use core::time::Duration;

use thingwire_core::thing::lines::{Lines, codec, flag, number, template, words};
use thingwire_core::thing::{ComponentEvent, PropertyId, SetId};

use crate::thing_stand::Stand;

fn relay() -> Lines {
    Lines::new("relay")
        .property("relay", words([("ON", true), ("OFF", false)]))
        .query("RELAY?", "RELAY{relay}")
        .command("relay", "RELAY{relay}")
}

/// Lets the device obey, and answer questions only, for so many turns; what it was told and asked.
fn obeyed(stand: &mut Stand, turns: usize) -> Vec<String> {
    let mut said = Vec::new();
    let mut states: Vec<String> = Vec::new();
    for _ in 0..turns {
        stand.wait(20);
        for line in stand.sent() {
            match line.strip_suffix('?') {
                Some(name) => {
                    let state = states.iter().rev().find(|state| state.starts_with(name));
                    stand.says(&format!("{}\n", state.cloned().unwrap_or(format!("{name}0"))));
                }
                None => states.push(line.clone()),
            }
            said.push(line);
        }
    }
    said
}

#[test]
fn a_question_waits_for_three_commands_even_where_each_is_looked_at() {
    let mut lines = Lines::new("zones").property("T", number(0..=9)).query("T?", "T{T}");
    for zone in ["A", "B", "C", "D"] {
        let line = format!("{zone}{{{zone}}}");
        lines = lines.property(zone, flag()).query(format!("{zone}?"), line.clone()).command(zone, line);
    }
    let mut stand = Stand::up(&lines);
    stand.says("T0\n");
    assert_eq!(obeyed(&mut stand, 10), ["T?", "A?", "B?", "C?", "D?"]);
    stand.event(ComponentEvent::Refresh);
    assert_eq!(stand.sent(), ["T?"]);
    stand.event(ComponentEvent::Refresh);
    for (id, zone) in (1..).zip(["A", "B", "C", "D"]) {
        stand.set(id, zone, true);
    }
    stand.says("T0\n");
    assert_eq!(obeyed(&mut stand, 20), ["A1", "A?", "B1", "B?", "C1", "C?", "T?", "D1", "D?"]);
}

#[test]
fn what_was_told_is_looked_at_with_a_question_that_reads_it_and_makes_sense() {
    let lines = relay().property("dim", number(0..=9)).query("ALL?", "ALL{dim}").when("relay", true);
    let mut stand = Stand::up(&lines.query("DIM?", "DIM{dim}").command("dim", "DIM{dim}"));
    stand.says("RELAYOFF\n");
    stand.wait(20);
    stand.says("DIM1\n");
    stand.wait(20);
    assert_eq!(stand.sent(), ["RELAY?", "DIM?"]);
    stand.set(1, "dim", 5);
    stand.wait(20);
    assert_eq!(stand.sent(), ["DIM5", "DIM?"]);
}

#[test]
fn of_two_wishes_the_older_one_is_told_first() {
    let lines = relay().property("dim", number(0..=9)).query("DIM?", "DIM{dim}").command("dim", "DIM{dim}");
    let mut stand = Stand::up(&lines.unconfirmed());
    stand.set(1, "dim", 5);
    stand.set(2, "relay", true);
    stand.says("RELAYOFF\n");
    stand.wait(40);
    assert_eq!(stand.sent(), ["RELAY?", "DIM5", "RELAYON"]);
}

#[test]
fn of_two_wishes_that_show_alike_the_newer_one_is_told() {
    let bright = codec(
        |text: &str| ["DARK", "BRIGHT"].iter().position(|word| *word == text).map(|place| place * 100),
        |value| Some(if value.as_u64()? < 50 { "DARK" } else { "BRIGHT" }.to_owned()),
    );
    let told = template("LEVEL{level}").with("level", number(0..=100));
    let lines = Lines::new("lamp").property("level", bright).query("LAMP?", "LAMP {level}").command("level", told);
    let mut stand = Stand::up(&lines);
    stand.set(1, "level", 60);
    stand.set(2, "level", 70);
    stand.says("LAMP DARK\n");
    stand.wait(20);
    assert_eq!(stand.log(), ["> LAMP?", "failed 1: Replaced", "level = 0", "> LEVEL70"]);
}

/// Lets a device that never obeys answer for so long; how often it was told.
fn told_in_vain(stand: &mut Stand, span_ms: u64) -> (usize, Vec<String>) {
    let (mut told, mut failed) = (0, Vec::new());
    for _ in 0..span_ms / 10 {
        stand.wait(10);
        for line in stand.log() {
            match line.as_str() {
                "> RELAYON" => told += 1,
                "> RELAY?" => stand.says("RELAYOFF\n"),
                _ if line.starts_with("failed") => failed.push(line),
                _ => {}
            }
        }
    }
    (told, failed)
}

#[test]
fn a_wish_that_is_repeated_is_told_as_often_as_a_new_one_from_then_on() {
    let mut stand = Stand::up(&relay());
    assert_eq!(told_in_vain(&mut stand, 100), (0, Vec::new()));
    stand.set(1, "relay", true);
    assert_eq!(told_in_vain(&mut stand, 3_000), (2, Vec::new()));
    stand.set(2, "relay", true);
    let failed = ["failed 1: Replaced", "failed 2: NoAnswer { attempts: 3 }"].map(str::to_owned);
    assert_eq!(told_in_vain(&mut stand, 9_000), (2, failed.to_vec()));
}

#[test]
fn when_its_time_is_over_a_device_is_told_again_and_not_asked_once_more() {
    let mut stand = Stand::up(&relay().shown_within(Duration::from_millis(500)));
    stand.says("RELAYOFF\n");
    stand.wait(20);
    stand.log();
    stand.set(1, "relay", true);
    stand.wait(250);
    stand.says("RELAYOFF\n");
    assert_eq!(stand.log(), ["> RELAYON", "> RELAY?", "relay = false"]);
    stand.wait(249);
    assert_eq!(stand.log(), [""; 0]);
    stand.wait(1);
    assert_eq!(stand.log(), ["> RELAYON"]);
}

#[test]
fn a_question_about_two_commands_is_asked_though_one_of_them_shows_already() {
    let lines = Lines::new("lamps").property("a", flag()).property("b", flag()).query("?", "A{a}B{b}");
    let lines = lines.hears("A{a}").hears("B{b}").command("a", "A{a}").command("b", "B{b}");
    let mut stand = Stand::up(&lines);
    stand.says("A0B0\n");
    stand.wait(20);
    stand.set(1, "a", true);
    stand.wait(20);
    stand.set(2, "b", true);
    stand.says("A0B0\n");
    stand.wait(20);
    assert_eq!(stand.sent(), ["?", "A1", "?", "B1"]);
    stand.says("A1\n");
    stand.wait(20);
    assert_eq!(stand.log(), ["a = true", "done 1", "> ?"], "b is still to show");
}

#[test]
fn a_question_is_not_asked_for_a_command_that_shows_already() {
    let lines = relay().property("dim", number(0..=9)).query("DIM?", "DIM{dim}").command("dim", "DIM{dim}");
    let mut stand = Stand::up(&lines);
    stand.says("RELAYOFF\nDIM0\n");
    stand.wait(20);
    stand.says("DIM0\n");
    stand.wait(20);
    stand.log();
    stand.set(1, "relay", true);
    stand.set(2, "dim", 5);
    stand.says("RELAYON\n");
    stand.wait(20);
    assert_eq!(stand.log(), ["> RELAYON", "relay = true", "done 1", "> DIM5"]);
    stand.wait(20);
    assert_eq!(stand.log(), ["> DIM?"]);
}

#[test]
fn a_device_that_is_not_there_is_not_heard() {
    let mut stand = Stand::down(Box::new(relay().build().unwrap()));
    stand.says("RELAYON\n");
    assert_eq!(stand.log(), [""; 0]);
}

#[test]
fn a_property_that_is_none_cannot_be_set() {
    let mut stand = Stand::up(&relay());
    stand.log();
    for place in [1, 2, usize::MAX] {
        stand.event(ComponentEvent::Set { id: SetId(1), property: PropertyId(place), value: &true.into() });
        assert_eq!(stand.log(), ["failed 1: Unfit(Unfit(\"there is no such property\"))"], "{place}");
    }
}

#[test]
fn empty_lines_between_terminators_are_nothing_to_tell() {
    let mut stand = Stand::up(&relay().terminators(":", "\n"));
    stand.says("::RELAYON::");
    assert_eq!(stand.log(), ["> RELAY?", "relay = true"]);
}

#[test]
fn lines_that_never_came_back_do_not_hide_newer_ones() {
    let lines = Lines::new("lamp").write_only("dim", number(0..=99)).command("dim", "DIM{dim}").unconfirmed();
    let mut stand = Stand::up(&lines.echoes().timing(|timing| timing.gap = Duration::ZERO));
    for id in 1..=9 {
        stand.set(id, "dim", id);
    }
    stand.log();
    stand.says("DIM8\nDIM9\n");
    assert_eq!(stand.log(), [""; 0]);
}

#[test]
fn at_most_eight_lines_are_waited_for_to_come_back() {
    let lines = Lines::new("lamp").write_only("dim", number(0..=99)).command("dim", "DIM{dim}").unconfirmed();
    let mut stand = Stand::up(&lines.echoes().timing(|timing| timing.gap = Duration::ZERO));
    for id in 1..=10 {
        stand.set(id, "dim", id);
    }
    assert_eq!(stand.sent().len(), 10);
    for id in 1..=10 {
        stand.says(&format!("DIM{id}\n"));
    }
    assert_eq!(stand.log().len(), 2, "the others are echoes");
}
