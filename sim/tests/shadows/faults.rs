//! What is done to shadows in scenarios, as it shows in the runs.

use thingwire_core::{Notice, Outcome, ShadowEvent};
use thingwire_sim::run::{Run, run};
use thingwire_sim::scenario;
use thingwire_sim::trace::What;

/// A run of the built-in application, which asks for shadows that others change.
fn lives(rest: &str) -> Run {
    let text = format!(
        r#"
        name = "shadows"
        duration = "3m"
        heal = "3m"
        workload = [
            {{ kind = "shadow", shadows = 2, every = "2s" }},
            {{ kind = "cloud", shadows = 2, every = "3s" }},
        ]
        {rest}
        "#
    );
    let plan = scenario::read("shadows", &text, None).unwrap_or_else(|error| panic!("{error}")).plan;
    let run = run(&plan, true).unwrap();
    assert_eq!(run.findings, []);
    run
}

fn count(run: &Run, wanted: impl Fn(&What) -> bool) -> usize {
    run.trace.as_ref().unwrap().records.iter().filter(|record| wanted(&record.what)).count()
}

fn told(run: &Run, wanted: impl Fn(&ShadowEvent) -> bool) -> usize {
    count(run, |what| matches!(what, What::Told(Notice::Shadow(news)) if wanted(&news.event)))
}

#[test]
fn requests_are_answered_and_changes_told() {
    let run = lives("");
    assert!(count(&run, |what| matches!(what, What::Finished { outcome: Outcome::Accepted(_), .. })) > 10);
    assert!(told(&run, |event| matches!(event, ShadowEvent::Delta(_))) > 10);
    assert!(told(&run, |event| matches!(event, ShadowEvent::Current(_))) > 0);
    assert!(count(&run, |what| matches!(what, What::Stands(_, Some(_)))) == 2);
    let names = &run.trace.as_ref().unwrap().names;
    assert!(names.values().any(|name| name == "$aws/things/device-0/shadow/name/s1/update/delta"));
}

#[test]
fn a_shadow_that_is_made_anew_is_told_whatever_its_version() {
    let run = lives(
        r#"
        fault = [
            { at = "1m", for = "1s", do = { shadow-service = "forgetful" } },
            { at = "1m", do = { shadow-service = "recreate" } },
        ]
        "#,
    );
    assert!(told(&run, |event| matches!(event, ShadowEvent::Deleted { .. } | ShadowEvent::Delta(_))) > 0);
}

#[test]
fn a_run_without_shadows_has_no_record_of_them() {
    let plan = scenario::read("plain", "name = \"plain\"\nduration = \"10s\"\nheal = \"10s\"", None).unwrap().plan;
    let run = run(&plan, true).unwrap();
    assert_eq!(count(&run, |what| matches!(what, What::Shadow(_) | What::Stands(..))), 0);
}

#[test]
fn what_no_shadow_can_be_is_said_with_its_place() {
    let wrong = |line: &str| {
        let text = format!("name = \"x\"\nduration = \"1m\"\nheal = \"1m\"\n{line}\n");
        scenario::read("x.toml", &text, None).unwrap_err().to_string()
    };
    for (line, words) in [
        (r#"workload = [{ kind = "shadow", every = "0s" }]"#, "0 is no span of time"),
        (r#"workload = [{ kind = "shadow", every = "1s", thing = "a b" }]"#, "no thing name"),
        (r#"workload = [{ kind = "cloud", every = "1s", shadows = 0 }]"#, "0 shadows"),
        (r#"workload = [{ kind = "cloud", every = "1s", burst = 2 }]"#, "`burst` means nothing"),
        (r#"fault = [{ at = "1s", do = { shadow-service = "forgetfull" } }]"#, "did you mean `forgetful`?"),
        (r"client = { keep-subscription = true }", "did you mean `keep-subscriptions`?"),
    ] {
        let error = wrong(line);
        assert!(error.starts_with("x.toml:4:") && error.contains(words), "{error}");
    }
}
