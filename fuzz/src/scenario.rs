//! Scenario files.

use thingwire_sim::scenario;

/// Laws of scenario files, which people write: any text is a plan that can be, or refused in one line that names a place
/// in it; a plan that was written is read as the same plan.
///
/// # Panics
///
/// When a law is broken.
pub fn scenario(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match scenario::read("file", &text, None) {
        Ok(read) => {
            assert_eq!(scenario::check(&read.plan), Ok(()), "{text}");
            let written = scenario::write(&read.plan).expect("a plan has a text");
            let again = scenario::read("file", &written, None).unwrap_or_else(|error| panic!("{error}\n{written}"));
            assert_eq!(again.plan, read.plan, "{written}");
            // The rolled text is the plan without dice.
            let rolled = scenario::read("file", &read.text, None).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(rolled.plan, read.plan, "{}", read.text);
        }
        Err(error) => {
            let words = error.to_string();
            assert!(!words.contains('\n'), "{words}");
            assert!(error.line >= 1 && error.line <= text.lines().count() + 1, "{words}");
        }
    }
}
