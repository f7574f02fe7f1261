//! The lanes of one device that show how much and how many.

use thingwire_core::Instant;

use super::frame::{Frame, LEFT, RIGHT};
use crate::picture::markup::{Px, Rect, Strokes};
use crate::picture::story::{Fate, Kind, Passed, Story};
use crate::picture::words;
use crate::trace::What;

/// Packets of one direction that are drawn one by one, with words; of more, one of each kind in each column.
const PACKETS_MAX: usize = 2_000;
/// The height of the row of one kind of packet.
const ROW: i64 = 9;
/// Columns of the density of operations, in pixels.
const COLUMN: i64 = 4;

impl Frame<'_> {
    /// How many operations ended in each column, by how they ended.
    pub(super) fn density(&mut self, story: &Story) {
        const HEIGHT: Px = Px::whole(56);
        let columns = usize::try_from((RIGHT - LEFT).0 / (COLUMN * 10)).unwrap_or(1) + 1;
        let mut counts = vec![[0_u64; Fate::ALL.len()]; columns];
        for operation in &story.operations {
            let at = (self.x(operation.ended(story.end)) - LEFT).0 / (COLUMN * 10);
            let column = usize::try_from(at).unwrap_or(0).min(columns - 1);
            counts[column][operation.fate() as usize] += 1;
        }
        let most = counts.iter().map(|column| column.iter().sum::<u64>()).max().unwrap_or(0).max(1);
        let top = self.lane("operations", &format!("{} ended", words::number(story.operations.len() as u64)), HEIGHT);
        let note = format!("most: {} in a column", words::number(most));
        self.out.label("tw-note", Px::whole(8), top + Px::whole(35), &note, "");
        for fate in Fate::ALL {
            let (mut d, mut sum) = (Strokes::default(), 0);
            for (index, column) in counts.iter().enumerate() {
                let count = column[fate as usize];
                sum += count;
                let below: u64 = column[..fate as usize].iter().sum();
                // What failed is seen, however little it is among the rest.
                let height = share(count, most, HEIGHT).max(Px(if count > 0 { 15 } else { 0 }));
                if count > 0 {
                    let x = LEFT + Px::whole(i64::try_from(index).unwrap_or(0) * COLUMN);
                    let foot = (top + HEIGHT - share(below, most, HEIGHT)).max(top + height);
                    d.add(format_args!("M{x} {foot}h3v-{height}h-3z"));
                }
            }
            let title = format!("{}: {}", words::number(sum), fate.words());
            self.out.strokes(&format!("tw-{}", fate.class()), &d, &title);
        }
        self.refused(story, top);
    }

    /// What the client holds.
    pub(super) fn curves(&mut self, story: &Story) {
        let queued: Vec<_> = story.holds.iter().map(|(at, holds)| (*at, u64::from(holds.queued))).collect();
        let in_flight: Vec<_> = story.holds.iter().map(|(at, holds)| (*at, u64::from(holds.in_flight))).collect();
        self.curve("queued", &queued, story.end, "tw-area");
        self.curve("in flight", &in_flight, story.end, "tw-step");
    }

    fn curve(&mut self, name: &str, points: &[(Instant, u64)], end: Instant, class: &str) {
        const HEIGHT: Px = Px::whole(34);
        let most = points.iter().map(|(_, value)| *value).max().unwrap_or(0);
        let top = self.lane(name, &format!("most: {}", words::number(most)), HEIGHT);
        let y = |value: u64| top + HEIGHT - share(value, most.max(1), HEIGHT);
        let mut d = Strokes::default();
        d.add(format_args!("M{LEFT} {}", y(0)));
        // Of all values in one column, the largest and the last are seen.
        let (mut column, mut largest, mut last) = (LEFT, 0, 0);
        let mut put = |x: Px, largest: u64, last: u64| {
            d.add(format_args!("H{x}V{}", y(largest)));
            if last != largest {
                d.add(format_args!("V{}", y(last)));
            }
        };
        for (at, value) in points {
            let x = Px(self.x(*at).0 / 10 * 10).max(LEFT);
            if x != column {
                put(column, largest, last);
                (column, largest) = (x, 0);
            }
            (largest, last) = (largest.max(*value), *value);
        }
        put(column, largest, last);
        d.add(format_args!("H{}V{}", self.x(end), y(0)));
        self.out.strokes(class, &d, &format!("{name}: {} at most", words::number(most)));
    }

    /// The packets of one direction: a row for each kind, so that the kind is seen without colour.
    pub(super) fn packets(&mut self, story: &Story, to_broker: bool) {
        let passed: Vec<_> = story.packets.iter().filter(|packet| packet.to_broker == to_broker).collect();
        let name = if to_broker { "to broker" } else { "to client" };
        let kinds = i64::try_from(Kind::ALL.len()).unwrap_or(5);
        let top = self.lane(name, &words::count(passed.len() as u64, "packet"), Px::whole(ROW * kinds));
        let many = passed.len() > PACKETS_MAX;
        for kind in Kind::ALL {
            let row = top + Px::whole(ROW * i64::try_from(kind as usize).unwrap_or(0));
            self.out.label(
                &format!("tw-kind tw-{}", kind.class()),
                LEFT - Px::whole(4),
                row + Px::whole(8),
                kind.class(),
                "",
            );
            let of_kind = passed.iter().filter(|packet| packet.kind == kind);
            if many {
                self.ticks_of_many(of_kind.copied(), row, kind);
                continue;
            }
            for packet in of_kind {
                let at = Rect { x: self.x(packet.at), y: row, width: Px(15), height: Px::whole(ROW - 1) };
                let title = self.packet_title(packet);
                self.out.rect(&format!("tw-{}", kind.class()), at, &title);
                if packet.repeated {
                    // A flag on top, for whoever does not see the colour.
                    self.out.path("tw-repeated", &format!("M{} {row}h5l-5 4z", at.x), &title);
                }
            }
        }
    }

    /// One tick for each column in which there is any.
    fn ticks_of_many<'p>(&mut self, packets: impl Iterator<Item = &'p Passed>, row: Px, kind: Kind) {
        let (mut count, mut last, mut last_repeated) = (0_u64, None, None);
        let (mut d, mut repeated) = (Strokes::default(), Strokes::default());
        for packet in packets {
            count += 1;
            let x = Px(self.x(packet.at).0 / 20 * 20);
            if last.replace(x) != Some(x) {
                d.add(format_args!("M{x} {row}h1.5v8h-1.5z"));
            }
            if packet.repeated && last_repeated.replace(x) != Some(x) {
                repeated.add(format_args!("M{x} {row}h4l-4 4z"));
            }
        }
        let title = format!("{} of kind {}", words::count(count, "packet"), kind.class());
        self.out.strokes(&format!("tw-{}", kind.class()), &d, &title);
        self.out.strokes("tw-repeated", &repeated, "marked as repeated");
    }

    fn packet_title(&self, packet: &Passed) -> String {
        let what = self.trace.records.get(packet.record).map(|record| &record.what);
        let words = match what {
            Some(What::Sent(link, passed) | What::Received(link, passed)) => {
                format!("link {link}: {}", words::packet(self.trace, passed))
            }
            _ => String::new(),
        };
        format!("{} {words}", words::short_clock(packet.at))
    }
}

/// `height * count / most`.
fn share(count: u64, most: u64, height: Px) -> Px {
    let tenths = u128::from(count) * u128::from(height.0.unsigned_abs()) / u128::from(most.max(1));
    Px(i64::try_from(tenths).unwrap_or(height.0))
}
