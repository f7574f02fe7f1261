//! One picture of what came of a storm: who is back when, what the server has to bear, and what it costs each device.

use core::ops::Range;
use core::time::Duration;
use std::io;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::report::{grouped, summary};
use super::{Kind, Recovery, Storm, Sweep};

const WIDTH: u32 = 960;
const HEIGHT: u32 = 1_120;
const HEAD: u32 = 76;
const SWEEP_HEIGHT: u32 = 380;

/// As many points as a line needs.
const COLUMNS: f64 = 600.0;

const PAPER: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(36, 41, 47);
const GRID: RGBColor = RGBColor(225, 228, 232);
const QUIET: RGBColor = RGBColor(110, 118, 129);

/// The colours above for a reader who prefers the dark: a style rule wins over the attributes that plotters writes.
const DARK: [(RGBColor, &str); 5] =
    [(PAPER, "#16191d"), (INK, "#e6e9ec"), (GRID, "#33383e"), (QUIET, "#9aa3ad"), (colour(Kind::V1), "#56b4e9")];

/// Okabe and Ito's colours, which also people with other eyes can tell apart.
const fn colour(kind: Kind) -> RGBColor {
    match kind {
        Kind::V1 => RGBColor(0, 114, 178),
        Kind::Fixed => RGBColor(230, 159, 0),
        Kind::Equal => RGBColor(204, 121, 167),
        Kind::Full => RGBColor(0, 158, 115),
        Kind::Decorrelated => RGBColor(213, 94, 0),
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, Y> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<LogCoord<f64>, Y>>;
type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// The picture as the text of an SVG file, for light and for dark pages.
pub fn picture(storm: &Storm, recoveries: &[Recovery]) -> Result<String, String> {
    let mut text = String::new();
    draw(&mut text, storm, recoveries).map_err(|error| format!("cannot draw: {error}"))?;
    Ok(with_dark(&text))
}

/// How long a recovery takes before servers of several rates, as the text of an SVG file.
pub(super) fn sensitivity(sweep: &Sweep) -> Result<String, String> {
    let mut text = String::new();
    draw_sweep(&mut text, sweep).map_err(|error| format!("cannot draw: {error}"))?;
    Ok(with_dark(&text))
}

/// Both axes go in doublings, which make a straight line of a time that is in proportion to the rate.
fn draw_sweep(text: &mut String, sweep: &Sweep) -> Drawn {
    let root = SVGBackend::with_string(text, (WIDTH, SWEEP_HEIGHT)).into_drawing_area();
    root.fill(&PAPER)?;
    let doublings = |time: Duration| time.as_secs_f64().max(1.0).log2();
    let times = sweep.rows.iter().flat_map(|(_, reached)| reached).flatten().chain(&sweep.at_best);
    let (low, high) = times.fold((f64::MAX, 0.0_f64), |(low, high), &time| {
        let at = doublings(time);
        (low.min(at.floor()), high.max(at.ceil()))
    });
    let small = ("sans-serif", 13).into_font().color(&QUIET);
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .margin_right(28)
        .caption("Seconds until 99 % are back", ("sans-serif", 16).into_font().color(&INK))
        .x_label_area_size(42)
        .y_label_area_size(76)
        .build_cartesian_2d(-0.3..float(sweep.rates.len()) - 0.7, low.min(high)..high.max(low) + 0.3)?;
    let whole = |value: f64| (value.fract().abs() < 1e-6).then_some(value.round());
    let rate = |value: &f64| {
        let rates = sweep.rates.iter().zip(0_u32..);
        let here = |&(_, at): &(&u32, u32)| whole(*value).is_some_and(|value| (value - f64::from(at)).abs() < 0.5);
        rates.into_iter().find(here).map_or_else(String::new, |(rate, _)| grouped(u64::from(*rate)))
    };
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(QUIET)
        .label_style(small.clone())
        .axis_desc_style(small)
        .x_desc("CONNECTs that the server accepts a second")
        .x_labels(sweep.rates.len() + 1)
        .x_label_formatter(&rate)
        .y_label_formatter(&|&value| whole(value).map_or_else(String::new, |value| number(value.exp2())))
        .draw()?;
    let best = (0_u32..).map(f64::from).zip(sweep.at_best.iter().map(|&best| doublings(best)));
    chart.draw_series(DashedLineSeries::new(best, 4, 4, QUIET.stroke_width(1)))?;
    for (policy, reached) in &sweep.rows {
        let points = (0_u32..).zip(reached).filter_map(|(at, &reached)| Some((f64::from(at), doublings(reached?))));
        let points: Vec<_> = points.collect();
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour(policy.kind).filled())))?;
        if is_dashed(policy.kind) {
            chart.draw_series(DashedLineSeries::new(points, 11, 5, stroke(policy.kind)))?;
        } else {
            chart.draw_series(LineSeries::new(points, stroke(policy.kind)))?;
        }
    }
    root.present()
}

fn draw(text: &mut String, storm: &Storm, recoveries: &[Recovery]) -> Drawn {
    let root = SVGBackend::with_string(text, (WIDTH, HEIGHT)).into_drawing_area();
    root.fill(&PAPER)?;
    let (head, panels) = root.split_vertically(HEAD);
    heading(&head, storm, recoveries)?;
    let panels = panels.split_evenly((3, 1));
    let end = recoveries.iter().map(|recovery| recovery.seconds.len()).max().unwrap_or(0).max(10);
    let end = float(end);
    returns(&panels[0], end, recoveries)?;
    rates(&panels[1], end, storm, recoveries)?;
    prices(&panels[2], recoveries)?;
    root.present()
}

fn heading(area: &Area<'_>, storm: &Storm, recoveries: &[Recovery]) -> Drawn {
    area.draw(&Text::new(summary(storm), (24, 16), ("sans-serif", 17).into_font().color(&INK)))?;
    let mut x = 24;
    for recovery in recoveries {
        let (kind, name) = (recovery.policy.kind, recovery.policy.kind.name());
        let sample = if is_dashed(kind) { vec![(x, x + 11), (x + 16, x + 27)] } else { vec![(x, x + 27)] };
        for (from, to) in sample {
            area.draw(&PathElement::new(vec![(from, 55), (to, 55)], stroke(kind)))?;
        }
        area.draw(&Text::new(name, (x + 34, 48), ("sans-serif", 15).into_font().color(&INK)))?;
        x += 70 + 9 * i32::try_from(name.len()).unwrap_or(0);
    }
    Ok(())
}

/// Who is back when.
fn returns(area: &Area<'_>, end: f64, recoveries: &[Recovery]) -> Drawn {
    let per_cent = |value: &f64| format!("{value} %");
    let panel = Panel { title: "Devices that are back", x: "seconds since the loss", format_y: &per_cent };
    let mut chart = panel.draw(area, 0.5..end, 0.0..100.0)?;
    for recovery in recoveries {
        let mut connected = 0;
        let share = recovery.seconds.iter().enumerate().map(|(at, second)| {
            connected += second.accepted;
            (float(at + 1), 100.0 * f64::from(connected) / f64::from(recovery.devices))
        });
        let start = std::iter::once((0.5, 0.0));
        line(&mut chart, recovery.policy.kind, start.chain(thinned(share, end)).collect())?;
    }
    Ok(())
}

/// What the server has to bear.
fn rates(area: &Area<'_>, end: f64, storm: &Storm, recoveries: &[Recovery]) -> Drawn {
    let peak = recoveries.iter().map(Recovery::peak_attempts).max().unwrap_or(0).max(storm.capacity.rate);
    let panel = Panel { title: "Attempts in a second", x: "seconds since the loss", format_y: &|&value| number(value) };
    let mut chart = panel.draw(area, 0.5..end, (1.0..1.5 * f64::from(peak)).log_scale())?;
    let rate = f64::from(storm.capacity.rate);
    chart.draw_series(DashedLineSeries::new([(0.5, rate), (end, rate)], 4, 4, QUIET.stroke_width(1)))?;
    let label = Text::new("what the server accepts", (0.55, rate * 1.7), ("sans-serif", 13).into_font().color(&QUIET));
    chart.draw_series(std::iter::once(label))?;
    for recovery in recoveries {
        let seconds = recovery.seconds.iter().enumerate();
        let attempts = seconds.map(|(at, second)| (float(at).max(0.5), f64::from(second.attempts).max(1.0)));
        let mut attempts = thinned(attempts, end);
        // Every second, faintly; and above them the line through those in which anything happened.
        let every = steps(attempts.clone(), float(recovery.seconds.len()));
        chart.draw_series(LineSeries::new(every, colour(recovery.policy.kind).mix(0.4).stroke_width(1)))?;
        attempts.retain(|&(_, attempts)| attempts > 1.0);
        line(&mut chart, recovery.policy.kind, attempts)?;
    }
    Ok(())
}

/// What it costs each device.
fn prices(area: &Area<'_>, recoveries: &[Recovery]) -> Drawn {
    let worst = recoveries.iter().map(|recovery| recovery.attempts_percentile(100)).max().unwrap_or(0).max(9) + 1;
    let bins = bins(worst);
    let shares = recoveries.iter().map(|recovery| shares(recovery, &bins)).collect::<Vec<_>>();
    let most = shares.iter().flatten().map(|&(_, share)| share).fold(1.0, f64::max);
    let per_cent = |value: &f64| format!("{value} %");
    let panel = Panel { title: "Devices that made so many attempts", x: "attempts", format_y: &per_cent };
    let mut chart = panel.draw(area, 1.0..float(worst), 0.0..1.1 * most)?;
    for (recovery, shares) in recoveries.iter().zip(shares) {
        line(&mut chart, recovery.policy.kind, steps(shares, float(worst)))?;
    }
    Ok(())
}

/// The first number of each bin: every number at first, then a quarter more each time.
fn bins(worst: usize) -> Vec<usize> {
    let next = |&first: &usize| Some((first + first / 4).max(first + 1).min(worst)).filter(|&next| next > first);
    std::iter::successors(Some(1), next).collect()
}

/// Which part of the devices made each number of attempts, in per cent: the average of each bin.
fn shares(recovery: &Recovery, bins: &[usize]) -> Vec<(f64, f64)> {
    let counts = &recovery.devices_by_attempts;
    let share = |(index, &first): (usize, &usize)| {
        let end = bins.get(index + 1).copied().unwrap_or(first + 1);
        let devices: u32 = counts.iter().take(end).skip(first).sum();
        (float(first), 100.0 * f64::from(devices) / f64::from(recovery.devices) / float(end - first))
    };
    bins.iter().enumerate().map(share).collect()
}

struct Panel<'a> {
    title: &'a str,
    x: &'a str,
    format_y: &'a dyn Fn(&f64) -> String,
}

impl Panel<'_> {
    /// Axes and labels; times and attempts are always on a logarithmic axis.
    fn draw<'a, Y>(
        &self,
        area: &Area<'a>,
        x: Range<f64>,
        y: Y,
    ) -> Result<Chart<'a, Y::CoordDescType>, DrawingAreaErrorKind<io::Error>>
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let small = ("sans-serif", 13).into_font().color(&QUIET);
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(28)
            .caption(self.title, ("sans-serif", 16).into_font().color(&INK))
            .x_label_area_size(42)
            .y_label_area_size(76)
            .build_cartesian_2d(x.log_scale(), y)?;
        chart
            .configure_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(QUIET)
            .label_style(small.clone())
            .axis_desc_style(small)
            .x_desc(self.x)
            .x_label_formatter(&|&value| number(value))
            .y_label_formatter(self.format_y)
            .draw()?;
        Ok(chart)
    }
}

/// The highest point in each column of the picture, for times on a logarithmic axis.
fn thinned(points: impl Iterator<Item = (f64, f64)>, end: f64) -> Vec<(f64, f64)> {
    let column = |x: f64| ((2.0 * x).ln() / (2.0 * end).ln() * COLUMNS).floor();
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (x, y) in points {
        match kept.last_mut() {
            Some(last) if column(last.0).total_cmp(&column(x)).is_eq() => last.1 = last.1.max(y),
            _ => kept.push((x, y)),
        }
    }
    kept
}

/// Each value holds until the next begins.
fn steps(points: Vec<(f64, f64)>, end: f64) -> Vec<(f64, f64)> {
    let ends = points.iter().skip(1).map(|&(x, _)| x).chain([end]).collect::<Vec<_>>();
    points.into_iter().zip(ends).flat_map(|((x, y), end)| [(x, y), (end, y)]).collect()
}

/// A policy's line. Where two lie on each other, the dashes of the later one let the earlier one be seen.
fn line<Y: Ranged<ValueType = f64>>(chart: &mut Chart<'_, Y>, kind: Kind, points: Vec<(f64, f64)>) -> Drawn {
    if is_dashed(kind) {
        chart.draw_series(DashedLineSeries::new(points, 11, 5, stroke(kind)))?;
    } else {
        chart.draw_series(LineSeries::new(points, stroke(kind)))?;
    }
    Ok(())
}

const fn is_dashed(kind: Kind) -> bool {
    matches!(kind, Kind::Fixed | Kind::Decorrelated)
}

fn stroke(kind: Kind) -> ShapeStyle {
    colour(kind).stroke_width(2)
}

/// A label of an axis.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "labels are positive numbers that fit")]
fn number(value: f64) -> String {
    if value < 1.0 { value.to_string() } else { grouped(value.round() as u64) }
}

#[expect(clippy::cast_precision_loss, reason = "seconds and attempts are far below 2^52")]
fn float(number: usize) -> f64 {
    number as f64
}

fn with_dark(svg: &str) -> String {
    let hex = |RGBColor(red, green, blue): RGBColor| format!("#{red:02X}{green:02X}{blue:02X}");
    let rule = |(light, dark)| {
        let light = hex(light);
        format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
    };
    let rules = DARK.map(rule).concat();
    let style = format!("<style>@media (prefers-color-scheme:dark){{{rules}}}</style>\n");
    match svg.split_once(">\n") {
        Some((opening, rest)) => format!("{opening}>\n{style}{rest}"),
        None => svg.to_owned(),
    }
}
