//! Scenario files.

use thingwire_sim::plan::{Direction, Fault, How, PacketType, PhaseName, Span, Trigger, Workload};
use thingwire_sim::scenario::{read, write};

const TEXT: &str = r#"# What a reader of the documentation would write.
name = "1..5|2" # a name is a name
duration = "10m"
heal = "5m"

[client]
queue = "5..50"
drain-hz = "0.5..4.0"
jitter = "full|equal"
keep-alive = "30s"

[network]
latency = "20ms..80ms"
fragmented = "true|false"

[[workload]]
kind = "publish"
topic = "dt/{id}/a|b"
qos = "0|1"
every = "1s..5s"
size = "20..400"

[[op]]
at = "3s"
do = { subscribe = { filters = ["a|b", "c..d"], qos = 1 } }

[[fault]]
when = { phase = "draining|ready", nth = 2, after = "0s..2s" }
do = { cut = { how = "reset|fin", after = ["to-client", "1..200"] } }

[[fault]]
when = { answer = "puback", nth = "3..11" }
for = "1s..90s"
do = { meddle = { packet = "puback", count = 3, how = { delay = "1s..2s" } } }
"#;

#[test]
fn the_dice_are_rolled_in_the_text() {
    for seed in 0..50 {
        let scenario = read("mine.toml", TEXT, Some(seed)).unwrap();
        assert_eq!((scenario.plan.seed, scenario.drawn), (seed, 15));
        // The same file, one line longer for the seed.
        assert_eq!(scenario.text.lines().count(), TEXT.lines().count() + 1);
        assert!(scenario.text.contains("# a name is a name"));
        let again = read("rolled.toml", &scenario.text, None).unwrap();
        assert_eq!((again.drawn, &again.plan), (0, &scenario.plan));
        assert_eq!(again.text, scenario.text);
        assert_eq!(read("mine.toml", TEXT, Some(seed)).unwrap(), scenario);
    }
}

#[test]
fn values_are_what_the_ranges_say() {
    let mut queues = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let plan = read("mine.toml", TEXT, Some(seed)).unwrap().plan;
        assert_eq!(plan.name, "1..5|2");
        assert!((5..=50).contains(&plan.client.queue.unwrap()));
        assert!((0.5..=4.0).contains(&plan.client.drain_hz.unwrap()));
        queues.insert(plan.client.queue);
        let [Workload::Publish { topic, qos, every, size, .. }] = plan.workload.as_slice() else {
            panic!("{plan:?}");
        };
        assert_eq!(topic, "dt/{id}/a|b");
        assert!(*qos <= 1 && (20..=400).contains(size) && (Span::secs(1)..=Span::secs(5)).contains(every));
        let Trigger::OnPhase { phase: PhaseName::Draining | PhaseName::Ready, nth: 2, after } = plan.fault[0].when
        else {
            panic!("{plan:?}");
        };
        assert!(after <= Span::secs(2));
        let Fault::Cut { how: How::Reset | How::Fin, after: Some((Direction::ToClient, 1..=200)) } =
            plan.fault[0].fault
        else {
            panic!("{plan:?}");
        };
        let Trigger::OnAnswer { packet: PacketType::Puback, nth: 3..=11, .. } = plan.fault[1].when else {
            panic!("{plan:?}");
        };
    }
    assert!(queues.len() > 20, "seeds differ: {queues:?}");
}

#[test]
fn a_scenario_may_begin_with_a_byte_order_mark() {
    let marked = read("marked.toml", &format!("\u{feff}{TEXT}"), None).unwrap();
    let plain = read("plain.toml", TEXT, None).unwrap();
    assert_eq!((&marked.plan, &marked.text), (&plain.plan, &plain.text));
}

#[test]
fn a_seed_in_the_file_is_used_and_can_be_overruled() {
    let text = TEXT.replacen("duration", "seed = 9\nduration", 1);
    let own = read("mine.toml", &text, None).unwrap();
    assert_eq!(own.plan.seed, 9);
    assert!(own.text.contains("\nseed = 9\n"));
    let other = read("mine.toml", &text, Some(8)).unwrap();
    assert!(other.text.contains("\nseed = 8\n") && !other.text.contains("seed = 9"));
    assert_eq!(read("mine.toml", TEXT, None).unwrap().plan.seed, 0);
}

#[test]
fn what_is_written_reads_well() {
    let plan = read("mine.toml", TEXT, Some(7)).unwrap().plan;
    let text = write(&plan).unwrap();
    assert_eq!(read("mine.toml", &text, None).unwrap().plan, plan);
    insta::assert_snapshot!(text);
}
