//! `thingwire pub` and `sub` on every way to the server.

use thingwire_sim::double::{Double, Visitors};
use thingwire_sim::proxies::{Proxy, ProxyProgram};

use crate::support::{Ended, PATIENCE, Running, WARNING, command, mutual, plain_double, thingwire};

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEexample";

fn double(visitors: Visitors) -> Double {
    Double::options().visitors(visitors).start().expect("the double starts")
}

/// `thingwire pub` to the double with these flags and variables.
fn publish(double: &Double, flags: &[&str], variables: &[(&str, &str)]) -> Ended {
    let (endpoint, ca) = (double.endpoint(), double.ca_path().to_str().expect("UTF-8"));
    let basic = ["pub", "--topic", "t", "--message", "m", "--verbose", "--endpoint", &endpoint, "--ca", ca];
    let mut command = command(&[&basic, flags].concat());
    command.envs(variables.iter().copied());
    Running::spawn(command).end()
}

fn assert_published(double: &Double, ended: &Ended, count: usize) {
    ended.assert_done();
    assert_eq!(double.wait_for_messages(count, PATIENCE).len(), count, "{}", ended.stderr);
    assert_eq!(double.violations(), []);
}

/// The last line on standard error is this one.
fn assert_refused(ended: &Ended, code: i32, line: &str) {
    let last = ended.stderr.lines().last();
    assert_eq!((ended.code, last), (Some(code), Some(format!("thingwire: {line}").as_str())));
}

#[test]
fn a_websocket_is_signed_with_the_credentials_in_the_environment_and_shows_none_of_them() {
    let double = double(Visitors::new().temporary_key(ID, SECRET, TOKEN));
    let variables = [("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_SESSION_TOKEN", TOKEN)];
    let flags = ["-w", "--region", "eu-central-1"];
    let ended = publish(&double, &flags, &variables);
    assert_published(&double, &ended, 1);
    let refused = publish(&double, &flags, &variables[..2]);
    let endpoint = double.endpoint();
    assert_refused(
        &refused,
        5,
        &format!(
            "{endpoint}: WebSocket: the server refused the upgrade with status 403 (ForbiddenException); check that the \
             credentials are valid and not expired, that their policy allows iot:Connect, and that the region is the \
             endpoint's"
        ),
    );
    for ended in [ended, refused] {
        for secret in [ID, SECRET, TOKEN, "X-Amz", "Signature="] {
            assert!(!ended.stderr.contains(secret), "{secret} in {}", ended.stderr);
        }
    }
    let region = "--region is not given; the rule is: given, when the endpoint does not name it";
    assert_refused(&publish(&double, &["-w"], &variables), 2, region);
}

/// A folder with a shared credentials file that has this profile.
fn shared_file(profile: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("credentials");
    let text = format!(
        "[{profile}]\r\naws_access_key_id = {ID}\r\naws_secret_access_key = {SECRET}\r\naws_session_token = {TOKEN}\r\n"
    );
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("UTF-8").to_owned();
    (folder, path)
}

fn file(path: &str) -> (&str, &str) {
    ("AWS_SHARED_CREDENTIALS_FILE", path)
}

#[test]
fn without_credentials_in_the_environment_the_shared_files_are_looked_at() {
    let double = double(Visitors::new().temporary_key(ID, SECRET, TOKEN));
    let flags = ["-w", "--region", "eu-central-1"];
    let (_default, default) = shared_file("default");
    let (_named, named) = shared_file("sensors");
    assert_published(&double, &publish(&double, &flags, &[file(&default)]), 1);
    let asked = [&flags[..], &["--profile", "sensors"]].concat();
    assert_published(&double, &publish(&double, &asked, &[file(&named)]), 2);
    assert_published(&double, &publish(&double, &flags, &[file(&named), ("AWS_PROFILE", "sensors")]), 3);
    let endpoint = double.endpoint();
    let none = publish(&double, &flags, &[]);
    assert_refused(
        &none,
        2,
        &format!(
            "{endpoint}: no AWS credentials: none found (environment: AWS_ACCESS_KEY_ID is not set; shared files: HOME is \
             not set, so there are none); set one of them up"
        ),
    );
    let unknown = publish(&double, &asked, &[file(&default)]);
    let line =
        format!("{endpoint}: no AWS credentials: shared files: no profile \"sensors\" in {default}; check its name");
    assert_refused(&unknown, 2, &line);
    for ended in [none, unknown] {
        assert!(!ended.stderr.contains(SECRET) && !ended.stderr.contains(TOKEN), "{}", ended.stderr);
    }
}

#[test]
fn sources_of_credentials_exclude_each_other_and_need_what_they_need() {
    let (double, address) = plain_double();
    let ca = double.ca_path().to_str().expect("UTF-8");
    let (cert, key) = mutual_paths(&double);
    let run = |flags: &[&str]| {
        let basic = ["pub", "--topic", "t", "--message", "m", "--endpoint", &address, "--ca", ca];
        thingwire(&[&basic, flags].concat())
    };
    let region = ["-w", "--region", "eu-west-1"];
    let exclusive =
        "--profile, --credentials-endpoint and --cognito-pool are mutually exclusive: leave out all but one";
    let signed = "--profile, --credentials-endpoint and --cognito-pool are for signed WebSockets: give --websocket, and \
                  leave out --unsigned, --plain and custom authorizers";
    let both = "--credentials-endpoint and --role-alias need each other: give both or neither";
    let role = ["--credentials-endpoint", "127.0.0.1:1", "--role-alias", "a"];
    let certificate = ["--cert", &cert, "--key", &key];
    let cases: [(&[&[&str]], &str); 9] = [
        (&[&region, &["--profile", "a", "--cognito-pool", "eu-west-1:1"]], exclusive),
        (&[&region, &["--profile", "a"], &role, &certificate], exclusive),
        (&[&["--profile", "a"]], signed),
        (&[&["-w", "--unsigned", "--profile", "a"]], signed),
        (&[&["-w", "--authorizer-name", "a", "--cognito-pool", "eu-west-1:1"]], signed),
        (&[&region, &role[..2]], both),
        (&[&region, &role[2..]], both),
        (
            &[&region, &["--role-thing", "t"]],
            "--role-thing is told to a credentials endpoint: give --credentials-endpoint as well",
        ),
        (&[&region, &role], "--credentials-endpoint wants the device's certificate: give --cert and --key"),
    ];
    for (flags, line) in cases {
        run(&flags.concat()).assert_failed(2, line);
    }
    run(&[&region[..], &["--cognito-pool", "pool"]].concat()).assert_failed(
        2,
        "--cognito-pool is \"pool\"; the rule is: REGION:ID, as the console of Amazon Cognito shows it",
    );
    let ended = run(&[&region[..], &role, &certificate].concat());
    ended.assert_failed(
        3,
        &format!(
            "{address}: no AWS credentials: AWS IoT credentials provider at 127.0.0.1:1: 127.0.0.1:1: connection refused: \
             nobody listens there; check the host and the port"
        ),
    );
}

fn mutual_paths(double: &Double) -> (String, String) {
    let text = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    (text(double.cert_path()), text(double.key_path()))
}

#[test]
fn custom_authorizers_are_asked_with_and_without_a_websocket() {
    let double = double(Visitors::new().authorizer("gate", "ticket", "let-me-in", Some("c2ln+/==")));
    let flags = ["--authorizer-name", "gate", "--authorizer-token-key", "ticket"];
    let variables = [("THINGWIRE_AUTHORIZER_TOKEN", "let-me-in"), ("THINGWIRE_AUTHORIZER_SIGNATURE", "c2ln+/==")];
    assert_published(&double, &publish(&double, &flags, &variables), 1);
    let over_websocket = [&["--websocket"], flags.as_slice()].concat();
    assert_published(&double, &publish(&double, &over_websocket, &variables), 2);
    let wrong = publish(&double, &flags, &[("THINGWIRE_AUTHORIZER_TOKEN", "hunter2")]);
    assert_eq!(wrong.code, Some(5));
    assert!(!wrong.stderr.contains("hunter2"), "{}", wrong.stderr);
}

#[test]
fn a_proxy_is_taken_from_its_flag_or_from_the_environment() {
    let double = double(Visitors::new().unsigned());
    let proxy = Proxy::start(ProxyProgram::Tinyproxy, Some(("user", "hunter2"))).expect("tinyproxy starts");
    let socks = Proxy::start(ProxyProgram::Microsocks, Some(("user", "hunter2"))).expect("microsocks starts");
    let unsigned = ["-w", "--unsigned"];
    let mut count = 0;
    for url in [proxy.url(), socks.url()] {
        let flags = [&unsigned[..], &["--proxy", &url]].concat();
        count += 1;
        assert_published(&double, &publish(&double, &flags, &[]), count);
    }
    count += 1;
    assert_published(&double, &publish(&double, &unsigned, &[("HTTPS_PROXY", &proxy.url())]), count);
    // One that does not work shows that it is used, or not.
    let endpoint = double.endpoint();
    let wanted = format!("{endpoint}: proxy: it wants a login; give a user name and a password");
    let bare = proxy.url_with("");
    for variables in [[("ALL_PROXY", bare.as_str())], [("https_proxy", &bare)], [("THINGWIRE_PROXY", &bare)]] {
        assert_refused(&publish(&double, &unsigned, &variables), 3, &wanted);
    }
    let both = [("ALL_PROXY", bare.as_str()), ("NO_PROXY", "example.com, localhost")];
    count += 1;
    assert_published(&double, &publish(&double, &unsigned, &both), count);
    let none = [&unsigned[..], &["--proxy", "none"]].concat();
    count += 1;
    assert_published(&double, &publish(&double, &none, &both[..1]), count);
    let wrong = publish(&double, &[&unsigned[..], &["--proxy", &proxy.url_with("user:sesame@")]].concat(), &[]);
    assert_refused(
        &wrong,
        3,
        &format!("{endpoint}: proxy: it does not accept the login; check the user name and the password"),
    );
    assert!(!wrong.stderr.contains("sesame"), "{}", wrong.stderr);
}

#[test]
fn protocols_and_names_in_tls_are_as_asked_for() {
    let double = double(Visitors::new());
    let flags = mutual(&double);
    let basic = ["pub", "--topic", "t", "--message", "m"];
    let run = |more: &[&str]| {
        let flags: Vec<&str> =
            basic.into_iter().chain(flags.iter().map(String::as_str)).chain(more.iter().copied()).collect();
        thingwire(&flags)
    };
    run(&["--alpn", "unknown,x-amzn-mqtt-ca"]).assert_done();
    let endpoint = double.endpoint();
    assert_refused(
        &run(&["--alpn", "unknown"]),
        4,
        &format!(
            "{endpoint}: TLS: the server refused the connection (NoApplicationProtocol); the port is for another \
             protocol; try port 8883"
        ),
    );
    run(&["--sni", "localhost"]).assert_done();
    assert_refused(
        &run(&["--sni", "iot.example.com"]),
        4,
        &format!(
            "{endpoint}: TLS: the server's certificate is for \"localhost\", \"127.0.0.1\", \"::1\", not for \
             \"iot.example.com\"; check the endpoint's spelling and the server name (SNI)"
        ),
    );
    assert_refused(&run(&["--sni", "a b"]), 2, "--sni: \"a b\" is not a host name; expected HOST or HOST:PORT");
}

#[test]
fn a_websocket_without_tls_is_possible_and_warned_of() {
    let double = Double::options().visitors(Visitors::new().unsigned()).plain_port(0).start().expect("it starts");
    let endpoint = format!("127.0.0.1:{}", double.plain_port().expect("asked for"));
    let ended = thingwire(&["pub", "--topic", "t", "--message", "m", "--plain", "-w", "--endpoint", &endpoint]);
    ended.assert_done();
    assert_eq!(ended.stderr, WARNING);
}

#[test]
fn what_excludes_or_needs_each_other_is_told() {
    let (double, address) = plain_double();
    let ca = double.ca_path().to_str().expect("UTF-8");
    let run = |flags: &[&str]| {
        let basic = ["pub", "--topic", "t", "--message", "m", "--endpoint", &address];
        thingwire(&[&basic, flags].concat())
    };
    let certificate = ["--ca", ca, "--cert", "c", "--key", "k"];
    let cases: [(&[&str], &str); 10] = [
        (
            &["-w"],
            "X.509 certificates and WebSockets are mutually exclusive: leave out either --cert and --key or --websocket",
        ),
        (
            &["--authorizer-name", "a"],
            "X.509 certificates and custom authorizers are mutually exclusive: leave out either --cert and --key or \
             --authorizer-name",
        ),
        (
            &["--region", "eu-west-1"],
            "--region and --unsigned are about the signature of a WebSocket: give --websocket as well",
        ),
        (&["--unsigned"], "--region and --unsigned are about the signature of a WebSocket: give --websocket as well"),
        (&["--plain"], "--plain is without TLS: leave out either it or --ca, --cert and --key"),
        (&["--proxy", "https://user:hunter2@proxy"], ""),
        (&["--proxy", "http://user:hunter2@"], ""),
        (&["--proxy", "ftp://user:hunter2@proxy"], ""),
        (&["--proxy", "http://:@"], ""),
        (&["--proxy", ""], ""),
    ];
    for (flags, line) in cases {
        if line.is_empty() {
            let flags = [&["--ca", ca], flags].concat();
            let ended = run(&flags);
            assert_eq!(ended.code, Some(2), "{}", ended.stderr);
            assert!(ended.stderr.contains("is not a proxy; expected http://"), "{}", ended.stderr);
            assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
        } else {
            run(&[&certificate, flags].concat()).assert_failed(2, line);
        }
    }
    let tls = ["--ca", ca];
    run(&[&tls[..], &["-w"]].concat())
        .assert_failed(2, "--region is not given; the rule is: given, when the endpoint does not name it");
    run(&[&tls[..], &["--authorizer-token", "t"]].concat())
        .assert_failed(2, "--authorizer-token-key and --authorizer-token need each other: give both or neither");
    run(&[&tls[..], &["--authorizer-name", "a b"]].concat())
        .assert_failed(2, "--authorizer-name is \"a b\"; the rule is: letters, digits and _=,@- only, at most 128");
    run(&["--plain", "--alpn", "mqtt"]).assert_failed(2, "--alpn and --sni are parts of TLS: leave out --plain");
}

#[test]
fn roots_may_be_amazons_or_the_systems() {
    let double = Double::start().expect("it starts");
    let run = |ca: &str, variables: &[(&str, &str)]| {
        let mut flags = mutual(&double);
        ca.clone_into(&mut flags[3]);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let mut command = command(&[&["pub", "--topic", "t", "--message", "m"], &flags[..]].concat());
        command.envs(variables.iter().copied());
        Running::spawn(command).end()
    };
    let ca = double.ca_path().to_str().expect("UTF-8");
    run("system", &[("SSL_CERT_FILE", ca)]).assert_done();
    let ended = run("amazon", &[("SSL_CERT_FILE", ca)]);
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("and the given root is \"Amazon Root CA 1, Amazon\", "), "{}", ended.stderr);
    let none = run("system", &[("SSL_CERT_FILE", "/dev/null")]);
    assert!(none.stderr.contains("this system has no usable root certificates"), "{}", none.stderr);
    assert_eq!(none.code, Some(1));
}
