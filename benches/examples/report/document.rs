//! The page that all of it becomes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Result, engines, fleet, footprint, memory, runtimes};

/// Measures everything and writes `docs/performance.md`.
pub(crate) fn write() -> Result<()> {
    let text = [
        HEAD.to_owned(),
        machine()?,
        RUNTIMES.to_owned(),
        told("runtimes", runtimes::measure)?,
        MEMORY.to_owned(),
        told("memory", || Ok(memory::measure()))?,
        ENGINES.to_owned(),
        told("engines", || Ok(engines::measure()))?,
        FOOTPRINT.to_owned(),
        told("footprint", footprint::measure)?,
        FLEET.to_owned(),
        told("fleet", fleet::measure)?,
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
    Ok(fs::write(path, text.join("\n"))?)
}

fn told(name: &str, measure: impl FnOnce() -> Result<String>) -> Result<String> {
    eprintln!("measuring: {name}");
    measure()
}

fn machine() -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown", |(_, model)| model.trim());
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let rustc = String::from_utf8(Command::new("rustc").arg("--version").output()?.stdout)?;
    let rustc = rustc.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
    Ok(format!("Machine of the figures here: {model}, {count} cores, Linux in a virtual machine, Rust {rustc}.\n"))
}

const HEAD: &str = "# Performance

Made by one command, which needs Mosquitto and some ten minutes and the time to build ten small programs; with
`-- runtimes`, `memory`, `engines`, `footprint` or `fleet` behind it, it makes one part:

```text
cargo run --release -p thingwire-benches --example report
```

Ratios are what to read: what is compared runs in turn, several times in one run, and the median counts. Times are those
of the processor, not of the clock on the wall, so that other work on the machine disturbs them less.
rumqttc is version 0.25, with the same rustls and the same cryptography.
";

const RUNTIMES: &str = "## Whole clients

Each client in a process of its own against a real Mosquitto on the same machine, over TCP and over mutual TLS: user and
system time of the process for each message of 64 bytes, after a warm-up. `Driver` runs on the caller's thread, `Client`
has a thread of its own beside the application's, smol and rumqttc (asynchronous, on tokio's current thread) share one
with it. The last three columns are multiples of rumqttc's time.

A round trip at QoS 1 costs the `Driver` three system calls: `send`, `epoll_wait`, `recv`. With smol, `async-io` adds its
own: a timer and two interests are set anew for every sleep. A `Client` hands every single round trip from thread to thread twice.
But for bursts, most of these times are the kernel's: to wake a process costs four times as much on one machine as on another.
";

const MEMORY: &str = "## The core in memory

The core beside rumqttc's `MqttState` with its codec, beside mqtt-protocol-core's connection, and beside the codec
`mqttbytes` alone, which remembers nothing: thread time for each message, its acknowledgement at QoS 1 included. The core's
part is a bounded queue, tickets with one outcome each, expiry, the service's limits, pacing and timers; that of the two
peers is a table of packet ids.
Allocations are counted and asserted in `benches/tests`: none to publish, one to receive, and none for the topic of the message before.
";

const ENGINES: &str = "## The engine

The core with its transport, without a socket, at QoS 0: messages to bytes for the socket and back, beside rustls alone, which
seals and opens the same bytes and knows nothing of messages. `plain` is what all but TLS takes. The last two columns are
what TLS costs as a multiple of rustls alone, and of the work that has to be done in any case. Frames of a WebSocket are
masked sixteen bytes at a time: one at a time took 95 µs for a message of 64 KiB, more than all the rest.
Now and then a figure for 64 KiB doubles for a whole run, rustls's own as well: the allocator then gives its memory back to
the system after every message.
";

const FOOTPRINT: &str = "## Footprint

Programs that connect over mutual TLS, subscribe, publish and wait (`benches/footprint`), without symbols, with fat LTO and
`panic = \"abort\"`. rustls alone speaks no MQTT. The `Driver` runs on the program's only thread, a `Client` and rumqttc's have
one of their own beside it. Memory, threads and wakeups are those of the idle program with a keep-alive of 30 s; `start` is
processor time from the beginning of the process to the SUBACK. Most of what is resident are pages of the program's file and
of the C library, which the system drops and reads again as it likes; `own` is the rest.
";

const FLEET: &str = "## A fleet in one process

Idle connected clients of thingwire-smol on one thread: what the process's resident memory grows by for each of them. The other
thread is the resolver's.
";
