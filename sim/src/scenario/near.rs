//! The word that was meant.

/// Of `known`, the one that `word` is most likely a misspelling of.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = 1 + word.chars().count() / 4;
    let starts = |candidate: &str| word.len() >= 3 && candidate.starts_with(word);
    known
        .into_iter()
        .map(|candidate| (if starts(candidate) { 1 } else { distance(word, candidate) }, candidate))
        .filter(|&(edits, _)| edits <= far)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be put in, taken out, changed or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut edits = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                let swapped: &Vec<usize> = &before;
                edits = edits.min(swapped[j - 1] + 1);
            }
            row.push(edits);
        }
        before = core::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_understood_and_another_word_is_not() {
        let known = ["size", "every", "qos", "queue", "queue-bytes"];
        for (word, meant) in [
            ("siez", Some("size")),
            ("evry", Some("every")),
            ("queue_bytes", Some("queue-bytes")),
            ("que", Some("queue")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
