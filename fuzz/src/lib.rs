//! The bodies of the fuzz targets. Each takes any bytes and panics when a law is broken, so `cargo fuzz` explores
//! what plain `cargo test` replays.

#[cfg(test)]
mod tests;

mod client;
mod codec;
mod file;
mod frame;
mod http;
mod input;
mod life;
mod lines;
mod proxy;
mod request;
mod scenario;
mod shadow;
mod thing;
mod tls;
mod topic;
mod trace;
mod websocket;

pub use client::client;
pub use codec::codec;
pub use file::file;
pub use frame::frame;
pub use http::http;
pub use life::life;
pub use lines::lines;
pub use proxy::proxy;
pub use request::request;
pub use scenario::scenario;
pub use shadow::shadow;
pub use thing::thing;
pub use tls::tls;
pub use topic::topic;
pub use trace::trace;
pub use websocket::websocket;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: of its binary and of its corpus.
    pub name: &'static str,
    /// What is looked at.
    pub what: &'static str,
    /// Takes any bytes; panics when a law is broken.
    pub body: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "client", what: "a simulated life under faults, with every oracle on", body: client },
    Target { name: "codec", what: "what is sent and received, as other codecs write and read it", body: codec },
    Target { name: "file", what: "files of things", body: file },
    Target { name: "frame", what: "the frame validator, and the client behind it", body: frame },
    Target { name: "http", what: "answers with credentials, and shared credentials files", body: http },
    Target { name: "life", what: "events and commands in any order: the contract, chunks, replay", body: life },
    Target {
        name: "lines",
        what: "tables of devices that speak lines, their codecs, framing and components",
        body: lines,
    },
    Target { name: "proxy", what: "what HTTP and SOCKS5 proxies answer", body: proxy },
    Target { name: "request", what: "which answer belongs to which shadow request", body: request },
    Target { name: "scenario", what: "scenario files of the simulator", body: scenario },
    Target { name: "shadow", what: "shadow documents and updates, against another reading of JSON", body: shadow },
    Target { name: "thing", what: "devices, wishes and the cloud in any order, and damaged memories", body: thing },
    Target { name: "tls", what: "records that are changed on the way", body: tls },
    Target { name: "topic", what: "topics and filters, against a naive matcher", body: topic },
    Target { name: "trace", what: "recorded lives that were damaged or forged", body: trace },
    Target { name: "websocket", what: "the upgrade and the frames of a server", body: websocket },
];

/// Makes a target's program: libFuzzer's under `cargo fuzz`, else one that runs the files named on its command line.
#[macro_export]
macro_rules! program {
    ($body:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$body(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::run_files($crate::$body)
        }
    };
}

/// Runs a body on every file named on the command line.
pub fn run_files(body: fn(&[u8])) -> std::io::Result<()> {
    std::env::args_os().skip(1).try_for_each(|path| std::fs::read(path).map(|data| body(&data)))
}
