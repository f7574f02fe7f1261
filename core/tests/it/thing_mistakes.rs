//! Where a mistake in a table begins: templates that are not told apart, fields that run on, lines that cannot be.

use thingwire_core::thing::lines::{Encoding, Lines, flag, number, text, words};

fn problems(lines: &Lines) -> Vec<String> {
    lines.check().into_iter().map(|mistake| mistake.problem).collect()
}

fn lamp() -> Lines {
    Lines::new("lamp").property("lamp", flag()).query("L?", "L{lamp}")
}

/// A table that hears two lines, in which `one` and `two` are texts and `w` is a word.
fn hearing(first: &str, second: &str) -> Lines {
    let mut lines = Lines::new("x").hears(first).hears(second);
    for name in ["one", "two"] {
        lines = lines.property(name, text(20));
    }
    if first.contains("{w}") {
        lines = lines.property("w", words([("ALPHA", 1), ("GAMMA", 2)]));
    }
    lines
}

#[test]
fn a_line_that_two_templates_read_is_found_wherever_their_texts_are() {
    for (first, second, line) in [
        ("ALPHA{one}", "{two}OMEGA", "ALPHAOMEGA"),
        ("P{one}A", "PB{two}", "PBA"),
        ("{w}-{one}", "{two}-END", "ALPHA-END"),
        ("{one}-{w}", "END-{two}", "END-ALPHA"),
        ("{one}, my love", "O, {two}", "O, my love"),
    ] {
        let problem = format!("it reads {line:?}, which {first:?} reads as well");
        assert_eq!(problems(&hearing(first, second)), [problem]);
    }
}

#[test]
fn templates_of_which_no_line_is_both_are_told_apart() {
    for (first, second) in [("A{one}B", "A{two}C"), ("{one}-1", "{two}-2"), ("{w}{one}B", "ALP{two}C")] {
        assert_eq!(problems(&hearing(first, second)), [""; 0]);
    }
}

#[test]
fn a_field_that_is_read_as_another_value_is_a_mistake() {
    let a = words([("X", 1), ("XY", 2)]);
    let b = words([("Z", 1), ("YZ", 2)]);
    let lines = Lines::new("x").property("a", a).property("b", b).hears("{a}{b}");
    let problem = "\"XYZ\", which it writes, cannot be read back: a field runs into what follows it";
    assert_eq!(problems(&lines), [problem]);
}

#[test]
fn two_fields_are_tried_in_front_of_the_first_value_of_the_next() {
    let a = words([("Z", 1), ("V", 2), ("X", 3), ("XYW", 4)]);
    let b = words([("Q", 1), ("P", 2), ("Y", 3)]);
    let c = words([("W", 1), ("R", 2)]);
    let lines = Lines::new("x").property("a", a).property("b", b).property("c", c).hears("{a}{b}{c}");
    let problem = "\"XYW\", which it writes, cannot be read back: a field runs into what follows it";
    assert_eq!(problems(&lines), [problem]);
}

#[test]
fn an_empty_line_is_none_where_line_ends_are_not_counted() {
    let nothing = "an empty line is nothing here";
    assert_eq!(problems(&lamp().hears("")), [nothing]);
    assert_eq!(problems(&lamp().command("lamp", "").terminator(":")), [nothing]);
    assert_eq!(problems(&lamp().hears("").terminator(":")), [""; 0]);
}

#[test]
fn a_question_is_as_long_as_a_line_may_be_and_no_longer() {
    let lines = |ask: &str| lamp().query(ask, "X{_}").wire(|wire| wire.line_max = 4);
    assert_eq!(problems(&lines("ABC?")), [""; 0]);
    assert_eq!(problems(&lines("ABCD?")), ["it is longer than `line_max`, 4 bytes"]);
}

#[test]
fn a_terminator_is_in_the_encoding() {
    let lines = lamp().terminators("€", "\r");
    assert_eq!(problems(&lines), [""; 0]);
    let lines = lines.wire(|wire| wire.encoding = Encoding::Latin1);
    assert_eq!(problems(&lines), ["the terminator is not in the encoding"]);
}

#[test]
fn what_only_other_properties_are_set_with_is_not_set() {
    let lines = lamp().command("lamp", "L{lamp}").write_only("dim", number(0..=9));
    assert_eq!(problems(&lines), ["nothing sets it: add a command"]);
}

#[test]
fn a_question_may_have_no_answer() {
    assert_eq!(problems(&lamp().ask("WAKE")), [""; 0]);
    assert_eq!(problems(&lamp().ask("WAKE").in_lines(2)), ["an answer has at least one line, and a template for it"]);
}
