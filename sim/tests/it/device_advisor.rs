//! The pack of Device Advisor's cases: the preset passes, and other settings fail what they should.

use core::time::Duration;

use thingwire_core::{Config, Jitter};
use thingwire_sim::advisor::{Case, Grade, cases};

fn preset() -> Config {
    Config::device_advisor("device")
}

/// The names of the cases that these settings fail, and of those that they pass with a warning.
fn flaws(config: &Config) -> (Vec<&'static str>, Vec<&'static str>) {
    let graded: Vec<_> = cases().iter().map(|case| (case.name, case.run(config).grade)).collect();
    let of = |is: fn(&Grade) -> bool| graded.iter().filter(|(_, grade)| is(grade)).map(|(name, _)| *name).collect();
    (of(|grade| matches!(grade, Grade::Fail(_))), of(|grade| matches!(grade, Grade::Warn(_))))
}

fn find(name: &str) -> &'static Case {
    cases().iter().find(|case| case.name == name).unwrap()
}

#[test]
fn the_preset_passes_every_case_in_time() {
    for case in cases() {
        let verdict = case.run(&preset());
        assert_eq!(verdict.grade, Grade::Pass, "{}", case.name);
        assert!(verdict.took < case.limit, "{} took {:?}", case.name, verdict.took);
    }
}

#[test]
fn every_mqtt_case_of_device_advisor_is_there() {
    let names: Vec<_> = cases().iter().map(|case| case.name).collect();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn without_the_preset_what_waits_longer_than_device_advisor_fails() {
    let (failed, warned) = flaws(&Config::new("device"));
    assert_eq!(
        failed,
        ["MQTT_Connect_Jitter_Backoff_Retries", "MQTT_Publish_Retry_No_Puback", "MQTT_Subscribe_Retry_No_Suback",]
    );
    assert_eq!(warned, ["MQTT_Long_Duration"]);
}

#[test]
fn waits_that_nobody_draws_are_a_warning_and_waits_that_do_not_grow_a_failure() {
    let mut config = preset();
    config.backoff.jitter = Jitter::None;
    let case = find("MQTT_Reconnect_Backoff_Retries_On_Unstable_Connection");
    assert!(matches!(case.run(&config).grade, Grade::Warn(why) if why.contains("strictly exponential")));
    config.backoff.max = config.backoff.base;
    assert!(matches!(case.run(&config).grade, Grade::Fail(why) if why.contains("do not grow")));
}

#[test]
fn settings_that_no_client_can_have_fail_with_the_reason() {
    let mut config = preset();
    config.connect_timeout = Duration::ZERO;
    let verdict = find("MQTT_Connect").run(&config);
    assert!(matches!(verdict.grade, Grade::Fail(why) if why.contains("connect")), "{:?}", verdict.took);
}
