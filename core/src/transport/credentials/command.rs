//! The words of a `credential_process`.

/// The program and its arguments: words between blanks. Quotes of either kind hold a word together; a backslash takes
/// the next character as it is, but not within single quotes. No shell is involved, so nothing is expanded. `None` when
/// there is no program, or a quote has no end.
pub(crate) fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(end), _) if end == character => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(characters.next()?),
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    let has_program = words.first().is_some_and(|program| !program.is_empty());
    (quote.is_none() && has_program).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_between_blanks_and_held_together_by_quotes() {
        let cases: [(&str, Option<&[&str]>); 11] = [
            ("program", Some(&["program"])),
            ("  /opt/a b\t--c=d ", Some(&["/opt/a", "b", "--c=d"])),
            (r#""/opt/my tools/get" 'a "b"' """#, Some(&["/opt/my tools/get", "a \"b\"", ""])),
            (r"/opt/my\ tools/get a\\b '\'", Some(&["/opt/my tools/get", r"a\b", r"\"])),
            (r#"a"b c"d"#, Some(&["ab cd"])),
            ("a $HOME ~ | b", Some(&["a", "$HOME", "~", "|", "b"])),
            ("", None),
            ("  ", None),
            ("'' a", None),
            ("a 'b", None),
            ("a\\", None),
        ];
        for (command, expected) in cases {
            let expected = expected.map(|words| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
            assert_eq!(words(command), expected, "{command}");
        }
    }
}
