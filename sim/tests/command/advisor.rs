//! The pack of Device Advisor's cases, as a table.

use crate::process::sim;

#[test]
fn the_cases_are_a_table_with_a_verdict_each() {
    let ended = sim(&["advisor"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert_eq!(ended.out.lines().count(), 19, "{}", ended.out);
    assert!(ended.out.ends_with("17 of 17 passed, 0 of them with a warning\n"), "{}", ended.out);
    assert!(ended.out.lines().all(|line| line.len() <= 90), "{}", ended.out);
    let ping: Vec<_> = ended.out.lines().filter(|line| line.starts_with("MQTT_No_Ack_PingResp ")).collect();
    assert_eq!(ping[0].split_whitespace().collect::<Vec<_>>()[1..], ["pass", "40.0", "s", "300.0", "s"]);
}

#[test]
fn what_fails_says_why_and_how_to_see_it_again() {
    let cases = ["MQTT_Publish", "MQTT_Publish_Retry_No_Puback", "MQTT_Long_Duration"];
    let ended = sim(&[&["advisor", "--defaults"], &cases[..]].concat());
    assert_eq!(ended.code, 15, "{}", ended.out);
    for word in [
        "MQTT_Publish_Retry_No_Puback                           FAIL ",
        "\n  not published again within 300 s\n",
        "MQTT_Long_Duration                                     warn ",
        "\n  PUBLISH was not sent again within 15 s\n",
        "2 of 3 passed, 1 of them with a warning\n",
        "reproduce: thingwire-sim advisor --defaults MQTT_Publish_Retry_No_Puback\n",
    ] {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
}

#[test]
fn the_list_says_what_each_case_asks_for() {
    let ended = sim(&["advisor", "--list", "MQTT_No_Ack_PingResp"]);
    let line =
        "MQTT_No_Ack_PingResp                                   disconnects from a server that answers nothing\n";
    assert_eq!((ended.code, ended.out.as_str()), (0, line));
}
