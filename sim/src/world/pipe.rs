//! One direction of a connection: bytes on their way, in order.

use core::time::Duration;
use std::collections::VecDeque;

use thingwire_core::Instant;

use crate::choices::{Choices, Site};
use crate::plan::Network;

/// Bytes that have arrived and are still stored: fewer are not worth moving the others.
const ARRIVED_KEPT: usize = 64 * 1024;

/// Which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ToBroker,
    ToClient,
}

/// Bytes on their way. The network never reorders inside a connection, it only delays.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    bytes: Vec<u8>,
    /// Where what has not arrived begins.
    head: usize,
    segments: VecDeque<Segment>,
    last_due: Instant,
    /// FIN comes behind all bytes.
    ends: bool,
    /// The arrival that the agenda has for it.
    pub(super) scheduled: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    due: Instant,
    len: u32,
}

impl Pipe {
    /// Puts bytes on their way, cut into segments as the network likes it.
    pub(super) fn send(
        &mut self,
        now: Instant,
        bytes: &[u8],
        network: &Network,
        device: u32,
        choices: &mut dyn Choices,
    ) {
        if self.head > ARRIVED_KEPT {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
        self.bytes.extend_from_slice(bytes);
        let mut left = bytes.len();
        while left > 0 {
            let most = left.min(network.segment_len_max.max(1) as usize);
            let cut = if network.fragmented { choices.below(device, Site::Segment, most as u64) } else { 0 };
            let len = most - usize::try_from(cut).unwrap_or(0);
            left -= len;
            self.segment(now, len, network, device, choices);
        }
    }

    fn segment(&mut self, now: Instant, len: usize, network: &Network, device: u32, choices: &mut dyn Choices) {
        let jitter = match u64::try_from(network.jitter.0.as_micros()) {
            Ok(0) | Err(_) => 0,
            Ok(micros) => choices.below(device, Site::Jitter, micros + 1),
        };
        let travels = network.latency.0 + Duration::from_micros(jitter);
        let due = self.last_due.max(now + travels) + time_of(len as u64, network);
        self.last_due = due;
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        // What travels together arrives together, as far as one read takes it.
        match self.segments.back_mut() {
            Some(last) if last.due == due && !network.fragmented && last.len + len <= network.segment_len_max => {
                last.len += len;
            }
            _ => self.segments.push_back(Segment { due, len }),
        }
    }

    /// The network has become better: what is on its way does not wait for the old one.
    pub(super) fn hurry(&mut self, now: Instant, network: &Network) {
        let mut last_due = now + network.latency.0;
        for segment in &mut self.segments {
            let takes = time_of(u64::from(segment.len), network);
            segment.due = segment.due.min(last_due + takes);
            last_due = last_due.max(segment.due);
        }
        self.last_due = self.last_due.min(last_due);
    }

    /// Nothing follows what has been sent; the end itself arrives at `at`, or behind the last segment.
    pub(super) fn end_after(&mut self, at: Instant) {
        if !self.ends {
            self.ends = true;
            self.last_due = self.last_due.max(at);
        }
    }

    /// When the next segment, or the end, arrives.
    pub(super) fn next(&self) -> Option<Instant> {
        let end = self.ends.then_some(self.last_due);
        self.segments.front().map(|segment| segment.due).or(end)
    }

    /// How long the next segment is, if it has arrived.
    pub(super) fn arrived(&self, now: Instant) -> Option<usize> {
        self.segments.front().filter(|segment| segment.due <= now).map(|segment| segment.len as usize)
    }

    /// Takes the next segment.
    pub(super) fn take(&mut self) -> &[u8] {
        let start = self.head;
        self.head += self.segments.pop_front().map_or(0, |segment| segment.len as usize);
        self.bytes.get(start..self.head).unwrap_or_default()
    }

    /// Forgets what has arrived; call it when the last segment has been looked at.
    pub(super) fn tidy(&mut self) {
        if self.head == self.bytes.len() {
            self.bytes.clear();
            self.head = 0;
        }
    }

    /// Whether the end has arrived.
    pub(super) fn has_ended(&self, now: Instant) -> bool {
        self.ends && self.segments.is_empty() && self.last_due <= now
    }

    /// Bytes on their way.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.head
    }

    /// Everything that is on its way.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }
}

/// How long so many bytes take on a narrow path.
fn time_of(bytes: u64, network: &Network) -> Duration {
    let micros = (bytes * 1_000_000).checked_div(network.bytes_per_second.into());
    Duration::from_micros(micros.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::Read;

    #[test]
    fn bytes_on_a_narrow_path_hurry_once_it_is_wide() {
        let drip = Network { bytes_per_second: 1, ..Network::default() };
        let (mut pipe, now) = (Pipe::default(), Instant::EPOCH);
        pipe.send(now, &[7; 100], &drip, 0, &mut Read::new(&[]));
        pipe.end_after(now);
        assert_eq!(pipe.arrived(now + Duration::from_secs(99)), None);
        let (wide, now) = (Network::default(), now + Duration::from_secs(5));
        pipe.hurry(now, &wide);
        let then = now + wide.latency.0;
        assert_eq!(pipe.next(), Some(then));
        assert_eq!(pipe.take().len(), 100);
        assert!(pipe.has_ended(then));
    }
}
