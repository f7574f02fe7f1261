//! Topics and filters.

use thingwire_core::{Filter, Topic};

/// Laws of MQTT 3.1.1 §4.7, against a reading of it that was written another way: which texts are topics and filters,
/// and which topics a filter matches. `\n` in the data ends the filter; the rest is the topic.
///
/// # Panics
///
/// When a law is broken.
pub fn topic(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (filter_text, topic_text) = text.split_once('\n').unwrap_or((&text, &text));
    let filter = Filter::new(filter_text);
    let topic = Topic::new(topic_text);
    assert_eq!(filter.is_ok(), is_filter(filter_text), "{filter_text:?}");
    assert_eq!(topic.is_ok(), is_topic(topic_text), "{topic_text:?}");
    if let Ok(topic) = &topic {
        assert_eq!(topic.as_str(), topic_text);
        assert!(Filter::from(topic.clone()).matches(topic_text), "a topic matches itself");
    }
    if let Ok(filter) = &filter {
        assert_eq!(filter.as_str(), filter_text);
        let levels = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        // Matching is asked for what servers send, and so for what is no topic as well.
        let expected = reaches(filter_text, topic_text) && matches(&levels(filter_text), &levels(topic_text));
        assert_eq!(filter.matches(topic_text), expected, "{filter_text:?} on {topic_text:?}");
    }
}

fn is_string(text: &str) -> bool {
    (1..=65_535).contains(&text.len()) && !text.chars().any(|c| c == '\0')
}

fn is_topic(text: &str) -> bool {
    is_string(text) && !text.chars().any(|c| c == '+' || c == '#')
}

fn is_filter(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let at_edge = |index: Option<usize>| index.and_then(|index| characters.get(index)).is_none_or(|&c| c == '/');
    is_string(text)
        && characters.iter().enumerate().all(|(index, c)| match c {
            '#' => index + 1 == characters.len() && at_edge(index.checked_sub(1)),
            '+' => at_edge(index.checked_sub(1)) && at_edge(Some(index + 1)),
            _ => true,
        })
}

/// [MQTT-4.7.2-1]
fn reaches(filter: &str, topic: &str) -> bool {
    !(topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#')))
}

/// Level by level, from the end of the standard's own words.
fn matches(filter: &[String], topic: &[String]) -> bool {
    match (filter.split_first(), topic.split_first()) {
        (Some((level, _)), _) if level == "#" => true,
        (None, None) => true,
        (Some((level, filter)), Some((name, topic))) => (level == "+" || level == name) && matches(filter, topic),
        _ => false,
    }
}
