//! The bodies of the fuzz targets. Each takes any bytes and panics when a law is broken, so `cargo fuzz` explores
//! what plain `cargo test` replays.

mod frame;

pub use frame::frame;

/// Runs a body on every file named on the command line.
pub fn run_files(body: fn(&[u8])) -> std::io::Result<()> {
    std::env::args_os().skip(1).try_for_each(|path| std::fs::read(path).map(|data| body(&data)))
}
