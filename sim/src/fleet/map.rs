//! Devices over time: who tries when, and who is back.

use core::time::Duration;

use super::{Recovery, recovery::Life};
use crate::picture::{Markup, Px, Rect, Strokes};

const WIDTH: i64 = 960;
const LEFT: i64 = 76;
const TOP: i64 = 8;
const COLUMNS: u32 = 170;
const COLUMN: i64 = 5;
const ROW: i64 = 3;
/// Below the rows: the marks of time and their name.
const FOOT: i64 = 36;
/// Marks of time, with the one at 0.
const MARKS: u32 = 5;

/// The shades: how many attempts a device made in a column, the last for as many and more.
pub(super) const SHADES: [(&str, &str); 3] =
    [("tries-1", "one attempt"), ("tries-2", "two attempts"), ("tries-3", "three and more")];
/// The ground where a device is back.
pub(super) const BACK: &str = "back";

/// As much time as shows how the fastest policy ends and how the others go on: whole seconds, so that marks are.
pub(super) fn window(at_best: Duration, recoveries: &[Recovery]) -> Duration {
    let fastest = recoveries.iter().filter_map(|recovery| recovery.reached[3]).min();
    let lasts = recoveries.iter().map(|recovery| recovery.seconds.len() as u64).max().unwrap_or(0);
    let wanted = fastest.unwrap_or(at_best * 2).max(at_best).as_secs() * 3 / 2;
    let marks = u64::from(MARKS - 1);
    Duration::from_secs(wanted.min(lasts).max(10).div_ceil(marks) * marks)
}

/// The devices of one policy that are shown, a row each, in the order of their return.
pub(super) fn map(recovery: &Recovery, window: Duration) -> String {
    let mut lives: Vec<&Life> = recovery.shown.iter().collect();
    lives.sort_by_key(|life| (life.back_at_millis.unwrap_or(u32::MAX), life.device));
    let rows = i64::try_from(lives.len()).unwrap_or(0);
    let height = TOP + rows * ROW + FOOT;
    let name = format!(
        "{} of {} devices over {} seconds, policy {}",
        lives.len(),
        recovery.devices,
        window.as_secs(),
        recovery.policy.kind
    );
    let mut svg = Markup::default();
    let view = format!("0 0 {WIDTH} {height}");
    svg.open("svg", &[("class", &"map"), ("viewBox", &view), ("role", &"img"), ("aria-label", &name)]).raw("\n");
    let mut shades: [Strokes; SHADES.len()] = Default::default();
    let mut back = Strokes::default();
    for (row, life) in (0..).zip(&lives) {
        draw(life, row, window, &mut shades, &mut back);
    }
    svg.strokes(BACK, &back, "");
    for ((class, _), strokes) in SHADES.iter().zip(&shades) {
        svg.strokes(class, strokes, "");
    }
    frame(&mut svg, rows, window);
    svg.close("svg");
    svg.finish()
}

/// One row.
fn draw(life: &Life, row: i64, window: Duration, shades: &mut [Strokes; SHADES.len()], back: &mut Strokes) {
    let y = TOP + row * ROW;
    let cell = |strokes: &mut Strokes, from: u32, columns: u32| {
        let (x, width) = (LEFT + i64::from(from) * COLUMN, i64::from(columns) * COLUMN);
        strokes.add(format_args!("M{x} {y}h{width}v{ROW}h-{width}z"));
    };
    if let Some(column) = life.back_at_millis.and_then(|at| column(at, window)) {
        cell(back, column, COLUMNS - column);
    }
    let mut columns = life.attempts_millis.iter().filter_map(|&at| column(at, window)).peekable();
    while let Some(here) = columns.next() {
        let mut count = 0;
        while columns.next_if_eq(&here).is_some() {
            count += 1;
        }
        cell(&mut shades[count.min(SHADES.len() - 1)], here, 1);
    }
}

/// The column of a moment; none behind the end.
fn column(at_millis: u32, window: Duration) -> Option<u32> {
    let column = u128::from(at_millis) * u128::from(COLUMNS) / window.as_millis().max(1);
    u32::try_from(column).ok().filter(|&column| column < COLUMNS)
}

fn frame(svg: &mut Markup, rows: i64, window: Duration) {
    let (width, height) = (i64::from(COLUMNS) * COLUMN, rows * ROW);
    let place = Rect { x: Px::whole(LEFT), y: Px::whole(TOP), width: Px::whole(width), height: Px::whole(height) };
    svg.rect("frame", place, "");
    let label = |svg: &mut Markup, x: i64, y: i64, text: &str| {
        svg.label("", Px::whole(x), Px::whole(y), text, "");
    };
    label(svg, 4, TOP + 10, "first back");
    label(svg, 4, TOP + height, "last back");
    for mark in 0..MARKS {
        let seconds = window.as_secs() * u64::from(mark) / u64::from(MARKS - 1);
        let x = LEFT + width * i64::from(mark) / i64::from(MARKS - 1);
        label(svg, x - 4, TOP + height + 16, &seconds.to_string());
    }
    label(svg, LEFT + width / 2 - 70, TOP + height + 32, "seconds since the loss");
}
