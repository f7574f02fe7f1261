//! Where the plans of a campaign come from.

use crate::plan::Plan;
use crate::profile::Profile;
use crate::scenario;

/// A profile, or a scenario file.
#[derive(Debug, Clone)]
pub enum Source {
    /// A profile.
    Profile(&'static Profile),
    /// A scenario.
    Scenario {
        /// The file, as it was named.
        file: String,
        /// What is in it.
        text: String,
    },
}

impl Source {
    /// What it is called on the command line.
    pub fn name(&self) -> &str {
        match self {
            Self::Profile(profile) => profile.name,
            Self::Scenario { file, .. } => file,
        }
    }

    /// The plan of a seed.
    pub fn plan(&self, seed: u64) -> Result<Plan, scenario::Error> {
        match self {
            Self::Profile(profile) => Ok(profile.plan(seed)),
            Self::Scenario { file, text } => scenario::read(file, text, Some(seed)).map(|scenario| scenario.plan),
        }
    }

    /// The command that makes the run of a seed again.
    pub fn reproduce(&self, seed: u64) -> String {
        format!("thingwire-sim run {} --seed {seed}", shell_word(self.name()))
    }
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_pasted_into_a_shell() {
        let source = Source::Scenario { file: "my dir/it's.toml".to_owned(), text: String::new() };
        assert_eq!(source.reproduce(7), r"thingwire-sim run 'my dir/it'\''s.toml' --seed 7");
        let calm = Source::Profile(&crate::profile::ALL[0]);
        assert_eq!(calm.reproduce(7), "thingwire-sim run calm --seed 7");
    }
}
