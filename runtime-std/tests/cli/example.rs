//! The example that is the first code a user sees.

use std::process::{Command, Output};

#[test]
fn it_talks_to_a_double_of_its_own() {
    let ended = basic_pub_sub(&["--count", "2"]);
    let stdout = String::from_utf8(ended.stdout).expect("text");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    assert!(stdout.starts_with("No endpoint given: started a double of AWS IoT Core at localhost:"), "{stdout}");
    let (_announced, received) = stdout.split_once('\n').expect("more than a line");
    assert_eq!(received, [block("Hello World!", 0), block("Hello World!", 1)].concat());
}

#[test]
fn flags_are_spelt_as_in_the_old_sample() {
    let old = ["-id", "me", "--clientId", "you"];
    // The same flag twice is what clap objects to, so it has understood both.
    let stderr = String::from_utf8(basic_pub_sub(&old).stderr).expect("text");
    assert!(stderr.contains("'--client-id <ID>' cannot be used multiple times"), "{stderr}");
    let ended = basic_pub_sub(&["-id", "me", "-t", "old/topic", "-M", "Hi", "-m", "publish", "--count", "1"]);
    let stdout = String::from_utf8(ended.stdout).expect("text");
    assert!(stdout.ends_with("\nPublished topic old/topic: {\"message\":\"Hi\",\"sequence\":0}\n\n"), "{stdout}");
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn a_websocket_is_signed_with_the_access_key_of_the_double_and_excludes_a_certificate() {
    let ended = basic_pub_sub(&["-w", "--count", "1"]);
    let stdout = String::from_utf8(ended.stdout).expect("text");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    assert!(stdout.ends_with(&block("Hello World!", 0)), "{stdout}");
    assert!(!stdout.contains("known-to-the-double-alone"));
    for (flags, line) in [
        (
            &["-e", "localhost", "-r", "r", "-w", "-c", "c"][..],
            "are mutually exclusive with WebSockets and custom authorizers; pick one",
        ),
        (
            &["-e", "localhost", "-r", "r", "-c", "c"],
            "missing credentials for authentication: give --cert and --key, or --websocket",
        ),
    ] {
        let ended = basic_pub_sub(flags);
        let stderr = String::from_utf8(ended.stderr).expect("text");
        assert!(ended.status.code() == Some(2) && stderr.contains(line), "{stderr}");
    }
}

#[test]
fn an_identity_of_a_cognito_pool_is_let_in_with_the_credentials_that_the_pool_hands_out() {
    let ended = example("basic_pub_sub_cognito", &["--count", "1", "-M", "Hi"]).output().expect(HOW_TO_BUILD);
    let stdout = String::from_utf8(ended.stdout).expect("text");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    assert!(stdout.ends_with(&block("Hi", 0)), "{stdout}");
    assert!(!stdout.contains("known-to-the-double-alone"));
}

#[test]
fn every_sample_has_every_way_to_the_server_and_the_old_rules_for_them() {
    let samples = ["basic_pub_sub", "basic_shadow_updater", "basic_shadow_delta_listener", "thing_shadow_echo"];
    let exclusive = "X.509 certificates are mutually exclusive with WebSockets and custom authorizers; pick one";
    let missing = "missing credentials for authentication: give --cert and --key, or --websocket";
    let place = ["-e", "localhost", "-r", "root.pem"];
    for name in samples {
        let run = |flags: &[&str]| example(name, flags).output().expect(HOW_TO_BUILD);
        let help = String::from_utf8(run(&["--help"]).stdout).expect("text");
        for flag in
            ["-e, ", "-r, ", "-c, ", "-k, ", "-p, ", "-w, ", "--proxy", "--region", "--profile", "--authorizer-name"]
        {
            assert!(help.contains(&format!(" {flag}")), "{name}: {flag} is missing in {help}");
        }
        for (flags, line) in [
            (&["-w", "-c", "c", "-k", "k"][..], exclusive),
            (&["--authorizer-name", "a", "-c", "c", "-k", "k"], exclusive),
            (&["-c", "c"], missing),
            (&[], missing),
            (
                &["--profile", "p", "-c", "c", "-k", "k"],
                "--profile is for signing: give --websocket, and no custom authorizer",
            ),
        ] {
            let ended = run(&[&place[..], flags].concat());
            let stderr = String::from_utf8(ended.stderr).expect("text");
            assert_eq!((ended.status.code(), stderr), (Some(2), format!("error: {line}\n")), "{name} {flags:?}");
        }
    }
}

fn block(message: &str, sequence: u32) -> String {
    let payload = format!("{{\"message\":\"{message}\",\"sequence\":{sequence}}}");
    format!("Received a new message: \n{payload}\nfrom topic: \nsdk/test/Rust\n--------------\n\n\n")
}

fn basic_pub_sub(arguments: &[&str]) -> Output {
    example("basic_pub_sub", arguments).output().expect(HOW_TO_BUILD)
}

pub(crate) const HOW_TO_BUILD: &str =
    "the example is there: `cargo test --test cli` does not build it, `cargo test` and `--examples` do";

/// `cargo test` has built the examples beside the tests, but tells nobody where.
pub(crate) fn example(name: &str, arguments: &[&str]) -> Command {
    let test = std::env::current_exe().expect("this test has a path");
    let example = test.ancestors().nth(2).expect("in deps/").join("examples").join(name);
    let mut command = Command::new(example);
    command.args(arguments).env_clear();
    command
}
