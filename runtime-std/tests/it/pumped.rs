//! Whatever reads and writes, as a port.

use std::os::unix::net::UnixStream;

use serde_json::json;
use thingwire_core::thing::lines::Mirror;
use thingwire_std::{PortFault, pumped};

use crate::suite::support::PATIENCE;
use crate::suite::things::played::Played;
use crate::suite::things::{Bench, both, fault, opened, options, relay};

#[test]
fn whatever_reads_and_writes_is_a_port() {
    let bench = Bench::new();
    let path = bench.path("socket");
    let plug = || Played::on_unix(Mirror::new(&relay("lamp")).unwrap(), &path, |_| ()).unwrap();
    let device = plug();
    let at = path.clone();
    let open = move || {
        let stream = UnixStream::connect(&at)?;
        Ok((stream.try_clone()?, stream))
    };
    let thing = bench.client.run_thing(options(&["lamp"]).port_with("lamp", "the bridge", pumped(open))).unwrap();
    bench.until(&thing, &json!({ "reported": { "lamp": true } }));
    bench.wish(&json!({ "lamp": false }));
    assert!(device.wait_for("lamp", &json!(false), PATIENCE));
    bench.until(&thing, &both("lamp", false));
    drop(device);
    assert_eq!(fault(&thing), ("lamp".to_owned(), PortFault::Closed));
    let device = plug();
    opened(&thing, "lamp");
    bench.until(&thing, &both("lamp", true));
    assert_eq!(device.value("lamp"), Some(json!(true)));
    assert!(thing.stop(PATIENCE));
}
