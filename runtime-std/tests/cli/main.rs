//! The `thingwire` command and the example, as the processes that users run.

mod credentials;
mod doctor;
#[path = "../common/encrypted_key.rs"]
mod encrypted_key;
mod example;
mod help;
#[cfg(unix)]
mod interrupts;
mod mistakes;
mod preset;
mod publish;
mod reconnect;
mod record;
mod samples;
mod secrets;
#[cfg(unix)]
mod shadow;
mod subscribe;
mod support;
#[cfg(unix)]
mod thing;
mod trouble;
mod ways;
