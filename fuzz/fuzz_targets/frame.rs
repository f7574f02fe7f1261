//! The body is `thingwire_fuzz::frame`. Built without `cargo fuzz`, this runs the files named on its command line.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| thingwire_fuzz::frame(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    thingwire_fuzz::run_files(thingwire_fuzz::frame)
}
