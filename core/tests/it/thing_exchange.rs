//! Who speaks when, what is waited for, and what a line means: one exchange at a time, on virtual time.

use core::time::Duration;

use thingwire_core::thing::ComponentEvent;
use thingwire_core::thing::lines::{Framing, Lines, decimal, flag, number, template, text, words};

use crate::thing_stand::Stand;

fn relay() -> Lines {
    Lines::new("relay")
        .property("relay", words([("ON", true), ("OFF", false)]))
        .query("RELAY?", "RELAY{relay}")
        .command("relay", "RELAY{relay}")
        .poll_every(Duration::from_secs(5))
}

/// Two values that are said without saying which.
fn bare() -> Lines {
    Lines::new("meter")
        .property("volts", number(0..=999))
        .property("amperes", number(0..=999))
        .query("VOLT?", template("{volts}").when_asked())
        .query("AMP?", template("{amperes}").when_asked())
        .poll_every(Duration::from_secs(60))
}

#[test]
fn a_device_is_read_as_soon_as_it_is_there() {
    let mut stand = Stand::up(&relay());
    assert_eq!(stand.log(), ["> RELAY?"]);
    stand.says("RELAYON\n");
    assert_eq!(stand.log(), ["relay = true"]);
}

/// pyIOT's README relay took `False` for nothing, and never reported it.
#[test]
fn off_is_a_value_like_any_other() {
    let mut stand = Stand::up(&relay());
    stand.says("RELAYOFF\n");
    assert_eq!(stand.log(), ["> RELAY?", "relay = false"]);
}

/// pyIOT's README relay was told without a line end.
#[test]
fn every_line_to_the_device_has_its_end() {
    let mut actions = Vec::new();
    let mut component = relay().build().unwrap();
    let up = ComponentEvent::Up;
    thingwire_core::thing::Component::handle(&mut component, thingwire_core::Instant::EPOCH, up, &mut actions);
    assert_eq!(actions, [thingwire_core::thing::ComponentAction::Send(b"RELAY?\n".to_vec())]);
}

#[test]
fn a_property_is_set_when_the_device_shows_it() {
    let mut stand = Stand::up(&relay());
    stand.says("RELAYOFF\n");
    stand.wait(100);
    stand.log();
    stand.set(1, "relay", true);
    assert_eq!(stand.log(), ["> RELAYON"]);
    stand.wait(20);
    assert_eq!(stand.log(), ["> RELAY?"], "it is looked at, after the gap");
    stand.says("RELAYON\n");
    assert_eq!(stand.log(), ["relay = true", "done 1"]);
}

#[test]
fn a_slow_device_is_asked_again_and_told_once() {
    let mut stand = Stand::up(&relay());
    stand.says("RELAYOFF\n");
    stand.wait(100);
    stand.set(1, "relay", true);
    stand.wait(20);
    stand.log();
    for _ in 0..3 {
        stand.says("RELAYOFF\n");
        assert_eq!(stand.log(), ["relay = false"]);
        stand.wait(250);
        assert_eq!(stand.log(), ["> RELAY?"]);
    }
    stand.says("RELAYON\n");
    assert_eq!(stand.log(), ["relay = true", "done 1"]);
}

#[test]
fn a_value_that_shows_before_it_was_told_is_told_all_the_same() {
    let mut stand = Stand::up(&relay());
    stand.set(1, "relay", true);
    stand.says("RELAYON\n");
    assert_eq!(stand.log(), ["> RELAY?", "relay = true"], "it may have changed again by now");
    stand.wait(20);
    assert_eq!(stand.log(), ["> RELAYON"]);
}

#[test]
fn a_device_that_tells_by_itself_what_it_was_set_to_is_not_asked() {
    let mut stand = Stand::up(&relay());
    stand.says("RELAYOFF\n");
    stand.wait(100);
    stand.set(1, "relay", true);
    stand.says("RELAYON\n");
    stand.wait(1_000);
    assert_eq!(stand.log()[2..], ["> RELAYON", "relay = true", "done 1"]);
}

#[test]
fn a_device_that_does_not_obey_is_told_three_times() {
    let mut stand = Stand::up(&relay());
    stand.says("RELAYOFF\n");
    stand.wait(100);
    stand.log();
    stand.set(1, "relay", true);
    let mut told = 0;
    for _ in 0..200 {
        stand.wait(50);
        for line in stand.log() {
            told += u32::from(line == "> RELAYON");
            match line.as_str() {
                "> RELAY?" => stand.says("RELAYOFF\n"),
                "failed 1: NoAnswer { attempts: 3 }" => {
                    assert_eq!(told, 3);
                    return;
                }
                _ => {}
            }
        }
    }
    panic!("never given up");
}

#[test]
fn nothing_is_given_up_while_the_device_is_being_asked_about_it() {
    let mut stand = Stand::up(&relay().timing(|timing| timing.attempts = 1));
    stand.says("RELAYOFF\n");
    stand.wait(100);
    stand.set(1, "relay", true);
    stand.wait(2_005);
    stand.event(ComponentEvent::Wake);
    stand.says("RELAYON\n");
    assert_eq!(stand.log()[2..], ["> RELAYON", "> RELAY?", "relay = true", "done 1"]);
    stand.set(2, "relay", false);
    stand.wait(2_100);
    let log = stand.log();
    assert!(log.contains(&"failed 2: NoAnswer { attempts: 1 }".to_owned()), "{log:?}");
}

#[test]
fn a_device_that_says_nothing_is_reported_once_and_asked_again_with_the_polls() {
    let mut stand = Stand::up(&relay());
    stand.wait(6_000);
    assert_eq!(stand.log(), ["> RELAY?"; 3]);
    stand.wait(100);
    assert_eq!(stand.log(), ["note Silent { question: \"RELAY?\" }", "> RELAY?"]);
    stand.wait(20_000);
    assert!(stand.log().iter().all(|line| line == "> RELAY?"));
    stand.says("RELAYON\n");
    assert_eq!(stand.log(), ["relay = true"]);
    stand.wait(20_000);
    let notes = stand.log().into_iter().filter(|line| line.starts_with("note")).count();
    assert_eq!(notes, 1, "it had answered, so that is news");
}

#[test]
fn a_silent_device_that_is_not_polled_is_asked_again_after_a_while() {
    let mut lines = relay();
    lines.poll_every = None;
    let mut stand = Stand::up(&lines);
    stand.wait(30_000);
    assert_eq!(stand.sent(), ["RELAY?"; 3]);
    stand.wait(10_000);
    assert_eq!(stand.sent().first().map(String::as_str), Some("RELAY?"));
}

#[test]
fn wishes_are_told_in_their_order() {
    let lines =
        relay().property("dim", number(0..=9)).query("DIM?", "DIM{dim}").command("dim", "DIM{dim}").unconfirmed();
    let mut stand = Stand::up(&lines);
    stand.set(1, "dim", 5);
    stand.set(2, "relay", true);
    stand.set(3, "dim", 6);
    stand.says("RELAYOFF\n");
    stand.wait(25);
    assert_eq!(stand.sent(), ["RELAY?", "RELAYON"], "the newer wish for the same is a newer wish");
    stand.wait(20);
    stand.says("RELAYON\n");
    stand.wait(25);
    assert_eq!(stand.sent(), ["RELAY?", "DIM6"]);
}

/// pyIOT's synchronous mode took whatever line came next for the answer, and all answers after it were shifted.
#[test]
fn an_unasked_line_is_heard_and_answers_nothing() {
    let mut stand = Stand::up(&relay().property("door", flag()).hears("DOOR{door}"));
    stand.says("DOOR1\n");
    assert_eq!(stand.log(), ["> RELAY?", "door = true"]);
    stand.wait(1_999);
    assert_eq!(stand.log(), [""; 0], "still waiting");
    stand.wait(21);
    assert_eq!(stand.log(), ["> RELAY?"], "asked again after the wait that it did not end");
}

#[test]
fn two_lines_to_one_question_do_not_shift_the_answers() {
    let mut stand = Stand::up(&bare().hears("READY{_}"));
    stand.says("READY 1\n230\nREADY 2\n");
    stand.wait(20);
    stand.says("16\n");
    assert_eq!(stand.log(), ["> VOLT?", "volts = 230", "> AMP?", "amperes = 16"]);
}

#[test]
fn bare_answers_belong_to_the_question_that_is_out() {
    let mut stand = Stand::up(&bare());
    stand.says("230\n");
    stand.says("17\n");
    assert_eq!(stand.log(), ["> VOLT?", "volts = 230", "? 17"], "nothing was asked");
    stand.wait(20);
    stand.says("16\n");
    assert_eq!(stand.log(), ["> AMP?", "amperes = 16"]);
}

#[test]
fn a_late_bare_answer_is_not_taken_for_the_next() {
    let mut stand = Stand::up(&bare());
    stand.wait(2_500);
    assert_eq!(stand.log(), ["> VOLT?"], "left alone for as long again");
    stand.says("230\n");
    assert_eq!(stand.log(), ["? 230"]);
    stand.wait(1_500);
    stand.says("16\n");
    assert_eq!(stand.log(), ["> AMP?", "amperes = 16"]);
}

#[test]
fn neither_half_of_a_line_that_broke_is_read() {
    let mut stand = Stand::up(&bare());
    stand.says("2");
    stand.wait(1_000);
    assert_eq!(stand.log(), ["> VOLT?", "note Broken { line: \"2\" }"]);
    stand.says("30\n");
    assert_eq!(stand.log(), [""; 0], "30 V is not what it said");
    stand.says("231\n");
    assert_eq!(stand.log(), ["volts = 231"], "the next line is whole");
}

#[test]
fn an_answer_that_begins_late_may_come_to_its_end() {
    let mut stand = Stand::up(&relay());
    stand.wait(1_900);
    stand.says("REL");
    stand.wait(600);
    stand.says("AYON");
    stand.wait(600);
    stand.says("\n");
    assert_eq!(stand.log(), ["> RELAY?", "relay = true"]);
}

#[test]
fn a_device_that_drips_without_end_is_given_up() {
    let mut stand = Stand::up(&relay());
    for _ in 0..10 {
        stand.wait(500);
        stand.says("x");
    }
    let log = stand.log();
    assert_eq!(log[..2], ["> RELAY?", "note Broken { line: \"xxxxxxx\" }"], "{log:?}");
    assert!(log.contains(&"> RELAY?".to_owned()));
}

#[test]
fn an_unplugged_cable_in_the_middle_of_a_line_leaves_nothing_behind() {
    let mut stand = Stand::up(&relay());
    stand.says("RELAYO");
    stand.event(ComponentEvent::Down);
    stand.event(ComponentEvent::Up);
    stand.says("RELAYOFF\n");
    assert_eq!(stand.log(), ["> RELAY?", "> RELAY?", "relay = false"]);
}

#[test]
fn what_is_out_fails_when_the_device_goes() {
    let lines = relay().property("dim", number(0..=9)).query("DIM?", "DIM{dim}").command("dim", "DIM{dim}");
    let mut stand = Stand::up(&lines);
    stand.set(1, "relay", true);
    stand.set(2, "dim", 3);
    stand.event(ComponentEvent::Down);
    assert_eq!(stand.log()[1..], ["failed 1: Down", "failed 2: Down"]);
    stand.set(3, "dim", 3);
    assert_eq!(stand.log(), ["failed 3: Down"]);
    assert_eq!(stand.component.next_deadline(), None);
}

#[test]
fn a_newer_wish_replaces_an_older_one() {
    let mut stand = Stand::up(&relay());
    stand.set(1, "relay", true);
    stand.set(2, "relay", false);
    stand.says("RELAYON\n");
    stand.wait(20);
    assert_eq!(
        stand.log(),
        ["> RELAY?", "failed 1: Replaced", "relay = true", "> RELAYOFF"],
        "the first is never told"
    );
    stand.set(3, "relay", true);
    stand.says("RELAYOFF\n");
    stand.wait(20);
    stand.says("RELAYOFF\n");
    stand.wait(40);
    let log = stand.log();
    assert!(!log.contains(&"done 2".to_owned()) && log.contains(&"> RELAYON".to_owned()), "{log:?}");
}

#[test]
fn a_wish_that_is_repeated_is_not_told_again() {
    let mut stand = Stand::up(&relay());
    stand.says("RELAYOFF\n");
    stand.wait(100);
    stand.log();
    stand.set(1, "relay", true);
    stand.set(2, "relay", true);
    stand.wait(20);
    stand.set(3, "relay", true);
    stand.says("RELAYON\n");
    stand.wait(100);
    let log = stand.log();
    assert_eq!(log.iter().filter(|line| *line == "> RELAYON").count(), 1, "{log:?}");
    assert!(log.contains(&"done 3".to_owned()), "{log:?}");
}

/// In pyIOT, a command every half second left no time for any query.
#[test]
fn commands_do_not_starve_polls() {
    let lines =
        relay().property("dim", number(0..=100)).query("DIM?", "DIM{dim}").command("dim", "DIM{dim}").unconfirmed();
    let mut stand = Stand::up(&lines);
    let mut polls = 0;
    for id in 0..2_000 {
        stand.set(id, "dim", id % 100);
        stand.wait(10);
        for line in stand.sent() {
            match line.as_str() {
                "RELAY?" => stand.says("RELAYON\n"),
                "DIM?" => {
                    polls += 1;
                    stand.says("DIM7\n");
                }
                _ => {}
            }
        }
    }
    assert!((4..=5).contains(&polls), "{polls} in 20 s");
}

/// pyIOT's `requestStatus` waited for the next poll, and then asked twice.
#[test]
fn a_refresh_is_immediate_and_asks_once() {
    let mut stand = Stand::up(&relay());
    stand.says("RELAYON\n");
    stand.wait(300);
    stand.log();
    stand.event(ComponentEvent::Refresh);
    stand.event(ComponentEvent::Refresh);
    assert_eq!(stand.log(), ["> RELAY?"]);
    stand.says("RELAYON\n");
    stand.wait(20);
    assert_eq!(stand.log(), ["relay = true", "> RELAY?"], "the second came while the first was out");
    stand.says("RELAYON\n");
    stand.wait(4_000);
    assert_eq!(stand.log(), ["relay = true"]);
}

#[test]
fn commands_wait_while_the_device_is_busy_and_it_is_asked_meanwhile() {
    let power = words([("0", "OFF"), ("1", "ON"), ("2", "WARMING")]);
    let lines = Lines::new("projector")
        .property("power", power)
        .property("input", number(1..=9))
        .query("P?", "P{power}")
        .query("I?", "I{input}")
        .when("power", "ON")
        .command("power", "P{power}")
        .command("input", "I{input}")
        .unconfirmed()
        .hold_commands_while("power", ["WARMING"])
        .polling_every(Duration::from_secs(1));
    let mut stand = Stand::up(&lines);
    stand.says("P2\n");
    stand.set(1, "input", 3);
    stand.wait(1_000);
    assert_eq!(stand.log(), ["> P?", "power = \"WARMING\"", "> P?"]);
    stand.says("P2\n");
    stand.wait(1_000);
    stand.says("P1\n");
    assert_eq!(stand.log(), ["power = \"WARMING\"", "> P?", "power = \"ON\""]);
    stand.wait(20);
    assert_eq!(stand.sent(), ["I3"]);
}

#[test]
fn what_was_told_before_a_hold_has_its_time_after_it() {
    let power = words([("0", "OFF"), ("1", "ON"), ("2", "WARMING")]);
    let lines = Lines::new("projector")
        .property("power", power)
        .query("P?", "P{power}")
        .command("power", "P{power}")
        .hold_commands_while("power", ["WARMING"])
        .polling_every(Duration::from_secs(1));
    let mut stand = Stand::up(&lines);
    stand.says("P0\n");
    stand.wait(20);
    stand.set(1, "power", "ON");
    for _ in 0..30 {
        stand.wait(1_000);
        stand.says("P2\n");
    }
    let log = stand.log();
    assert_eq!(log.iter().filter(|line| *line == "> P1").count(), 1, "told once: {log:?}");
    stand.says("P1\n");
    assert_eq!(stand.log(), ["power = \"ON\"", "done 1"]);
}

#[test]
fn after_a_hold_the_device_has_its_time_before_it_is_told_again() {
    let lines = relay()
        .property("busy", flag())
        .hears("BUSY{busy}")
        .hold_commands_while("busy", [true])
        .polling_every(Duration::from_secs(1));
    let mut stand = Stand::up(&lines);
    stand.says("RELAYOFF\n");
    stand.wait(20);
    stand.set(1, "relay", true);
    stand.says("BUSY1\n");
    let told = |stand: &mut Stand| stand.sent().iter().filter(|line| *line == "RELAYON").count();
    stand.wait(4_000);
    assert_eq!(told(&mut stand), 1, "its time does not run");
    stand.says("BUSY0\nRELAYOFF\n");
    stand.wait(40);
    stand.says("RELAYOFF\n");
    stand.wait(300);
    assert_eq!(told(&mut stand), 0, "it runs now");
    stand.says("RELAYON\n");
    assert_eq!(stand.log(), ["relay = true", "done 1"]);
}

#[test]
fn a_busy_device_that_was_unplugged_is_not_busy_any_more() {
    let lines = relay().property("busy", flag()).query("BUSY?", "BUSY{busy}").hold_commands_while("busy", [true]);
    let mut stand = Stand::up(&lines);
    stand.says("RELAYON\nBUSY1\n");
    stand.event(ComponentEvent::Down);
    stand.event(ComponentEvent::Up);
    stand.log();
    stand.set(1, "relay", false);
    stand.says("RELAYON\n");
    stand.wait(20);
    assert_eq!(stand.sent(), ["RELAYOFF"]);
}

#[test]
fn a_change_of_power_reads_everything_again() {
    let lines =
        relay().property("dim", number(0..=9)).query("DIM?", "DIM{dim}").when("relay", true).refresh_on("relay");
    let mut stand = Stand::up(&lines);
    stand.says("RELAYOFF\n");
    stand.wait(1_000);
    assert_eq!(stand.sent(), ["RELAY?", "RELAY?"], "the other one makes no sense while it is off");
    stand.says("RELAYOFF\n");
    stand.wait(100);
    assert_eq!(stand.log(), ["relay = false"]);
    stand.says("RELAYON\n");
    assert_eq!(stand.log(), ["relay = true", "> DIM?"]);
}

#[test]
fn a_device_that_says_no_is_believed() {
    let mut stand = Stand::up(&relay().refused_by("ERR{_}"));
    stand.says("RELAYOFF\n");
    stand.wait(20);
    stand.log();
    stand.set(1, "relay", true);
    stand.wait(20);
    stand.says("ERR 5\n");
    assert_eq!(stand.log(), ["> RELAYON", "> RELAY?", "failed 1: Refused { line: \"ERR 5\" }"]);
    stand.says("RELAYOFF\n");
    stand.event(ComponentEvent::Refresh);
    stand.wait(20);
    stand.says("ERR 6\n");
    assert_eq!(
        stand.log(),
        ["relay = false", "> RELAY?", "note Refused { question: Some(\"RELAY?\"), line: \"ERR 6\" }"]
    );
}

/// Found by the soak: the no belonged to a wish that had been replaced, and the new one never ended.
#[test]
fn a_no_to_a_wish_that_was_repeated_meanwhile_ends_it() {
    let mut lines = relay().refused_by("ERR");
    for answer in [None, Some("RELAY{relay}".into())] {
        lines.commands[0].answer = answer;
        let mut stand = Stand::up(&lines);
        stand.says("RELAYOFF\n");
        stand.wait(20);
        stand.set(1, "relay", true);
        stand.set(2, "relay", true);
        stand.says("ERR\n");
        assert_eq!(stand.log()[3..], ["failed 1: Replaced", "failed 2: Refused { line: \"ERR\" }"]);
    }
}

#[test]
fn a_command_may_be_done_when_the_device_acknowledges_it() {
    let lines = Lines::new("lamp")
        .property("lamp", flag())
        .query("L?", "L{lamp}")
        .command("lamp", "SET {lamp}")
        .acknowledged_by(["OK"])
        .refused_by("NO");
    let mut stand = Stand::up(&lines);
    stand.says("OK\nL0\n");
    stand.wait(20);
    stand.log();
    stand.set(1, "lamp", true);
    stand.says("L0\nOK\n");
    assert_eq!(stand.log(), ["> SET 1", "lamp = false", "done 1"]);
    stand.wait(20);
    stand.set(2, "lamp", true);
    stand.wait(7_000);
    assert_eq!(stand.log(), ["> SET 1", "> SET 1", "> SET 1", "failed 2: NoAnswer { attempts: 3 }"]);
    stand.set(3, "lamp", true);
    stand.says("NO\n");
    assert_eq!(stand.log(), ["> SET 1", "failed 3: Refused { line: \"NO\" }"]);
}

#[test]
fn a_yes_to_another_command_is_no_yes() {
    let lines = Lines::new("lamp")
        .write_only("lamp", flag())
        .write_only("fan", flag())
        .command("lamp", "LAMP {lamp}")
        .acknowledged_by(["LAMP OK"])
        .command("fan", "FAN {fan}")
        .acknowledged_by(["FAN OK"]);
    let mut stand = Stand::up(&lines);
    stand.set(1, "fan", true);
    stand.says("LAMP OK\n");
    assert_eq!(stand.log(), ["> FAN 1", "? LAMP OK"]);
    stand.says("FAN OK\n");
    assert_eq!(stand.log(), ["done 1"]);
}

#[test]
fn the_answer_to_a_command_is_waited_for_and_what_does_not_come_is_looked_at() {
    let lines = relay().and(Lines::new("")).command("relay", "RELAY{relay}");
    assert_eq!(lines.check().len(), 1, "two commands for one property");
    let mut lines = relay();
    lines.commands[0].answer = Some("RELAY{relay}".into());
    let mut stand = Stand::up(&lines);
    stand.says("RELAYOFF\n");
    stand.wait(20);
    stand.log();
    stand.set(1, "relay", true);
    stand.wait(1_900);
    assert_eq!(stand.log(), ["> RELAYON"]);
    stand.wait(200);
    assert_eq!(stand.log(), ["> RELAY?"]);
    stand.says("RELAYON\n");
    assert_eq!(stand.log(), ["relay = true", "done 1"]);
}

#[test]
fn an_echo_is_no_answer() {
    let mut stand = Stand::up(&relay().echoes());
    stand.says("RELAY?\nRELAYOFF\n");
    assert_eq!(stand.log(), ["> RELAY?", "relay = false"]);
    stand.wait(20);
    stand.says("RELAY?\n");
    assert_eq!(stand.log(), ["? RELAY?"], "nothing was said");
}

#[test]
fn the_echo_of_a_command_does_not_confirm_it() {
    let mut lines = relay().echoes();
    for (answer, more) in [(Some("RELAY{relay}".into()), "RELAYON\n"), (None, "RELAY?\nRELAYON\n")] {
        lines.commands[0].answer = answer;
        let mut stand = Stand::up(&lines);
        stand.says("RELAY?\nRELAYOFF\n");
        stand.wait(20);
        stand.log();
        stand.set(1, "relay", true);
        stand.says("RELAYON\n");
        assert_eq!(stand.log(), ["> RELAYON"]);
        stand.wait(20);
        stand.says(more);
        assert_eq!(stand.log().split_off(usize::from(more.len() > 9)), ["relay = true", "done 1"]);
    }
}

#[test]
fn an_echo_that_was_lost_does_not_swallow_what_is_said_later() {
    let mut stand = Stand::up(&relay().echoes());
    stand.says("RELAYOFF\n");
    stand.wait(20);
    stand.set(1, "relay", true);
    stand.wait(20);
    stand.says("RELAY?\nRELAYON\n");
    assert_eq!(stand.log()[2..], ["> RELAYON", "> RELAY?", "relay = true", "done 1"]);
}

#[test]
fn an_answer_may_have_several_lines() {
    let lines = Lines::new("meter")
        .property("volts", decimal(0.0..=300.0, 1))
        .property("hertz", decimal(0.0..=100.0, 2))
        .query("ALL?", "V={volts}")
        .or_answer("F={hertz}")
        .in_lines(2)
        .query("NEXT?", "N{_}");
    let mut stand = Stand::up(&lines);
    stand.says("V=230.4\n");
    stand.wait(1_000);
    assert_eq!(stand.log(), ["> ALL?", "volts = 230.4"]);
    stand.says("F=50.01\n");
    stand.wait(20);
    assert_eq!(stand.log(), ["hertz = 50.01", "> NEXT?"]);
}

#[test]
fn lines_of_one_length_and_lines_that_silence_ends() {
    let table = |framing: Framing| {
        Lines::new("scale")
            .property("grams", number(0..=9_999).width(4))
            .hears("G{grams}")
            .wire(|wire| wire.framing = framing)
    };
    let mut stand = Stand::up(&table(Framing::Length(5)));
    for part in ["G0", "012G", "0013G00", "14"] {
        stand.says(part);
    }
    assert_eq!(stand.log(), ["grams = 12", "grams = 13", "grams = 14"]);
    stand.says("G0");
    stand.wait(1_000);
    stand.says("G0015");
    assert_eq!(stand.log(), ["note Broken { line: \"G0\" }", "grams = 15"], "silence puts it right again");

    let mut stand = Stand::up(&table(Framing::IdleGap(Duration::from_millis(50))));
    stand.says("G00");
    stand.wait(40);
    stand.says("12");
    stand.wait(49);
    assert_eq!(stand.log(), [""; 0]);
    stand.wait(1);
    assert_eq!(stand.log(), ["grams = 12"]);
}

#[test]
fn properties_that_are_said_together_are_said_as_they_are_known() {
    let colour = || number(0..=255);
    let mut lines = Lines::new("lamp")
        .property("red", colour())
        .property("green", colour())
        .query("C?", "C{red},{green}")
        .command("red", "C{red},{green}")
        .command("green", "C{red},{green}");
    lines.poll_every = None;
    let mut stand = Stand::up(&lines);
    assert_eq!(stand.check("red", 7), Ok(()), "nobody asks whether the device is there");
    stand.set(1, "red", 7);
    assert_eq!(
        stand.log(),
        ["> C?", "failed 1: Unfit(Unfit(\"it is said together with \\\"green\\\", which is not known yet\"))"]
    );
    stand.says("C10,20\n");
    stand.wait(20);
    stand.set(2, "red", 7);
    assert_eq!(stand.sent(), ["C7,20"]);
    stand.set(3, "green", 8);
    stand.wait(20);
    stand.says("C7,20\n");
    stand.wait(20);
    assert_eq!(stand.sent(), ["C?", "C7,8"]);
}

#[test]
fn a_line_that_never_ends_is_dropped_and_reported_once() {
    let mut stand = Stand::up(&relay());
    stand.log();
    for _ in 0..1_000 {
        stand.says(&"x".repeat(1_024));
    }
    stand.says("\nRELAYON\n");
    assert_eq!(stand.log(), ["note TooLong { max: 1024 }", "relay = true"]);
}

#[test]
fn noise_is_reported_and_nothing_else() {
    let mut stand = Stand::up(&relay());
    stand.event(ComponentEvent::Received(b"\xff\xfe\x00\n\xc3\nRELAYMAYBE\nRELAYON\n"));
    assert_eq!(stand.log(), ["> RELAY?", "? \u{fffd}\u{fffd}\0", "? \u{fffd}", "? RELAYMAYBE", "relay = true"]);
}

/// In pyIOT, whatever was formatted into a command could hold a second command.
#[test]
fn a_value_cannot_carry_a_second_command() {
    let lines = Lines::new("display")
        .property("title", text(40))
        .property("subtitle", text(40))
        .query("T?", "T={title};S={subtitle}")
        .command("title", "T={title};S={subtitle}")
        .terminators("|", ";;");
    let mut stand = Stand::up(&lines);
    let unfit = |value: &str| stand.check("title", value).unwrap_err();
    assert_eq!(unfit("x\nPOWER OFF"), "'\\n' is a control character, which could be a second command");
    assert_eq!(unfit("a;;b"), "it contains \";;\", which ends a line");
    assert_eq!(unfit("a|b"), "it contains \"|\", which ends a line");
    assert_eq!(unfit("a;S=b"), "in the line that says it, the device could not tell where it ends");
    assert_eq!(unfit("a;"), "the line contains \";;\", which ends it");
    assert_eq!(stand.check("title", "a; b"), Ok(()));
    stand.says("T=x;S=y|");
    stand.wait(20);
    stand.log();
    stand.set(1, "title", "x;;y");
    assert_eq!(stand.log(), ["failed 1: Unfit(Unfit(\"it contains \\\";;\\\", which ends a line\"))"]);
}
