//! The examples of `docs/embedding.md`, run as they are: the core in loops that are not ours, against the local double.

#![allow(clippy::duplicate_mod, dead_code, reason = "each example is a command of its own")]

#[path = "../../examples/embed_calloop.rs"]
mod embed_calloop;
#[path = "../../examples/embed_mio.rs"]
mod embed_mio;
#[path = "../../examples/embed_std.rs"]
mod embed_std;
#[path = "../../examples/embed_thousand.rs"]
mod embed_thousand;
#[path = "../../examples/embed_tokio.rs"]
mod embed_tokio;

#[test]
fn a_bare_loop_over_a_blocking_socket() {
    embed_std::main().unwrap();
}

#[test]
fn a_loop_of_mio() {
    embed_mio::main().unwrap();
}

#[test]
fn a_task_of_tokio() {
    embed_tokio::main().unwrap();
}

#[test]
fn a_loop_of_calloop() {
    embed_calloop::main().unwrap();
}

#[test]
fn a_thousand_devices_in_one_thread() {
    embed_thousand::run(1_000).unwrap();
}
