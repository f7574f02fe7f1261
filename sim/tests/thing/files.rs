//! A table as a file, and the device that it describes.

use core::time::Duration;

use serde_json::json;
use thingwire_core::thing::file::ThingFile;
use thingwire_sim::choices::Seeded;
use thingwire_sim::thing::Stand;

#[test]
fn a_file_is_a_component_and_its_device() {
    let file = ThingFile::parse(include_str!("../../../core/tests/it/projector.toml"));
    let file = file.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let table = &file.components[0].lines;
    let mut stand = Stand::new(table, Box::new(Seeded::new(1))).unwrap();
    let (power, input) = (stand.property("power"), stand.property("input"));
    stand.turn(power, "WARMING");
    stand.plug();
    stand.run_until(stand.now() + Duration::from_secs(1));
    stand.set(input, "HDMI2");
    stand.run_until(stand.now() + Duration::from_secs(5));
    assert_eq!(stand.device.value(input), &json!("HDMI1"));
    stand.turn(power, "ON");
    stand.run_until(stand.now() + Duration::from_secs(5));
    assert_eq!(stand.device.value(input), &json!("HDMI2"));
}
