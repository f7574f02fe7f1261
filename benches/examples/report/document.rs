//! The page that all of it becomes.

use std::fs;
use std::path::Path;
use std::process::Command;

use thingwire_benches::report::{aims, engines, memory, scale};

use crate::{Result, fleet, footprint, runtimes, simulator};

/// Measures everything and writes `docs/performance.md`.
pub(crate) fn write() -> Result<()> {
    let (machine, runtimes) = (machine()?, told("runtimes", runtimes::measure)?);
    let memory = told("memory", || Ok(memory::measure()))?;
    let scale = told("scale", || Ok(scale::measure()))?;
    let engines = told("engines", || Ok(engines::measure()))?;
    let footprint = told("footprint", footprint::measure)?;
    let aims =
        [aims::of_memory(&memory), aims::of_scale(&scale), aims::of_engines(&engines), footprint::aims(&footprint)];
    let parts: [(&str, &str); 8] = [
        (AIMS, &aims::show(&aims.concat())),
        (RUNTIMES, &runtimes),
        (MEMORY, &memory::show(&memory)),
        (SCALE, &scale::show(&scale)),
        (ENGINES, &engines::show(&engines)),
        (FOOTPRINT, &footprint::show(&footprint)),
        (FLEET, &told("fleet", fleet::measure)?),
        (SIMULATOR, &told("simulator", simulator::measure)?),
    ];
    let parts = parts.map(|(text, table)| format!("{text}\n{table}")).join("\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
    Ok(fs::write(path, format!("{HEAD}\n{machine}\n{parts}"))?)
}

fn told<T>(name: &str, measure: impl FnOnce() -> Result<T>) -> Result<T> {
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

Made by one command, which needs Mosquitto and some ten minutes and the time to build ten small programs and
the simulator; with `-- runtimes`, `memory`, `scale`, `engines`, `footprint`, `fleet` or `simulator` behind it, it shows one
part:

```text
cargo run --release -p thingwire-benches --example report
```

Ratios are what to read: what is compared runs in turn, several times in one run, and the median counts. Times are those
of the processor, not of the clock on the wall, so that other work on the machine disturbs them less.
rumqttc is version 0.25, with the same rustls and the same cryptography.
";

const AIMS: &str = "## What is aimed at

What is in the way of what is not met:

- mqttbytes alone, which remembers nothing, takes 0.30 to 0.34 times of what rumqttc takes to publish. A publish of the
  core passes through a queue, has a ticket and an outcome, and is held against the service's limits.
- Between one and a hundred at once lies a whole call: the clock, the timers and the look at what follows.
- rustls seals a hundred messages of 64 bytes as one record. They cost what it costs to make them, with TLS or without.
- A million messages that wait are 160 MB: to accept them costs what the system takes to give as much memory, and to send
  them what the processor takes to find them there.
- What a program weighs and keeps resident is code: the validator, shadows and requests, files and names, and errors that
  say what to do. What it allocates is less than rumqttc's (below, `own`).

What profiles have shown, and what mending it gave: what is in flight lay in a B-tree, a quarter of a publish at QoS 1 (it is
a table by packet id now); the codec copied topics to write and to read them (PUBLISH and PUBACK are read and written by our
own hand, with mqttbytes as the oracle of the tests, and a message to the topic of the one before allocates nothing); frames
of a WebSocket were masked a byte at a time, 95 µs for 64 KiB, more than all the rest; each acknowledgement had a system
call of its own, most of what receiving cost (what is told within a millisecond is written together); a read that only said
that there is nothing more was one system call in four of a round trip; the code of things was in programs that have none,
0.24 MB; every message was held against each watch and each subscription, 12 µs with a thousand watched shadows (what it is
about is looked up now: 0.8 µs); the first bytes of a PUBLISH were stored one by one and then copied together, and the
queue looked at a message that it had just moved: the processor waited for its own stores, a seventh of a publish.
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

const SCALE: &str = "## Much to do

The same work of a client that has little beside it and of one that has much: thread time. A million messages are 160 MB,
which the system has to give and the processor to find; what is done for each of them is the same (`benches/tests`).
";

const ENGINES: &str = "## The engine

The core with its transport, without a socket, at QoS 0: messages to bytes for the socket and back, beside rustls alone, which
seals and opens the same bytes and knows nothing of messages. `plain` is what all but TLS takes. The last two columns are
what TLS costs as a multiple of rustls alone, and of the work that has to be done in any case. Frames of a WebSocket are
masked sixteen bytes at a time.
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

const SIMULATOR: &str = "## The simulator

`thingwire-sim bench`, on one thread, with all oracles on and a recorder.
";
