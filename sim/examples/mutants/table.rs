//! The table of defects in `sim/mutants.toml`.

use serde::Deserialize;

/// A defect: a change of one place in the client's source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    /// What is wrong with such a client.
    pub name: String,
    /// The file, from `core/src` on.
    pub file: String,
    /// What stands there, once in the file.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
    /// Where it is looked for.
    #[serde(default)]
    pub found_by: Finder,
}

/// Where a defect is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Finder {
    /// In a campaign of clients.
    #[default]
    Campaign,
    /// In a campaign of clients that ask device shadows.
    Shadows,
    /// In worlds of things.
    Things,
}

impl Mutant {
    /// The source with the defect, or why it does not fit.
    pub(crate) fn apply(&self, source: &str) -> Result<String, String> {
        match source.matches(&self.find).count() {
            1 => Ok(source.replacen(&self.find, &self.replace, 1)),
            times => Err(format!("{}: {} has it {times} times, not once: {}", self.name, self.file, self.find)),
        }
    }
}

/// Reads the table.
pub(crate) fn read(text: &str) -> Result<Vec<Mutant>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        mutant: Vec<Mutant>,
    }
    toml::from_str::<Table>(text).map(|table| table.mutant).map_err(|error| error.to_string())
}
