//! What is measured without another process, as rows and as tables: `cargo bench --bench summary` prints it, and it is a
//! part of `docs/performance.md`.
#![allow(clippy::cast_precision_loss, reason = "what is measured is less exact")]

pub mod aims;
pub mod engines;
pub mod measure;
pub mod memory;
pub mod scale;
pub mod table;
