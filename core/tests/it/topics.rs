use proptest::prelude::*;
use thingwire_core::{Filter, Topic, TopicError};

/// Matching as the standard words it: level by level, recursively.
fn naive(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) | ([], []) => true,
        (["+", filter @ ..], [_, topic @ ..]) => naive(filter, topic),
        ([level, filter @ ..], [name, topic @ ..]) => level == name && naive(filter, topic),
        _ => false,
    }
}

fn levels(alphabet: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(alphabet), 1..6).prop_map(|levels| levels.join("/"))
}

proptest! {
    #[test]
    fn matching_agrees_with_the_naive_matcher(
        filter in levels(&["", "a", "é", "$x", "+", "#"]),
        topic in levels(&["", "a", "é", "$x", "ab"]),
    ) {
        let Ok(filter) = Filter::new(filter) else { return Ok(()) };
        let split = |text: &'_ str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        let (f, t) = (split(filter.as_str()), split(&topic));
        let f: Vec<_> = f.iter().map(String::as_str).collect();
        let t: Vec<_> = t.iter().map(String::as_str).collect();
        let dollar = topic.starts_with('$') && matches!(f[0], "+" | "#");
        prop_assert_eq!(filter.matches(&topic), naive(&f, &t) && !dollar);
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in ".*") {
        let _ = Filter::new(text.as_str());
        if let Ok(topic) = Topic::new(text.as_str()) {
            prop_assert!(Filter::from(topic.clone()).matches(topic.as_str()));
        }
    }
}

#[test]
fn the_examples_of_the_standard() {
    let matches = |filter: &str, topic: &str| Filter::new(filter).unwrap().matches(topic);
    for topic in ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"] {
        assert!(matches("sport/tennis/player1/#", topic));
    }
    assert!(matches("sport/#", "sport"));
    assert!(matches("sport/tennis/+", "sport/tennis/player2"));
    assert!(!matches("sport/tennis/+", "sport/tennis/player1/ranking"));
    assert!(!matches("sport/+", "sport"));
    assert!(matches("sport/+", "sport/"));
    assert!(matches("+/+", "/finance"));
    assert!(matches("/+", "/finance"));
    assert!(!matches("+", "/finance"));
    assert!(!matches("#", "$SYS/x"));
    assert!(!matches("+/monitor/Clients", "$SYS/monitor/Clients"));
    assert!(matches("$SYS/#", "$SYS/x"));
    assert!(matches("$aws/things/t/jobs/notify", "$aws/things/t/jobs/notify"));
}

#[test]
fn mistakes_are_named() {
    assert_eq!(Topic::new(""), Err(TopicError::Empty));
    assert_eq!(Topic::new("a\0"), Err(TopicError::Nul));
    assert_eq!(Topic::new("x".repeat(65_536)), Err(TopicError::TooLong { len: 65_536 }));
    assert_eq!(Topic::new("a/+"), Err(TopicError::WildcardInTopic { topic: "a/+".into(), at: 2 }));
    for (filter, wildcard) in [("a+/b", '+'), ("+a", '+'), ("a/#/b", '#'), ("a#", '#'), ("#/", '#'), ("++", '+')] {
        assert_eq!(Filter::new(filter), Err(TopicError::MisplacedWildcard { filter: filter.into(), wildcard }));
    }
}
