//! Numbers and names come back as they were sent.

use crate::rig::Rig;

#[test]
fn numbers_are_not_touched() {
    for number in [
        "0",
        "-0.0",
        "1.0",
        "1",
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        "0.1",
        "1e300",
        "1.7976931348623157e308",
        "5e-324",
        "0.30000000000000004",
        "123456789.12345679",
    ] {
        let mut rig = Rig::new();
        let told = rig.update(format!(r#"{{"state":{{"desired":{{"n":{number}}}}}}}"#));
        for (topic, body) in told.iter().chain(&rig.ask("get", "")) {
            let value = match topic.as_str() {
                "update/delta" => &body["state"]["n"],
                "update/documents" => &body["current"]["state"]["desired"]["n"],
                _ => &body["state"]["desired"]["n"],
            };
            let sent: serde_json::Value = serde_json::from_str(number).unwrap();
            assert_eq!((value.to_string(), value.is_f64()), (sent.to_string(), sent.is_f64()), "{topic}");
            let worth = |text: &str| text.parse::<f64>().unwrap().to_bits();
            assert_eq!(worth(&value.to_string()), worth(number));
        }
    }
}
