//! Processor time of code in this process.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::table::median;

/// How often everything is measured, one thing after the other.
const ROUNDS: usize = 9;

/// What is measured at a time.
const SPAN: Duration = Duration::from_millis(15);

/// What this process has used of the processor, its threads and the system's work for it included.
pub fn of_process() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// What this thread has used of the processor.
pub fn of_thread() -> Duration {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Nanoseconds that each of these takes once: the middle of several rounds through all of them.
///
/// Each is given how often to do its work, and returns the processor time that it took, without what it had to
/// prepare.
pub fn nanoseconds<const N: usize>(works: &mut [&mut dyn FnMut(u32) -> Duration; N]) -> [f64; N] {
    let counts = works.each_mut().map(|work| {
        let mut count = 1;
        loop {
            let span = work(count);
            if span * 2 > SPAN {
                return count;
            }
            count = if span * 16 < SPAN { count * 8 } else { count * 2 };
        }
    });
    let mut measured = [(); N].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        for ((work, count), measured) in works.iter_mut().zip(counts).zip(&mut measured) {
            measured.push(work(count).as_secs_f64() * 1e9 / f64::from(count));
        }
    }
    measured.each_mut().map(|measured| median(measured))
}

/// Work that has nothing to prepare.
pub fn timed(mut work: impl FnMut()) -> impl FnMut(u32) -> Duration {
    move |count| {
        let start = of_thread();
        (0..count).for_each(|_| work());
        of_thread().saturating_sub(start)
    }
}
