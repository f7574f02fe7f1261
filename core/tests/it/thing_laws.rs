//! Laws of lines, tried with whatever there is: templates, framing, and noise.

use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use thingwire_core::Instant;
use thingwire_core::thing::lines::{
    Codec, Encoding, Framed, Framer, Framing, Lines, Wire, decimal, flag, number, scaled, template, text, words,
};
use thingwire_core::thing::{Component, ComponentAction, ComponentEvent, PropertyId, SetId};

/// A table in which one line says much.
fn table() -> Lines {
    Lines::new("everything")
        .property("input", words([("1", "CD"), ("10", "TV"), ("A", "AUX")]))
        .property("volume", number(-40..=100))
        .property("room", scaled(-400..=1_250, 10))
        .property("gain", decimal(-95.5..=31.5, 1))
        .property("muted", flag())
        .property("code", number(0..=0xffff).hex().width(4))
        .property("name", text(12))
        .query("ALL?", "I{input}V{volume}R{room}G{gain},{muted}{code}({name})")
        .command("name", "N{input} {name};{volume}")
}

fn pattern_of_answer(lines: &Lines) -> thingwire_core::thing::lines::Pattern {
    lines.compile().unwrap().queries().next().unwrap().1[0].clone()
}

fn values() -> impl Strategy<Value = Vec<Value>> {
    let input = prop_oneof![Just(json!("CD")), Just(json!("TV")), Just(json!("AUX"))];
    let gain = (-955_i32..=315).prop_map(|tenths| json!(f64::from(tenths) / 10.0));
    let room = (-400_i32..=1_250).prop_map(|tenths| json!(f64::from(tenths) / 10.0));
    let name = "[ -~äß€]{0,12}".prop_map(Value::from);
    (input, -40_i64..=100, room, gain, any::<bool>(), 0_u16.., name).prop_map(
        |(input, volume, room, gain, muted, code, name)| {
            vec![input, json!(volume), room, gain, json!(muted), json!(code), name]
        },
    )
}

/// All lines that a framer finds, when the bytes come in these pieces.
fn framed(wire: &Wire, bytes: &[u8], cuts: &[usize]) -> Vec<Option<Vec<u8>>> {
    let mut framer = Framer::new(wire, Duration::from_secs(1));
    let mut found = Vec::new();
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([bytes.len()]).collect();
    ends.sort_unstable();
    let mut start = 0;
    for end in ends {
        let mut piece = &bytes[start..end];
        while let Some(framed) = framer.next(Instant::EPOCH, &mut piece) {
            found.push(match framed {
                Framed::Line(line) => Some(line.to_vec()),
                Framed::TooLong => None,
                Framed::Broken(_) => unreachable!("no time passes"),
            });
        }
        assert!(piece.is_empty());
        start = end;
    }
    found
}

fn framings() -> impl Strategy<Value = Framing> {
    let terminator = prop_oneof![Just("\n"), Just("\r\n"), Just(":"), Just("aa"), Just("aba"), Just("€")];
    prop_oneof![
        Just(Framing::Newline),
        terminator.prop_map(|terminator| Framing::Terminator(terminator.to_owned())),
        (1_usize..=8).prop_map(Framing::Length),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_template_writes_it_reads(values in values()) {
        let pattern = pattern_of_answer(&table());
        let mut line = String::new();
        pattern.write(|property| Ok(&values[property.0]), |_| Ok(()), &mut line).unwrap();
        let mut heard = Vec::new();
        prop_assert!(pattern.read(&line, &mut heard), "{line}");
        for (property, value) in heard {
            prop_assert_eq!(&value, &values[property.0], "{}", line);
        }
    }

    #[test]
    fn a_template_reads_what_is_left_of_a_line_as_something_or_not_at_all(values in values(), at in any::<usize>(), byte in any::<char>()) {
        let pattern = pattern_of_answer(&table());
        let mut line = String::new();
        pattern.write(|property| Ok(&values[property.0]), |_| Ok(()), &mut line).unwrap();
        let place = line.char_indices().map(|(place, _)| place).nth(at % line.chars().count()).unwrap();
        line.replace_range(place..place + line[place..].chars().next().unwrap().len_utf8(), &byte.to_string());
        let mut heard = vec![(PropertyId(99), Value::Null)];
        let read = pattern.read(&line, &mut heard);
        prop_assert_eq!(heard.len(), if read { 8 } else { 1 }, "all or nothing");
        for (property, value) in &heard[1..] {
            let codec = table().properties[property.0].codec.clone();
            prop_assert!(codec.format(value, &mut String::new()).is_ok(), "{} is none of its values", value);
        }
    }

    #[test]
    fn a_codec_reads_what_it_writes(tenths in any::<i32>(), whole in any::<i64>(), width in 0_usize..6, text_value in ".{0,20}") {
        let codecs: [(Codec, Value); 5] = [
            (number(i64::from(i32::MIN)..=i64::from(i32::MAX)).into(), json!(tenths)),
            (number(-99..=999).width(width.max(4)).plus().into(), json!(whole % 1_000)),
            (scaled(i32::MIN..=i32::MAX, 1_000).into(), json!(f64::from(tenths) / 1_000.0)),
            (decimal(-1e9..=1e9, 2).into(), json!(f64::from(tenths) / 100.0)),
            (text(15), json!(text_value)),
        ];
        for (codec, value) in codecs {
            let mut written = String::new();
            if codec.format(&value, &mut written).is_ok() && !written.contains(char::is_control) {
                let read = codec.parse(&written);
                let mut again = String::new();
                prop_assert!(read.as_ref().is_some_and(|read| codec.format(read, &mut again).is_ok()), "{written}");
                prop_assert_eq!(written, again);
            }
        }
    }

    /// pyIOT read byte by byte; here pieces may be anything.
    #[test]
    fn pieces_make_no_difference(
        framing in framings(), line_max in 1_usize..12, bytes in vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b':'), Just(b'\r'), Just(b'\n'), Just(0xe2), Just(0x82), Just(0xac)], 0..80),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        let mut wire = Wire::default();
        (wire.framing, wire.line_max) = (framing, line_max.max(8));
        let whole = framed(&wire, &bytes, &[]);
        prop_assert_eq!(&framed(&wire, &bytes, &cuts), &whole);
        let single: Vec<_> = (0..=bytes.len()).collect();
        prop_assert_eq!(&framed(&wire, &bytes, &single), &whole);
        for line in whole.into_iter().flatten() {
            prop_assert!(line.len() <= wire.line_max);
            if let Framing::Terminator(terminator) = &wire.framing {
                prop_assert!(!line.windows(terminator.len()).any(|window| window == terminator.as_bytes()));
            }
        }
    }

    #[test]
    fn noise_neither_stops_a_component_nor_makes_it_speak_more(
        pieces in vec((0_u64..3_000, vec(any::<u8>(), 0..200), any::<bool>()), 0..40), latin in any::<bool>(),
    ) {
        let mut lines = table().poll_every(Duration::from_secs(5)).query("X?", template("{volume}").when_asked());
        lines.wire.encoding = if latin { Encoding::Latin1 } else { Encoding::Utf8 };
        let mut component = lines.build().unwrap();
        let (mut now, mut actions, mut sent) = (Instant::EPOCH, Vec::new(), 0);
        component.handle(now, ComponentEvent::Up, &mut actions);
        for (number, (pause_ms, mut bytes, plug)) in pieces.into_iter().enumerate() {
            now = now + Duration::from_millis(pause_ms);
            // Something that looks as if it were meant.
            if number % 3 == 0 {
                bytes.extend_from_slice(b"\nI1V5R215G-1.0,1ABCD(x)\n7\n");
            }
            let wish = json!("x;1");
            for event in [
                ComponentEvent::Received(&bytes),
                ComponentEvent::Set { id: SetId(number as u64), property: PropertyId(6), value: &wish },
                if plug { ComponentEvent::Up } else { ComponentEvent::Wake },
            ] {
                component.handle(now, event, &mut actions);
                prop_assert!(component.next_deadline().is_none_or(|at| at > now));
            }
            sent += actions.iter().filter(|action| matches!(action, ComponentAction::Send(_))).count();
            for action in actions.drain(..) {
                if let ComponentAction::Heard(property, value) = action {
                    let codec = &lines.properties[property.0].codec;
                    prop_assert!(codec.format(&value, &mut String::new()).is_ok(), "{} is none of its values", value);
                }
            }
        }
        prop_assert!(sent <= 400, "{}", sent);
    }
}
