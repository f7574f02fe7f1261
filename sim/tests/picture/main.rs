//! The pictures of runs and campaigns.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod axis;
mod browser;
mod pages;
mod report;
mod sample;
mod timeline;
mod words;
