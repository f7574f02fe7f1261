//! What we depend on, checked like any other behaviour: licences, sources, and one version of everything that ships.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Licences that what ships and what tests it may have.
const LICENCES: [&str; 11] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    // LLVM's, for libFuzzer.
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages of which there are two versions, because others have not moved yet. None of them ships.
const DUPLICATES: [&str; 14] = [
    "block-buffer",
    "const-oid",
    "cpufeatures",
    "crypto-common",
    "digest",
    "getrandom",
    "hashbrown",
    "r-efi",
    "rand",
    "rand_chacha",
    "rand_core",
    "rustls-webpki",
    "syn",
    "windows-sys",
];

#[test]
fn every_licence_allows_what_ours_promises() {
    let packages = packages();
    assert!(packages.len() > 100, "the packages are there");
    for package in &packages {
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{} has no licence", package["name"]));
        assert!(is_allowed(licence), "{} has the licence {licence:?}", package["name"]);
    }
}

#[test]
fn everything_comes_from_the_registry_or_is_ours() {
    for package in packages() {
        let source = package["source"].as_str();
        let ours = package["name"].as_str().unwrap().starts_with("thingwire-");
        let registry = source == Some("registry+https://github.com/rust-lang/crates.io-index");
        assert!(if ours { source.is_none() } else { registry }, "{} is from {source:?}", package["name"]);
    }
}

#[test]
fn there_is_one_version_of_everything_that_ships() {
    for shipped in ["thingwire-core", "thingwire-std", "thingwire-smol"] {
        let arguments = ["tree", "-p", shipped, "-e", "normal,no-proc-macro", "--all-features", "--prefix", "none"];
        let tree = String::from_utf8(cargo(&arguments)).unwrap();
        let packages: BTreeSet<_> = tree.lines().map(|line| line.split(" (").next().unwrap()).collect();
        let mut versions = BTreeMap::<_, Vec<_>>::new();
        for (name, version) in packages.iter().filter_map(|package| package.split_once(' ')) {
            versions.entry(name).or_default().push(version);
        }
        assert!(versions.len() > 4, "{versions:?}");
        versions.retain(|_, versions| versions.len() > 1);
        assert_eq!(versions, BTreeMap::new(), "{shipped}");
    }
}

#[test]
fn no_second_version_of_anything_comes_unnoticed() {
    let packages = packages();
    let mut seen = BTreeSet::new();
    let names = packages.iter().map(|package| package["name"].as_str().unwrap());
    let twice: BTreeSet<_> = names.filter(|name| !seen.insert(*name)).collect();
    assert_eq!(twice, DUPLICATES.into_iter().collect());
}

/// Whether one of the choices in a licence expression (SPDX) is allowed in all of its parts.
fn is_allowed(expression: &str) -> bool {
    // Old manifests write a slash for OR.
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = expression.split_whitespace().peekable();
    let allowed = any(&mut words);
    assert_eq!(words.next(), None, "{expression:?} is read to its end");
    allowed
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>) -> bool {
    let mut allowed = all(words);
    while words.next_if_eq(&"OR").is_some() {
        allowed |= all(words);
    }
    allowed
}

fn all(words: &mut Words<'_>) -> bool {
    let mut allowed = one(words);
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut Words<'_>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let allowed = any(words);
        assert_eq!(words.next(), Some(")"));
        return allowed;
    }
    let mut licence = words.next().unwrap().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        licence = format!("{licence} WITH {}", words.next().unwrap());
    }
    LICENCES.contains(&&*licence)
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    for allowed in ["MIT", "MIT/GPL-3.0", "GPL-3.0 OR (MIT AND ISC)", "Apache-2.0 WITH LLVM-exception OR GPL-2.0"] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND MPL-2.0", "MIT WITH exception"] {
        assert!(!is_allowed(refused), "{refused}");
    }
}

fn packages() -> Vec<Value> {
    let metadata: Value = serde_json::from_slice(&cargo(&["metadata", "--format-version", "1"])).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// What cargo says about this workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Vec<u8> {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    cargo.args(arguments).arg("--locked").current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
