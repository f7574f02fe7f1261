//! What the client does, seen through its public boundary, under virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::type_complexity,
    missing_docs,
    unreachable_pub,
    reason = "a test that cannot go on fails"
)]

mod api;
mod bounds;
mod connect;
mod determinism;
mod documents;
mod draining;
mod frames;
mod keep_alive;
mod laws;
mod messages;
mod offline;
mod pacing;
mod parity;
mod publish;
mod reconnect;
mod request_edges;
mod requests;
mod resending;
mod rig;
mod status;
mod stop;
mod subscribe;
mod suspects;
mod thing_bound;
mod thing_build;
mod thing_edges;
mod thing_exchange;
#[cfg(feature = "thing-files")]
mod thing_files;
mod thing_last_word;
mod thing_laws;
mod thing_mirror;
mod thing_mistakes;
mod thing_policies;
mod thing_pyiot;
mod thing_rig;
mod thing_rules;
mod thing_shadow;
mod thing_stand;
mod thing_structures;
mod thing_tables;
mod thing_turns;
mod thing_updates;
mod thing_wishes;
mod topics;
#[cfg(feature = "trace")]
mod trace;
#[cfg(feature = "trace")]
mod trace_privacy;
#[cfg(feature = "trace")]
mod trace_reading;
mod violations;
mod watch_edges;
mod watches;
mod words;
