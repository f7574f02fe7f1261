//! The engine against a real TLS server, in memory; and the certificates, keys and files it is set up from.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "a test that cannot go on fails")]

mod api;
mod arbitrary;
mod faults;
mod files;
mod handshake;
mod identities;
mod line;
mod pair;
mod pem;
mod pki;
mod secrecy;
mod security_module;
mod sources;
mod traffic;
mod ways;
mod worker;
