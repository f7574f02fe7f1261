//! A program that gives credentials.

use core::time::Duration;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use zeroize::Zeroizing;

use crate::host::Clock;
use crate::transport::credentials::answers;
use crate::transport::credentials::command::words;
use crate::transport::{Credentials, CredentialsProvider, NoCredentials};

/// How long it may take: some ask their user.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes that it may write.
const LEN_MAX: usize = 64 * 1024;
/// Between two looks whether a program that is done writing has ended.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) struct Process {
    command: String,
    timeout: Duration,
}

impl Process {
    pub(super) fn new(command: impl Into<String>) -> Self {
        Self { command: command.into(), timeout: TIMEOUT }
    }
}

impl CredentialsProvider for Process {
    fn credentials(&self, _: u64) -> Result<Credentials, NoCredentials> {
        let Some(words) = words(&self.command) else {
            return Err(NoCredentials::broken("credential_process: no program, or a quote without its end; check it"));
        };
        let broken = |why: String| NoCredentials::broken(format!("credential_process {:?}: {why}", words[0]));
        let output = run(&words, self.timeout).map_err(broken)?;
        answers::of_process(&output).map_err(|why| broken(format!("what it writes is not as expected: {why}")))
    }
}

/// What the program writes. Its arguments may be secrets, so that no error tells them.
fn run(words: &[String], timeout: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
    let clock = Clock::start();
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot be started: {error}; give the whole path of an executable program"))?;
    let (output, errors) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let left = || timeout.saturating_sub(clock.now().since(crate::Instant::EPOCH));
    let finished = output.recv_timeout(left()).map_err(|_| ()).and_then(|output| {
        let errors = errors.recv_timeout(left()).map_err(|_| ())?;
        Ok((output, errors))
    });
    let Ok((output, errors)) = finished else {
        stop(&mut child);
        return Err(format!("no answer within {} s, so it was ended; run it by hand", timeout.as_secs()));
    };
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if !left().is_zero() => thread::sleep(PAUSE),
            Ok(None) | Err(_) => {
                stop(&mut child);
                return Err(format!("it did not end within {} s; run it by hand", timeout.as_secs()));
            }
        }
    };
    let output = output.map_err(|error| format!("its output cannot be read: {error}"))?;
    if output.len() > LEN_MAX {
        return Err(format!("it writes more than {LEN_MAX} bytes; run it by hand"));
    }
    if !status.success() {
        // By agreement, what programs of this kind write there is fit for logs.
        let errors = errors.unwrap_or_default();
        let text = String::from_utf8_lossy(&errors);
        let said = text.lines().map(str::trim).find(|line| !line.is_empty()).map(answers::one_line);
        return Err(match said {
            Some(said) => format!("it failed ({status}), saying {said:?}"),
            None => format!("it failed ({status}); run it by hand"),
        });
    }
    Ok(output)
}

type Collected = io::Result<Zeroizing<Vec<u8>>>;

/// Reads a stream to its end, but no more than can be right.
fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<Collected> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let read = move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LEN_MAX + 1));
        let read = stream.map_or(Ok(0), |stream| stream.take(LEN_MAX as u64 + 1).read_to_end(&mut bytes));
        // Nobody listens any more when it took too long.
        let _ = sender.send(read.map(|_| bytes));
    };
    // Without a thread the receiver finds the sender gone.
    let _ = thread::Builder::new().name("thingwire-process".to_owned()).spawn(read);
    receiver
}

fn stop(child: &mut Child) {
    // Both fail only when it has ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn ask(script: &str, timeout: Duration) -> Result<Credentials, String> {
        let command = format!("sh -c '{script}'");
        Process { command, timeout }.credentials(0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_program_gives_credentials_and_may_say_when_they_end() {
        let script = r#"echo "{\"Version\": 1, \"AccessKeyId\": \"AKID\", \"SecretAccessKey\": \"s\",
            \"SessionToken\": \"t\", \"Expiration\": \"2017-06-28T20:48:45Z\"}"; echo noise >&2"#;
        let credentials = ask(script, TIMEOUT).unwrap();
        assert_eq!(credentials.access_key_id(), "AKID");
        assert_eq!((credentials.session_token(), credentials.expires_at_secs()), (Some("t"), Some(1_498_682_925)));
    }

    const ANSWER: &str = r#"{\"Version\": 1, \"AccessKeyId\": \"AKID\", \"SecretAccessKey\": \"s\"}"#;

    #[test]
    fn a_program_may_write_as_much_as_is_allowed_and_end_a_little_later() {
        let written = format!("{}\n", ANSWER.replace('\\', ""));
        let blanks = 64 * 1024 - written.len();
        let script =
            format!("echo \"{ANSWER}\"; head -c {blanks} /dev/zero | tr \"\\0\" \" \"; exec >&- 2>&-; sleep 0.05");
        assert_eq!(ask(&script, TIMEOUT).unwrap().access_key_id(), "AKID");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_that_is_given_up_does_not_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 600", file.display());
        assert!(ask(&script, Duration::from_millis(300)).is_err());
        let process = std::fs::read_to_string(&file).unwrap();
        assert!(!std::path::Path::new("/proc").join(process.trim()).exists());
    }

    #[test]
    fn a_program_that_does_not_is_told_by_its_name_and_what_it_says() {
        let second = Duration::from_secs(1);
        let cases = [
            ask("echo; echo no session: log in first >&2; exit 3", TIMEOUT),
            ask("exit 1", TIMEOUT),
            ask("echo AKIDSECRET", TIMEOUT),
            ask("head -c 100000 /dev/zero", TIMEOUT),
            ask("exec sleep 60", second),
            ask("exec >&- 2>&-; exec sleep 60", second),
            Process::new("/nowhere/program secret").credentials(0).map_err(|error| error.to_string()),
            Process::new("'unfinished secret").credentials(0).map_err(|error| error.to_string()),
        ];
        let texts = cases.map(|case| case.unwrap_err());
        assert!(!texts.concat().to_lowercase().contains("secret"), "{texts:?}");
        insta::assert_snapshot!(texts.join("\n"));
    }
}
