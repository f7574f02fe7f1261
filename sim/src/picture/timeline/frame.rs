//! The drawing as a whole: its width, the axis, and the lanes of each device below each other.

use core::time::Duration;

use thingwire_core::Instant;

use super::{Options, devices};
use crate::oracle::Finding;
use crate::picture::axis::Axis;
use crate::picture::markup::{Markup, Px, Rect, Strokes};
use crate::picture::story::Story;
use crate::picture::{palette, words};
use crate::trace::Trace;

pub(super) const WIDTH: Px = Px::whole(1_200);
/// Where time begins; the names of the lanes are left of it.
pub(super) const LEFT: Px = Px::whole(118);
/// Where time ends.
pub(super) const RIGHT: Px = Px::whole(1_184);
const FOLD_WIDTH: Px = Px::whole(44);
/// The least room between two times on the axis.
const TICK_APART: Px = Px::whole(84);
const AXIS_HEIGHT: Px = Px::whole(34);

/// Steps between times on an axis that people can count in, in microseconds.
const STEPS: [u64; 27] = [
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    15_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
    900_000_000,
    1_800_000_000,
    3_600_000_000,
    7_200_000_000,
    21_600_000_000,
    43_200_000_000,
    86_400_000_000,
    604_800_000_000,
];

/// A drawing in the making.
pub(super) struct Frame<'a> {
    pub(super) trace: &'a Trace,
    pub(super) options: &'a Options,
    pub(super) devices: Vec<u32>,
    pub(super) stories: Vec<Story>,
    left_out: usize,
    axis: Axis,
    /// What lies below the lanes: shades of faults.
    pub(super) below: Markup,
    /// The lanes.
    pub(super) out: Markup,
    /// What lies above them: lines of findings.
    pub(super) above: Markup,
    /// Where the next lane begins.
    pub(super) y: Px,
}

impl<'a> Frame<'a> {
    pub(super) fn new(trace: &'a Trace, findings: &'a [Finding], options: &'a Options) -> Self {
        let (devices, left_out) = devices(trace, findings, options);
        let moments = Story::moments(trace, findings, &devices);
        let first = moments.iter().min().copied().unwrap_or_default();
        let whole = moments.iter().max().map_or(Duration::ZERO, |last| last.since(first));
        let threshold = options.fold.unwrap_or_else(|| Axis::usual_threshold(whole));
        let width = |px: Px| u64::try_from(px.0).unwrap_or(0);
        Self {
            trace,
            options,
            stories: Story::of(trace, findings, &devices),
            devices,
            left_out,
            axis: Axis::new(moments, threshold, width(RIGHT - LEFT), width(FOLD_WIDTH)),
            below: Markup::default(),
            out: Markup::default(),
            above: Markup::default(),
            y: Px::default(),
        }
    }

    /// The drawing; alone it has its title and colours with it.
    pub(super) fn draw(mut self, alone: bool) -> String {
        if alone {
            self.y = Px::whole(26);
            let title = words::shortened(&self.options.title, 110);
            self.out.label("tw-title", Px::whole(8), Px::whole(18), &title, "");
        }
        let axis_top = self.y;
        self.y = self.y + AXIS_HEIGHT;
        let stories = core::mem::take(&mut self.stories);
        for (index, story) in stories.iter().enumerate() {
            if self.devices.len() > 1 {
                self.heading(&format!("device {}", self.devices[index]));
            }
            self.device(story);
        }
        if self.left_out > 0 {
            self.heading(&format!("{} not shown", words::count(self.left_out as u64, "more device")));
        }
        self.finish(axis_top, alone)
    }

    /// The place of a moment.
    pub(super) fn x(&self, at: Instant) -> Px {
        LEFT + Px(i64::try_from(self.axis.place(at)).unwrap_or(0))
    }

    /// Begins a lane of this height, below the last one, and says where it is.
    pub(super) fn lane(&mut self, name: &str, note: &str, height: Px) -> Px {
        let top = self.y + Px::whole(4);
        self.out.label("tw-lane", Px::whole(8), top + Px::whole(11), name, "");
        if !note.is_empty() {
            self.out.label("tw-note", Px::whole(8), top + Px::whole(23), note, "");
        }
        self.y = top + height + Px::whole(4);
        let d = format!("M8 {}H{RIGHT}", self.y);
        self.out.path("tw-rule", &d, "");
        top
    }

    fn heading(&mut self, text: &str) {
        self.y = self.y + Px::whole(22);
        self.out.label("tw-device", Px::whole(8), self.y - Px::whole(5), text, "");
        let d = format!("M8 {}H{RIGHT}", self.y);
        self.out.path("tw-rule", &d, "");
    }

    fn finish(self, axis_top: Px, alone: bool) -> String {
        let height = self.y + Px::whole(6);
        let mut svg = Markup::default();
        let view = format!("0 0 {WIDTH} {height}");
        svg.open(
            "svg",
            &[
                ("xmlns", &"http://www.w3.org/2000/svg"),
                ("viewBox", &view),
                ("width", &WIDTH),
                ("height", &height),
                ("role", &"img"),
                ("class", &"tw"),
            ],
        );
        svg.raw("\n").leaf("title", &[], &self.options.title);
        svg.raw("<style>\n");
        if alone {
            svg.raw(&palette::css());
        }
        svg.raw(include_str!("timeline.css")).raw("</style>\n");
        svg.raw(
            "<defs><pattern id=\"tw-hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><path class=\"tw-hatch\" d=\"M0 0V6\"/></pattern></defs>\n",
        );
        let whole = Rect { x: Px::default(), y: Px::default(), width: WIDTH, height };
        svg.rect("tw-page", whole, "");
        self.time(&mut svg, axis_top, self.y);
        let Self { below, out, above, .. } = self;
        svg.raw(&below.finish()).raw(&out.finish()).raw(&above.finish()).close("svg");
        svg.finish()
    }

    /// Times, lines down from them, and folds.
    fn time(&self, svg: &mut Markup, top: Px, bottom: Px) {
        let (mut grid, mut clear_from, mut fold_clear_from) = (Strokes::default(), LEFT, LEFT);
        for stretch in self.axis.stretches() {
            let (left, right) = (self.x(stretch.from), self.x(stretch.to));
            if stretch.folded {
                let span = words::span(stretch.to.since(stretch.from));
                let y = top + Px::whole(20);
                let title = format!("nothing happens for {span}, from {} on", words::short_clock(stretch.from));
                let rect = Rect { x: left, y, width: right - left, height: bottom - y };
                svg.rect("tw-fold", rect, &title);
                let wide = Px::of_text(&span, 10);
                let x = left + Px((right - left - wide).0 / 2);
                if x >= fold_clear_from && x + wide <= RIGHT + Px::whole(14) {
                    svg.label("tw-fold-text", x, top + Px::whole(30), &span, &title);
                    fold_clear_from = x + wide + Px::whole(3);
                }
                continue;
            }
            for at in self.ticks(stretch.from, stretch.to) {
                let (x, text) = (self.x(at), words::short_clock(at));
                if x >= clear_from && x + Px::of_text(&text, 11) <= WIDTH {
                    svg.label("tw-time", x, top + Px::whole(14), &text, "");
                    grid.add(format_args!("M{x} {}V{bottom}", top + Px::whole(17)));
                    clear_from = x + Px::of_text(&text, 11) + Px::whole(8);
                }
            }
        }
        svg.strokes("tw-grid", &grid, "");
    }

    /// Round times in a stretch.
    fn ticks(&self, from: Instant, to: Instant) -> Vec<Instant> {
        let (from, to) = (from.as_micros(), to.as_micros());
        let wide =
            u64::try_from((self.x(Instant::from_micros(to)) - self.x(Instant::from_micros(from))).0).unwrap_or(0);
        let apart = u64::try_from(TICK_APART.0).unwrap_or(1);
        // As many steps as there is room for, and never more than that, however long the run was.
        let least = (to - from).saturating_mul(apart) / wide.max(1);
        let largest = STEPS.partition_point(|&step| step < least).min(STEPS.len() - 1);
        for &step in STEPS[..=largest].iter().rev() {
            let first = from.div_ceil(step);
            if first * step <= to {
                let times = (first..=to / step).take(100);
                return times.map(|nth| Instant::from_micros(nth * step)).collect();
            }
        }
        vec![Instant::from_micros(from)]
    }
}
