//! Topic names and filters: validity, limits, matching.

use super::rules::TopicLimits;

/// Whether `filter` is written as [MQTT-4.7.1-2] and [MQTT-4.7.1-3] demand: each wildcard a level of its own, `#` the last.
pub fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let wild = level.contains(['+', '#']);
        if wild && level.len() > 1 || level == "#" && levels.peek().is_some() {
            return false;
        }
    }
    !filter.is_empty()
}

/// Whether `text` contains a wildcard.
pub fn is_wild(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'+' | b'#'))
}

/// Whether `topic` matches `filter`. With `hash_matches_parent`, `a/#` matches `a` as in the standard; without, it does not (B-35).
///
/// A topic that begins with `$` is not matched by a leading wildcard [MQTT-4.7.2-1].
pub fn matches(filter: &str, topic: &str, hash_matches_parent: bool) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        let level = levels.next();
        match wanted {
            "#" => return level.is_some() || hash_matches_parent,
            "+" if level.is_some() => {}
            _ if level == Some(wanted) => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether a topic or filter keeps `limits` (B-14, B-32).
pub fn is_within(topic: &str, limits: TopicLimits) -> bool {
    let counted = counted_part(topic);
    counted.len() <= limits.bytes && counted.bytes().filter(|byte| *byte == b'/').count() <= limits.slashes
}

/// The topic without the prefix that the limits do not count.
fn counted_part(topic: &str) -> &str {
    for prefix in ["$aws/rules/", "$share/"] {
        if let Some(rest) = topic.strip_prefix(prefix) {
            return rest.split_once('/').map_or(rest, |(_, counted)| counted);
        }
    }
    topic
}
