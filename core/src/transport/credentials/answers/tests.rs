use super::*;
use core::fmt::Write as _;

type Read = fn(&[u8]) -> Result<Credentials, String>;

fn table(cases: &[(Read, &str)]) -> String {
    let mut table = String::new();
    for (read, text) in cases {
        let outcome = match read(text.as_bytes()) {
            Err(why) => format!("refused: {why}"),
            Ok(keys) => format!(
                "{:?} {:?} {:?} {:?}",
                keys.access_key_id(),
                keys.secret_access_key(),
                keys.session_token(),
                keys.expires_at_secs()
            ),
        };
        writeln!(table, "{text}\n  {outcome}").unwrap();
    }
    table
}

#[test]
fn what_programs_and_services_answer() {
    insta::assert_snapshot!(table(&[
        (of_process, r#"{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"s\/e"}"#),
        (
            of_process,
            r#"{"Version": 1, "AccessKeyId":"AKID","SecretAccessKey":"s","SessionToken":"t","Expiration":"2017-06-28T20:48:45Z","More":[]}"#
        ),
        (
            of_process,
            r#"{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"s","SessionToken":null,"Expiration":null}"#
        ),
        (of_process, r#"{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"s","SessionToken":""}"#),
        (
            of_iot,
            r#"{"credentials":{"accessKeyId":"AKID","secretAccessKey":"s","sessionToken":"t","expiration":"2017-06-28T20:48:45Z"}}"#
        ),
        (
            of_cognito,
            r#"{"IdentityId":"r:1","Credentials":{"AccessKeyId":"AKID","SecretKey":"s","SessionToken":"t","Expiration":1.498682925E9}}"#
        ),
        (
            of_cognito,
            r#"{"Credentials":{"AccessKeyId":"AKID","SecretKey":"s","SessionToken":"t","Expiration":1498682925}}"#
        ),
    ]));
}

#[test]
fn what_is_no_answer_is_refused_without_a_word_of_it() {
    let table = table(&[
        (of_process, ""),
        (of_process, "\"SECRET\""),
        (of_process, r#"{"Version":1,"AccessKeyId":"SECRET","#),
        (of_process, r#"{"Version":1}{"SECRET":1}"#),
        (of_process, r#"{"AccessKeyId":"SECRET","SecretAccessKey":"s"}"#),
        (of_process, r#"{"Version":"1","AccessKeyId":"SECRET","SecretAccessKey":"s"}"#),
        (of_process, r#"{"Version":2,"AccessKeyId":"SECRET","SecretAccessKey":"s"}"#),
        (of_process, r#"{"Version":1,"AccessKeyId":"SECRET"}"#),
        (of_process, r#"{"Version":1,"AccessKeyId":null,"SecretAccessKey":"SECRET"}"#),
        (of_process, r#"{"Version":1,"AccessKeyId":1,"SecretAccessKey":"SECRET"}"#),
        (of_process, r#"{"Version":1,"AccessKeyId":"","SecretAccessKey":"SECRET"}"#),
        (of_process, r#"{"Version":1,"AccessKeyId":"a b","SecretAccessKey":"SECRET"}"#),
        (of_process, r#"{"Version":1,"AccessKeyId":"a","AccessKeyId":"b","SecretAccessKey":"SECRET"}"#),
        (of_process, r#"{"Version":1,"AccessKeyId":"a","SecretAccessKey":"SECRET","SessionToken":7}"#),
        (of_process, r#"{"Version":1,"AccessKeyId":"a","SecretAccessKey":"SECRET","Expiration":"tomorrow"}"#),
        (of_iot, r#"{"AccessKeyId":"SECRET"}"#),
        (of_iot, r#"{"credentials":"SECRET"}"#),
        (of_iot, r#"{"credentials":{"AccessKeyId":"SECRET"}}"#),
        (of_cognito, r#"{"Credentials":{"AccessKeyId":"a","SecretAccessKey":"SECRET"}}"#),
        (of_cognito, r#"{"Credentials":{"AccessKeyId":"a","SecretKey":"SECRET","Expiration":-1}}"#),
        (of_cognito, r#"{"Credentials":{"AccessKeyId":"a","SecretKey":"SECRET","Expiration":1e300}}"#),
    ]);
    let said: String = table.lines().filter(|line| line.starts_with("  ")).collect();
    assert!(!said.contains("SECRET") && said.matches("refused").count() == 21, "{said}");
    insta::assert_snapshot!(table);
}

#[test]
fn who_we_are_and_what_a_refusal_says() {
    assert_eq!(of_get_id(br#"{"IdentityId":"eu-west-1:1"}"#), Ok("eu-west-1:1".to_owned()));
    for text in ["", "{}", r#"{"IdentityId":""}"#, r#"{"IdentityId":1}"#] {
        of_get_id(text.as_bytes()).unwrap_err();
    }
    for (text, expected) in [
        (r#"{"message":"Access Denied."}"#, Some("Access Denied")),
        (r#"{"__type":"com.amazonaws#NotAuthorizedException","Message":"a\nb"}"#, Some("NotAuthorizedException: a b")),
        (r#"{"__type":"X","message":""}"#, Some("X")),
        ("{}", None),
        ("<html>", None),
    ] {
        assert_eq!(said(text.as_bytes()).as_deref(), expected, "{text}");
    }
    let long = said(format!("{{\"message\":\"{}\"}}", "a".repeat(10_000)).as_bytes());
    assert_eq!(long.map(|text| text.len()), Some(SAID_LEN_MAX));
}
