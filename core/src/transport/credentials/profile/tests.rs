use super::*;
use core::fmt::Write as _;

/// What a profile of the file offers, in words that show what was read; the secrets are the test's own.
fn outcome(file: &[u8], kind: FileKind, name: &str) -> String {
    match find(file, kind, name) {
        Err(fault) => format!("fault: {fault}"),
        Ok(None) => "no such profile".to_owned(),
        Ok(Some(profile)) => match profile.offer() {
            Err(fault) => format!("{fault:?}"),
            Ok(Offer::Process(command)) => format!("process {command:?}"),
            Ok(Offer::Keys(keys)) => {
                format!("keys {:?} {:?} {:?}", keys.access_key_id(), keys.secret_access_key(), keys.session_token())
            }
        },
    }
}

#[test]
fn credentials_files_of_every_kind() {
    let keys = "aws_access_key_id = AKID\naws_secret_access_key = s/e+c=\n";
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("plain", format!("[default]\n{keys}").into()),
        ("with a token", format!("[default]\n{keys}aws_session_token=t==\n").into()),
        ("without blanks or a last line end", "[default]\naws_access_key_id=AKID\naws_secret_access_key=s".into()),
        ("byte order mark and Windows line ends", format!("\u{feff}[default]\n{keys}").replace('\n', "\r\n").into()),
        ("indented", "[default]\n  aws_access_key_id = AKID\n\taws_secret_access_key = s\n".into()),
        ("comments", format!("# a\n; b\n\n[default] # c\n#aws_access_key_id = X\n{keys}  ; d\n").into()),
        (
            "comment behind a value",
            "[default]\naws_access_key_id = AKID # mine\naws_secret_access_key = a#b;c\t;d".into(),
        ),
        ("quoted", "[default]\naws_access_key_id = \"AKID\"\naws_secret_access_key = 's'\n".into()),
        ("names in capitals", "[default]\nAWS_ACCESS_KEY_ID = AKID\nAws_Secret_Access_Key = s\n".into()),
        ("the later of two", format!("[default]\n{keys}aws_access_key_id = LATER\n").into()),
        (
            "one profile in two sections",
            "[default]\naws_access_key_id = AKID\n[a]\n[default]\naws_secret_access_key=s".into(),
        ),
        ("blanks in the section", format!("[ default ]\n{keys}").into()),
        ("nested settings", format!("[default]\ns3 =\n  aws_access_key_id = X\n{keys}").into()),
        ("another profile", format!("[other]\n{keys}").into()),
        ("another profile that is a longer word", format!("[default2]\n{keys}").into()),
        ("no secret", "[default]\naws_access_key_id = AKID\n".into()),
        ("empty secret", "[default]\naws_access_key_id = AKID\naws_secret_access_key =\n".into()),
        ("no id", "[default]\naws_secret_access_key = s\n".into()),
        ("a token alone", "[default]\naws_session_token = t\n".into()),
        ("a blank in the secret", "[default]\naws_access_key_id = AKID\naws_secret_access_key = s s\n".into()),
        ("nothing of use", "[default]\nregion = eu-west-1\n".into()),
        ("empty section", "[default]\n".into()),
        ("empty file", vec![]),
        ("a program", "[default]\ncredential_process = \"/opt/my tools/get\" --id 1\n".into()),
        ("keys before a program", format!("[default]\ncredential_process = /get\n{keys}").into()),
        (
            "a role, whose keys are another's",
            format!("[default]\nrole_arn = arn\nsource_profile = default\n{keys}").into(),
        ),
        ("single sign-on", "[default]\nsso_session = s\n".into()),
        ("keys before single sign-on", format!("[default]\nsso_start_url = u\n{keys}").into()),
        ("a setting before any section", keys.into()),
        ("no equals sign", format!("[default]\n{keys}SECRET\n").into()),
        ("in another profile too", format!("[default]\n{keys}[other]\nSECRET\n").into()),
        ("a section without its end", format!("[default\n{keys}").into()),
        ("more behind a section", format!("[default] x\n{keys}").into()),
        ("not UTF-8", b"[default]\naws_access_key_id = \xff\n".to_vec()),
        ("UTF-16", "[default]".encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ];
    let mut table = String::new();
    for (name, file) in cases {
        writeln!(table, "{name}: {}", outcome(&file, FileKind::Credentials, "default")).unwrap();
    }
    assert!(!table.contains("SECRET"), "{table}");
    insta::assert_snapshot!(table);
}

#[test]
fn a_config_file_names_its_profiles_otherwise() {
    let keys = "\naws_access_key_id = AKID\naws_secret_access_key = s\n";
    for (section, name, is_there) in [
        ("default", "default", true),
        ("profile default", "default", true),
        ("profile me", "me", true),
        ("profile \t me ", "me", true),
        ("profile \"my name\"", "my name", true),
        ("me", "me", false),
        ("profileme", "me", false),
        ("sso-session me", "me", false),
        ("profile me too", "me", false),
    ] {
        let found = find(format!("[{section}]{keys}").as_bytes(), FileKind::Config, name).unwrap();
        assert_eq!(found.is_some(), is_there, "{section}");
    }
}

#[test]
fn of_two_files_the_first_counts() {
    let read = |text: &str, kind| find(text.as_bytes(), kind, "default").unwrap().unwrap();
    let first = read("[default]\naws_access_key_id = FIRST\n", FileKind::Credentials);
    let second = read("[default]\naws_access_key_id = SECOND\naws_secret_access_key = s\n", FileKind::Config);
    let Ok(Offer::Keys(keys)) = first.or(second).offer() else { panic!("keys") };
    assert_eq!((keys.access_key_id(), keys.secret_access_key()), ("FIRST", "s"));
}

proptest::proptest! {
    #[test]
    fn no_file_is_too_strange(file: Vec<u8>, text in "(\\[default\\]|[a= \"'#;\\[\\]\n\t\u{e9}]){0,60}") {
        for file in [&file[..], text.as_bytes()] {
            for kind in [FileKind::Credentials, FileKind::Config] {
                if let Ok(Some(profile)) = find(file, kind, "default") {
                    let _ = profile.offer();
                }
            }
        }
    }
}
