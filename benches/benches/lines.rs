//! From the bytes of a line to the values of its properties, beside a regular expression and code written for this line
//! alone. The component frames, tells lines apart, and keeps time as well.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use regex_lite::Regex;
use serde_json::Value;
use thingwire_benches::lines::{Device, Devices, LINE};

fn by_regex(regex: &Regex, line: &str) -> Option<[Value; 4]> {
    let captures = regex.captures(line)?;
    let group = |number: usize| captures.get(number).map(|group| group.as_str());
    Some([
        Value::from(group(1)?.parse::<i64>().ok()?),
        Value::from(group(2)?.parse::<f64>().ok()?),
        Value::from(group(3)? == "1"),
        Value::from(group(4)?.parse::<i64>().ok()?),
    ])
}

fn by_hand(line: &str) -> Option<[Value; 4]> {
    let rest = line.strip_prefix("P1S")?;
    let (input, rest) = rest.split_once('V')?;
    let (volume, rest) = rest.split_once('M')?;
    let (muted, rest) = rest.split_once('D')?;
    let (decoder, _) = rest.split_once('E')?;
    Some([
        Value::from(input.parse::<i64>().ok()?),
        Value::from(volume.parse::<f64>().ok()?),
        Value::from(muted == "1"),
        Value::from(decoder.parse::<i64>().ok()?),
    ])
}

fn lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lines");
    group.throughput(Throughput::Elements(1));
    for others in [0, 30] {
        let mut device = Device::new(others);
        group.bench_function(format!("component_{}_templates", others + 1), |bencher| {
            bencher.iter(|| assert_eq!(device.receive(black_box(LINE)), 4));
        });
    }
    let text = core::str::from_utf8(LINE).expect("ASCII").trim_end();
    let regex = Regex::new(r"^P1S([0-9])V([-0-9.]+)M([01])D([0-2])E(.*)$").expect("a regular expression");
    group.bench_function("regex_lite", |bencher| bencher.iter(|| by_regex(&regex, black_box(text))));
    group.bench_function("by_hand", |bencher| bencher.iter(|| by_hand(black_box(text))));
    group.finish();
}

/// A wake, a question, an answer of four values that are as they were or not, and what the thing makes of it.
fn polls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("polls");
    group.throughput(Throughput::Elements(1));
    for count in [1, 1_000] {
        let mut devices = Devices::new(count);
        group.bench_function(format!("unchanged_of_{count}"), |bencher| bencher.iter(|| devices.poll(black_box(LINE))));
        let other = b"P1S4V-35.0M1D1E0\n";
        let mut turn = 0;
        group.bench_function(format!("changed_of_{count}"), |bencher| {
            bencher.iter(|| {
                turn += 1;
                devices.poll(black_box(if turn / count % 2 == 0 { other } else { LINE }))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lines, polls);
criterion_main!(benches);
