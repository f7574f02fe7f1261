//! Time from left to right, with idle stretches folded.
//!
//! Waits are what a run is mostly made of, and nothing happens in them. So a stretch without records that is longer
//! than a threshold gets a fixed width, and its real length is written on it; all other time shares what is left.

use core::time::Duration;

use thingwire_core::Instant;

/// The share of the width that folded stretches may take together: one half.
const FOLDED_SHARE: u64 = 2;

/// Where each moment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// The stretches between the ends and folds, in order; never empty.
    stretches: Vec<Stretch>,
    width: u64,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Where it begins.
    pub from: Instant,
    /// Where it ends.
    pub to: Instant,
    /// The place of its beginning.
    pub left: u64,
    /// The place of its end.
    pub right: u64,
    /// Whether it is idle and was folded.
    pub folded: bool,
}

impl Axis {
    /// An axis for moments in any order, `width` wide. Stretches longer than `threshold` are folded to at most
    /// `fold_width`, and to less where there are many. Widths have any unit.
    pub fn new(moments: impl IntoIterator<Item = Instant>, threshold: Duration, width: u64, fold_width: u64) -> Self {
        let mut moments: Vec<_> = moments.into_iter().map(Instant::as_micros).collect();
        moments.sort_unstable();
        moments.dedup();
        let threshold = u64::try_from(threshold.as_micros()).unwrap_or(u64::MAX);
        let folded = |from: u64, to: u64| to - from > threshold;
        let (mut shown, mut folds) = (0_u64, 0_u64);
        for pair in moments.windows(2) {
            if folded(pair[0], pair[1]) {
                folds += 1;
            } else {
                shown += pair[1] - pair[0];
            }
        }
        // Where nothing but folded stretches is left, they share the whole width.
        let share = if shown == 0 { width } else { fold_width.saturating_mul(folds).min(width / FOLDED_SHARE) };
        let mut axis = Self { stretches: Vec::new(), width };
        let (mut shown_before, mut folds_before) = (0, 0);
        for pair in moments.windows(2) {
            let left = part(shown_before, shown, width - share) + part(folds_before, folds, share);
            let is_fold = folded(pair[0], pair[1]);
            if is_fold {
                folds_before += 1;
            } else {
                shown_before += pair[1] - pair[0];
            }
            let right = part(shown_before, shown, width - share) + part(folds_before, folds, share);
            axis.push(pair[0], pair[1], left, right, is_fold);
        }
        if axis.stretches.is_empty() {
            let at = moments.first().copied().unwrap_or_default();
            axis.push(at, at, 0, width, false);
        }
        axis
    }

    /// How long a stretch must be to be folded unless somebody says it: longer than a sixtieth of the whole, and than
    /// five seconds.
    pub fn usual_threshold(whole: Duration) -> Duration {
        (whole / 60).max(Duration::from_secs(5))
    }

    /// The place of a moment: never left of an earlier one's.
    pub fn place(&self, at: Instant) -> u64 {
        let next = self.stretches.partition_point(|stretch| stretch.to < at);
        match self.stretches.get(next) {
            None => self.width,
            Some(stretch) if at <= stretch.from => stretch.left,
            Some(stretch) => {
                let micros = |from: Instant, to: Instant| to.as_micros() - from.as_micros();
                let (done, whole) = (micros(stretch.from, at), micros(stretch.from, stretch.to));
                stretch.left + part(done, whole, stretch.right - stretch.left)
            }
        }
    }

    /// The stretches, in order and without a gap between them.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// A stretch that goes on like the one before is one with it; what is folded stays by itself, with its length.
    fn push(&mut self, from: u64, to: u64, left: u64, right: u64, folded: bool) {
        let to = Instant::from_micros(to);
        match self.stretches.last_mut() {
            Some(last) if !last.folded && !folded => (last.to, last.right) = (to, right),
            _ => self.stretches.push(Stretch { from: Instant::from_micros(from), to, left, right, folded }),
        }
    }
}

/// `width * part / whole`; nothing of nothing.
fn part(part: u64, whole: u64, width: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    u64::try_from(u128::from(width) * u128::from(part) / u128::from(whole)).unwrap_or(width)
}
