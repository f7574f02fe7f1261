//! Files of things.

use thingwire_core::thing::file::{FileMistakes, ThingFile};

/// Laws of files of things, which people write: any text is a thing that can be built, or has mistakes, each told in one
/// line with a place in the text, in the order of the text.
///
/// # Panics
///
/// When a law is broken.
pub fn file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match ThingFile::parse(&text) {
        Ok(file) => {
            let builder = file.builder().unwrap_or_else(|mistakes| panic!("it was checked: {mistakes}\n{text}"));
            builder.build(1).unwrap_or_else(|error| panic!("it was checked: {error}\n{text}"));
        }
        Err(FileMistakes(mistakes)) => {
            assert!(!mistakes.is_empty(), "{text}");
            assert!(mistakes.is_sorted_by_key(|mistake| (mistake.line, mistake.column)), "{mistakes:?}");
            for mistake in &mistakes {
                assert!(!mistake.to_string().contains(char::is_control), "{mistake:?}");
                let len = text.split('\n').nth(mistake.line.wrapping_sub(1)).map(|line| line.chars().count());
                assert!(len.is_some_and(|len| (1..=len + 1).contains(&mistake.column)), "{mistake:?}\n{text}");
            }
        }
    }
}
