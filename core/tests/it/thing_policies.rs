//! Who wins, what counts as obeyed, what a start does, what is reported.

use core::fmt::Write as _;
use core::time::Duration;

use serde_json::{Value, json};
use thingwire_core::thing::{
    Access, Authority, Boot, Cause, Confirm, Failure, OnRefusal, Policy, Thing, ThingBuilder, ThingEvent, ThingNotice,
    WishError,
};

use crate::thing_rig::{Asked, Bench, Lines, document, ms, rejected};

const AUTHORITIES: [Authority; 3] = [Authority::Device, Authority::Cloud, Authority::LocalClears];

/// The updates and commands of a bench, in few words.
fn told(bench: &mut Bench) -> String {
    let mut all = bench.take_told();
    for request in bench.take_requests() {
        all.push(match request {
            Asked::Get => "get".to_owned(),
            Asked::Update(update) => update["state"].to_string(),
        });
    }
    if all.is_empty() { "nothing".to_owned() } else { all.join("; ") }
}

#[test]
fn remote_opens_and_somebody_locks_by_hand() {
    let mut table = String::new();
    for authority in AUTHORITIES {
        let mut bench = Bench::in_step(Policy::new().authority(authority));
        bench.wish(2, &json!({"on": [true, 20]}));
        bench.hear("on true");
        bench.pass(ms(100));
        bench.accept(3, 0);
        let done = told(&mut bench);
        bench.hear("on false");
        bench.pass(ms(300));
        if bench.asked.is_some() && bench.requests.last() == Some(&Asked::Get) {
            bench.answer(Ok(document(3, &json!({"on": [true, 20]}), &json!({"on": true}))));
        }
        writeln!(table, "{authority:?}: {done} / by hand: {}", told(&mut bench)).unwrap();
    }
    insta::assert_snapshot!(table, @r#"
    Device: on true; {"reported":{"on":true}} / by hand: get; {"desired":{"on":false},"reported":{"on":false}}
    Cloud: on true; {"reported":{"on":true}} / by hand: on true; {"reported":{"on":false}}
    LocalClears: on true; {"reported":{"on":true}} / by hand: get; {"desired":{"on":null},"reported":{"on":false}}
    "#);
}

#[test]
fn what_a_start_does() {
    let mut table = String::new();
    for authority in AUTHORITIES {
        for (memory, acted) in [("acted on", Some(20)), ("new wish", Some(10)), ("no memory", None)] {
            for hardware in [true, false] {
                let mut bench = Bench::in_step(Policy::new().authority(authority));
                let builder = || {
                    let relay = Lines::one("on");
                    Thing::builder().component("relay", relay).policy("on", Policy::new().authority(authority))
                };
                if let Some(time) = acted {
                    bench.wish(2, &json!({"on": [time == 20, time]}));
                    bench.hear(if time == 20 { "on true" } else { "on false" });
                    bench.pass(ms(5_000));
                } else {
                    bench.memory.clear();
                }
                let mut bench = bench.rebooted(builder());
                bench.up(0);
                bench.hear(&format!("on {hardware}"));
                bench.online();
                bench.current(3, &json!({"on": [true, 20]}), &json!({"on": hardware}));
                bench.pass(ms(300));
                let what = told(&mut bench);
                writeln!(table, "{authority:?}, {memory}, wished true, is {hardware}: {what}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(table, @r#"
    Device, acted on, wished true, is true: nothing
    Device, acted on, wished true, is false: {"desired":{"on":false}}
    Device, new wish, wished true, is true: nothing
    Device, new wish, wished true, is false: on true
    Device, no memory, wished true, is true: nothing
    Device, no memory, wished true, is false: on true
    Cloud, acted on, wished true, is true: nothing
    Cloud, acted on, wished true, is false: on true
    Cloud, new wish, wished true, is true: nothing
    Cloud, new wish, wished true, is false: on true
    Cloud, no memory, wished true, is true: nothing
    Cloud, no memory, wished true, is false: on true
    LocalClears, acted on, wished true, is true: nothing
    LocalClears, acted on, wished true, is false: {"desired":{"on":null}}
    LocalClears, new wish, wished true, is true: nothing
    LocalClears, new wish, wished true, is false: on true
    LocalClears, no memory, wished true, is true: nothing
    LocalClears, no memory, wished true, is false: on true
    "#);
}

fn lamp(boot: Boot) -> ThingBuilder {
    Thing::builder().component("lamp", Lines::one("on")).policy("on", Policy::new().boot(boot))
}

/// A lamp that was on, with everything acted on; it lost its power, and is off.
fn after_a_power_cut(boot: Boot) -> Bench {
    let mut bench = Bench::new(lamp(boot.clone()));
    bench.up(0);
    bench.hear("on false");
    bench.online();
    bench.current(1, &json!({"on": [true, 10]}), &json!({"on": false}));
    bench.hear("on true");
    bench.pass(ms(100));
    bench.accept(2, 0);
    bench.pass(ms(5_000));
    let mut bench = bench.rebooted(lamp(boot));
    bench.up(0);
    bench.hear("on false");
    bench.online();
    bench.current(2, &json!({"on": [true, 10]}), &json!({"on": true}));
    bench.pass(ms(300));
    bench
}

#[test]
fn a_lamp_may_stay_off_or_go_on_again_after_a_power_cut() {
    let mut table = String::new();
    for boot in [Boot::Read, Boot::Restore, Boot::Desired, Boot::Value(json!(7))] {
        let what = told(&mut after_a_power_cut(boot.clone()));
        writeln!(table, "{boot:?}: {what}").unwrap();
    }
    insta::assert_snapshot!(table, @r#"
    Read: {"desired":{"on":false},"reported":{"on":false}}
    Restore: on true; {"reported":{"on":false}}
    Desired: on true; {"reported":{"on":false}}
    Value(Number(7)): on 7; {"reported":{"on":false}}
    "#);
}

#[test]
fn a_wish_that_does_not_fit_is_told_and_desired_goes_back_or_not() {
    let mut table = String::new();
    for on_refusal in [OnRefusal::Snap, OnRefusal::Null, OnRefusal::Leave] {
        let mut bench = Bench::in_step(Policy::new().on_refusal(on_refusal));
        bench.current(2, &json!({"on": [200, 20]}), &json!({"on": false}));
        let why = WishError::Unfit(thingwire_core::thing::Unfit("0 to 100".into()));
        let cause = Cause::Cloud { version: 2 };
        let failed = ThingNotice::Failed { property: "on".into(), value: json!(200), cause, why };
        assert_eq!(bench.take_notices(), [failed]);
        writeln!(table, "{on_refusal:?}: {}", told(&mut bench)).unwrap();
    }
    insta::assert_snapshot!(table, @r#"
    Snap: {"desired":{"on":false}}
    Null: {"desired":{"on":null}}
    Leave: nothing
    "#);
}

#[test]
fn a_device_that_refuses_is_told_once() {
    let mut bench = Bench::in_step(Policy::new());
    bench.wish(2, &json!({"on": [true, 20]}));
    assert_eq!(bench.take_told(), ["on true"]);
    bench.hear("! on ERR 7");
    assert!(bench.notices.iter().any(|notice| notice.to_string().contains("the device says \"ERR 7\"")));
    assert_eq!(bench.take_requests(), [Asked::Get]);
    bench.answer(Ok(document(2, &json!({"on": [true, 20]}), &json!({"on": false}))));
    assert_eq!(bench.update(), json!({"desired": {"on": false}}));
    bench.accept(3, 21);
    bench.pass(ms(100_000));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn what_a_device_refused_and_the_cloud_still_wants_is_tried_again_when_it_is_back() {
    let told_again = |authority, on_refusal| {
        let mut bench = Bench::in_step(Policy::new().authority(authority).on_refusal(on_refusal));
        bench.wish(2, &json!({"on": [true, 20]}));
        assert_eq!(bench.take_told(), ["on true"]);
        bench.hear("! on ERR 7");
        if bench.asked.is_some() {
            bench.answer(Ok(document(2, &json!({"on": [true, 20]}), &json!({"on": false}))));
        }
        bench.pass(ms(5_000));
        assert_eq!(bench.take_told(), [""; 0], "it was told once");
        bench.down(0);
        bench.up(0);
        bench.hear("on false");
        bench.pass(ms(200));
        bench.take_told()
    };
    assert_eq!(told_again(Authority::Cloud, OnRefusal::Leave), ["on true"]);
    assert_eq!(told_again(Authority::Device, OnRefusal::Leave), [""; 0]);
    assert_eq!(told_again(Authority::LocalClears, OnRefusal::Leave), [""; 0]);
    assert_eq!(told_again(Authority::Cloud, OnRefusal::Snap), [""; 0]);
}

#[test]
fn a_device_that_never_shows_it_fails_in_time() {
    let policy = Policy::new().obey_within(Duration::from_secs(3));
    let mut bench =
        Bench::new(Thing::builder().component("deaf", Lines::one("on").acknowledging()).policy("on", policy));
    bench.up(0);
    bench.hear("on false");
    bench.online();
    bench.current(1, &json!({"on": [true, 10]}), &json!({"on": false}));
    bench.pass(ms(2_900));
    assert_eq!(bench.take_requests(), []);
    bench.queries = 0;
    bench.pass(ms(200));
    assert_eq!((bench.take_told().len(), bench.queries), (1, 1), "told once, and then asked what it is");
    assert_eq!(bench.update(), json!({"desired": {"on": false}}), "a dead device does not keep the wish");
    let late = |notice: &&ThingNotice| matches!(notice, ThingNotice::Failed { why: WishError::TooLate, .. });
    assert_eq!(bench.notices.iter().filter(late).count(), 1);
}

#[test]
fn what_a_device_was_before_a_failed_attempt_is_not_what_it_is() {
    let policy = Policy::new().obey_within(Duration::from_secs(3));
    let mut bench =
        Bench::new(Thing::builder().component("slow", Lines::one("on").acknowledging()).policy("on", policy));
    bench.up(0);
    bench.hear("on false");
    bench.pass(ms(60_000));
    bench.online();
    bench.current(1, &json!({"on": [true, 10]}), &json!({"on": false}));
    bench.pass(ms(3_100));
    assert_eq!(bench.take_told(), ["on true"]);
    bench.set("on", false);
    assert_eq!(bench.take_told(), ["on false"], "it was false, and may be true by now");
}

#[test]
fn a_newer_wish_takes_the_place_of_one_under_way() {
    let mut bench = Bench::in_step(Policy::new());
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.current(3, &json!({"on": [false, 21]}), &json!({"on": false}));
    assert_eq!(bench.take_told(), ["on true", "on false"], "it is false, and about not to be");
    bench.hear("on false");
    bench.pass(ms(1_000));
    assert_eq!(told(&mut bench), "nothing");
}

#[test]
fn a_device_that_acknowledges_is_believed_if_it_may_be() {
    let policy = Policy::new().confirm(Confirm::DeviceAck);
    let mut bench =
        Bench::new(Thing::builder().component("radio", Lines::one("on").acknowledging()).policy("on", policy));
    bench.up(0);
    bench.hear("on false");
    bench.online();
    bench.current(1, &json!({"on": [true, 10]}), &json!({"on": false}));
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}));
}

#[test]
fn what_a_device_never_says_is_what_it_was_told() {
    let remote = Lines::new([("key", Access::Write)]).acknowledging();
    let mut bench = Bench::new(Thing::builder().component("remote", remote));
    bench.up(0);
    bench.online();
    bench.current(1, &json!({"key": ["up", 10]}), &json!({}));
    assert_eq!(bench.take_told(), ["key \"up\""], "there is no reading to wait for");
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"key": "up"}}));
    bench.accept(2, 0);
    bench.current(3, &json!({"key": ["up", 11]}), &json!({"key": "up"}));
    assert_eq!(bench.take_told(), ["key \"up\""], "pressed once more");
}

#[test]
fn an_optimist_reports_at_once_and_takes_it_back() {
    let mut bench = Bench::in_step(Policy::new().confirm(Confirm::Optimistic));
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}));
    bench.accept(3, 0);
    bench.take_requests();
    bench.hear("! on ERR");
    assert_eq!(bench.actual("on"), Some(json!(false)));
    bench.pass(ms(100));
    assert_eq!(bench.take_requests().first(), Some(&Asked::Get));
}

#[test]
fn what_can_only_be_read_cannot_be_wished_for() {
    let mut bench = Bench::new(Thing::builder().component("sensor", Lines::new([("heat", Access::Read)])));
    bench.up(0);
    bench.hear("heat 20");
    bench.pass(ms(100));
    bench.online();
    bench.current(1, &json!({"heat": [25, 10]}), &json!({"heat": 20}));
    assert_eq!(told(&mut bench), r#"{"desired":{"heat":20}}"#);
    assert_eq!(bench.thing.set(bench.now, "heat", 3), Err(WishError::ReadOnly));
    assert_eq!(bench.thing.set(bench.now, "cold", 3), Err(WishError::Unknown));
}

#[test]
fn a_fleet_may_keep_devices_from_writing_desired() {
    let builder = Thing::builder().component("relay", Lines::one("on")).never_write_desired();
    let mut bench = Bench::new(builder);
    bench.up(0);
    bench.hear("on 7");
    bench.pass(ms(100));
    bench.online();
    bench.current(1, &json!({"on": [200, 10]}), &json!({"on": 7}));
    bench.hear("on 8");
    bench.pass(ms(100));
    assert_eq!(told(&mut bench), r#"{"reported":{"on":8}}"#);
}

#[test]
fn what_the_program_sets_moves_desired_along_whoever_has_the_say() {
    for authority in AUTHORITIES {
        let mut bench = Bench::in_step(Policy::new().authority(authority));
        bench.set("on", true);
        bench.hear("on true");
        bench.pass(ms(5_000));
        assert_eq!(told(&mut bench), r#"on true; {"desired":{"on":true},"reported":{"on":true}}"#, "{authority:?}");
    }
}

#[test]
fn what_the_program_sets_goes_before_an_older_wish_that_waits() {
    let mut bench = Bench::in_step(Policy::new());
    bench.down(0);
    bench.wish(2, &json!({"on": [1, 20]}));
    bench.set("on", 2);
    bench.up(0);
    bench.hear("on false");
    assert_eq!(bench.take_told(), ["on 2"]);
    bench.wish(3, &json!({"on": [3, 21]}));
    assert_eq!(bench.take_told(), ["on 3"], "a newer one goes before that");
}

#[test]
fn two_who_fight_do_so_ever_more_slowly() {
    let mut bench = Bench::in_step(Policy::new().authority(Authority::Cloud));
    let mut times = Vec::new();
    for _ in 0..3_000 {
        bench.hear("on true");
        if !bench.take_told().is_empty() {
            times.push(bench.now);
            bench.hear("on false");
        }
        bench.pass(ms(100));
    }
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64()).collect();
    assert!((8..20).contains(&waits.len()), "{waits:?}");
    assert!(waits[0] < 0.5 && *waits.last().unwrap() > 20.0, "{waits:?}");
}

#[test]
fn an_attempt_that_the_port_ends_is_made_again_when_it_is_back() {
    let mut bench = Bench::in_step(Policy::new());
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.down(0);
    bench.pass(ms(600_000));
    assert_eq!(bench.take_told(), ["on true"]);
    bench.up(0);
    bench.hear("on true");
    bench.pass(ms(1_000));
    assert_eq!(bench.take_told(), [""; 0], "it did it before it went");
    assert!(
        !bench
            .notices
            .iter()
            .any(|notice| { matches!(notice, ThingNotice::Failed { why: WishError::Device(Failure::Down), .. }) })
    );
}

#[test]
fn a_device_that_never_says_what_it_is_is_told_all_the_same() {
    let mut bench = Bench::relay(Policy::new());
    bench.up(0);
    bench.online();
    bench.current(1, &json!({"on": [true, 10]}), &json!({}));
    bench.pass(ms(4_900));
    assert_eq!(bench.take_told(), [""; 0]);
    bench.pass(ms(200));
    assert_eq!(bench.take_told(), ["on true"]);
}

#[test]
fn a_thermometer_reports_what_matters() {
    let policy = Policy::new()
        .deadband(0.5)
        .report_at_most_every(Duration::from_secs(10))
        .report_at_least_every(Duration::from_secs(60));
    let sensor = Thing::builder().component("sensor", Lines::new([("heat", Access::Read)])).policy("heat", policy);
    let mut bench = Bench::new(sensor);
    bench.up(0);
    bench.online();
    bench.current(1, &json!({}), &json!({}));
    let mut reports = Vec::new();
    for tick in 0..700_u32 {
        // Slowly by a tenth every two seconds, at last not at all.
        let heat = 20.0 + f64::from((tick / 20).min(30)) / 10.0;
        bench.hear(&format!("heat {heat}"));
        bench.pass(ms(100));
        if bench.asked.is_some() {
            let Some(Asked::Update(update)) = bench.requests.last().cloned() else { panic!() };
            reports.push((tick / 10, update["state"]["reported"]["heat"].as_f64().unwrap()));
            bench.accept(reports.len() as u64 + 1, 0);
        }
    }
    assert_eq!(reports, [(0, 20.0), (10, 20.5), (20, 21.0), (30, 21.5), (40, 22.0), (50, 22.5), (60, 23.0)]);
}

#[test]
fn a_change_within_the_deadband_is_not_reported() {
    let policy = Policy::new().deadband(0.5);
    let sensor = Thing::builder().component("sensor", Lines::new([("heat", Access::Read)])).policy("heat", policy);
    let mut bench = Bench::new(sensor);
    bench.up(0);
    bench.online();
    bench.current(1, &json!({}), &json!({}));
    let mut version = 1;
    for (heat, reported) in
        [(20.125, true), (20.375, false), (20.625, true), (20.875, false), (20.375, false), (20.125, true)]
    {
        bench.hear(&format!("heat {heat}"));
        bench.pass(ms(200));
        assert_eq!(bench.asked.is_some(), reported, "{heat}");
        if reported {
            let update = Asked::Update(json!({"state": {"reported": {"heat": heat}}}));
            assert_eq!(bench.requests.last(), Some(&update));
            version += 1;
            bench.accept(version, 0);
        }
    }
}

#[test]
fn a_report_is_repeated_by_its_heartbeat() {
    let policy = Policy::new().report_at_least_every(Duration::from_secs(60));
    let mut bench = Bench::relay(policy);
    bench.up(0);
    bench.hear("on true");
    bench.online();
    bench.current(1, &json!({}), &json!({}));
    bench.pass(ms(100));
    for beat in 0..3_u64 {
        assert_eq!(bench.update(), json!({"reported": {"on": true}}), "{beat}");
        bench.accept(beat + 2, 0);
        bench.take_requests();
        bench.pass(ms(59_000));
        assert_eq!(bench.take_requests(), []);
        bench.pass(ms(1_100));
    }
}

/// A relay that is on, reported at this moment.
fn reported(policy: Policy) -> Bench {
    let mut bench = Bench::relay(policy.report_at_least_every(Duration::from_secs(10)));
    bench.up(0);
    bench.hear("on true");
    bench.online();
    bench.current(1, &json!({}), &json!({}));
    bench.pass(ms(100));
    bench.accept(2, 0);
    bench.take_requests();
    bench
}

/// It was woken again and again until the interval was over.
#[test]
fn a_heartbeat_waits_for_the_interval() {
    let mut bench = reported(Policy::new().report_at_most_every(Duration::from_secs(60)));
    bench.pass(ms(59_000));
    assert_eq!(bench.take_requests(), []);
    bench.pass(ms(1_100));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}));
}

/// It was woken again and again until the batch was settled.
#[test]
fn a_heartbeat_waits_for_the_open_batch() {
    let mut bench = reported(Policy::new());
    bench.pass(ms(9_950));
    bench.hear("on false");
    bench.pass(ms(99));
    assert_eq!(bench.take_requests(), []);
    bench.pass(ms(1));
    assert_eq!(bench.update(), json!({"reported": {"on": false}}));
}

/// It was woken again and again, for ever.
#[test]
fn what_the_service_does_not_take_has_no_heartbeat() {
    let mut bench = reported(Policy::new());
    bench.hear("on false");
    bench.pass(ms(100));
    bench.answer(Err(rejected(400)));
    bench.take_requests();
    bench.pass(ms(60_000));
    assert_eq!(bench.take_requests(), []);
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}), "until it changes");
}

#[test]
fn a_wish_fulfilled_is_reported_whatever_the_limits_say() {
    let policy = Policy::new().deadband(50.0).report_at_most_every(Duration::from_secs(600));
    let mut bench = Bench::new(Thing::builder().component("dimmer", Lines::one("level")).policy("level", policy));
    bench.up(0);
    bench.hear("level 0");
    bench.pass(ms(100));
    bench.online();
    bench.current(1, &json!({"level": [30, 10]}), &json!({"level": 0}));
    bench.hear("level 30");
    bench.pass(ms(100));
    assert_eq!(told(&mut bench), r#"level 30; {"reported":{"level":30}}"#);
}

#[test]
fn offline_nothing_is_asked_and_devices_are_served() {
    let mut bench = Bench::in_step(Policy::new().authority(Authority::Cloud));
    bench.event(ThingEvent::Offline);
    bench.hear("on true");
    bench.pass(ms(1_000));
    assert_eq!(told(&mut bench), "on false", "what the cloud wished last is kept up without it");
    let wanted = bench.thing.property("on").unwrap();
    assert_eq!((wanted.wanted, wanted.desired), (Some(&json!(false)), Some(&json!(false))));
    let _: Option<&Value> = wanted.reported;
}
