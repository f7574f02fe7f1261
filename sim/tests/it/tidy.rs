//! The repository's own rules, checked like any other behaviour.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dependencies::cargo;

/// Lines of a source file; longer ones hold a second thing.
const FILE_LINES_MAX: usize = 600;

/// Lines of code that a runtime may have of its own: sockets, sleeping, threads, and for the one that blocks the handles
/// that wait. What else it needs is shared, and written once. Of the ports of things it has their readiness, the handle that
/// waits, and the threads or tasks that carry what is no file descriptor.
const RUNTIME_LINES_MAX: [(&str, usize); 2] = [("runtime-std/src", 900), ("runtime-smol/src", 450)];

/// The floors of the core, from the ground up: a file may use its own floor and those below.
const FLOORS: [&[&str]; 14] = [
    &["time", "date", "rng", "topic", "frame", "wire", "json", "unshown", "derived"],
    &["reply", "shadow", "link", "command", "limits", "config", "action", "event", "timers"],
    &["codec", "tape", "trace"],
    &["backoff", "drain", "queue", "session", "subscriptions", "suspects", "throttle", "request"],
    &["shadows"],
    &["client"],
    &["thing"],
    &["replay"],
    &["transport"],
    &["options"],
    &["engine"],
    &["host", "dial", "ports", "sources"],
    &["handle"],
    &["internal"],
];

#[test]
fn no_source_file_holds_two_things() {
    let long: Vec<_> = sources("")
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "src"))
        .filter(|path| read(path).lines().count() > FILE_LINES_MAX)
        .collect();
    assert_eq!(long, Vec::<PathBuf>::new());
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is for whoever runs the test to look at")]
fn a_runtime_has_little_of_its_own() {
    let shared: usize = sources("core/src").iter().map(|path| code_lines(path)).sum();
    println!("{:<20} {shared:>6} lines of code, shared", "core/src");
    for (folder, max) in RUNTIME_LINES_MAX {
        let own = sources(folder).into_iter().filter(|path| !path.starts_with(root().join(folder).join("bin")));
        let lines: usize = own.map(|path| code_lines(&path)).sum();
        println!("{folder:<20} {lines:>6} lines of code, of at most {max}");
        assert!(
            lines <= max,
            "{folder} has {lines} lines of code; what is no socket and no sleep belongs to core/src/handle"
        );
    }
}

#[test]
fn only_the_codec_says_mqttbytes() {
    let saying = sources("core/src").into_iter().chain(sources("runtime-std/src")).chain(sources("runtime-smol/src"));
    let saying: Vec<_> = saying
        .filter(|path| read(path).lines().any(|line| line.contains("mqttbytes::") || line.contains("use mqttbytes")))
        .collect();
    assert_eq!(saying, [root().join("core/src/codec.rs")]);
}

#[test]
fn floors_of_the_core_only_look_down() {
    let types = exported_types();
    let mut seen = 0;
    for path in sources("core/src") {
        let module = module(&path);
        if module == "lib" {
            continue;
        }
        for used in used_modules(&read(&path), &types) {
            seen += 1;
            assert!(floor(&used) <= floor(&module), "{} uses {used}, which is above it", path.display());
        }
    }
    assert!(seen > 40, "the uses are seen: {seen}");
}

#[test]
fn the_core_depends_on_bytes_json_and_the_codec_alone() {
    let tree = cargo_tree(&["-p", "thingwire-core", "--no-default-features"]);
    let json = ["itoa", "memchr", "serde_core", "serde_json", "zmij"];
    let expected: BTreeSet<_> = ["bytes", "mqttbytes", "thingwire-core"].into_iter().chain(json).collect();
    assert_eq!(tree.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
}

#[test]
fn websockets_cost_no_dependency_beyond_those_of_tls() {
    let tree = |features| cargo_tree(&["-p", "thingwire-core", "--no-default-features", "--features", features]);
    let tls = tree("transport");
    assert!(tls.iter().any(|name| name == "rustls") && tls.len() < 20, "{tls:?}");
    assert_eq!(tree("transport,websocket"), tls);
}

#[test]
fn the_systems_roots_cost_two_small_packages() {
    let tree = |features| cargo_tree(&["-p", "thingwire-core", "--no-default-features", "--features", features]);
    let without = tree("host");
    let mut more = tree("system-roots");
    more.retain(|name| !without.contains(name));
    assert_eq!(more, ["openssl-probe", "rustls-native-certs"]);
}

/// Whoever changes what a recorded state is made of raises `LAYOUT`, lest an older record is read as what it is not.
#[test]
fn a_recorded_state_has_the_layout_of_its_number() {
    let mut text = format!("LAYOUT {}\n", thingwire_core::trace::LAYOUT);
    let mut paths = sources("core/src");
    paths.sort();
    for path in paths {
        let source = read(&path);
        for item in source.split("crate::wire::").skip(1).filter_map(|rest| rest.split_once(");")) {
            if ["fields!(", "variants!("].iter().any(|name| item.0.starts_with(name)) {
                text += &item.0.split_whitespace().collect::<Vec<_>>().join(" ");
                text.push('\n');
            }
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn runtimes_do_not_know_each_other_nor_the_simulator() {
    for runtime in ["thingwire-std", "thingwire-smol"] {
        let mut ours = cargo_tree(&["-p", runtime]);
        ours.retain(|name| name.starts_with("thingwire"));
        assert_eq!(ours, ["thingwire-core", runtime]);
    }
}

/// Whoever goes from one runtime to the other changes the name of the crate, and what waits.
#[test]
fn both_runtimes_have_the_same_words() {
    let words = |path: &str, own: &[&str]| {
        let source = read(&root().join(path));
        let statements = source.split("pub use ").skip(1).filter_map(|rest| rest.split_once(';'));
        let lists =
            statements.map(|(list, _)| list.trim_end_matches('}').rsplit_once(['{', ':']).unwrap_or(("", list)).1);
        let words = lists.flat_map(|list| list.split(',')).map(|word| word.trim().to_owned());
        words.filter(|word| !word.is_empty() && !own.contains(&word.as_str())).collect::<BTreeSet<_>>()
    };
    let blocking = words("runtime-std/src/lib.rs", &["Waker"]);
    assert!(blocking.len() > 80 && blocking.contains("Client"), "{blocking:?}");
    assert_eq!(blocking, words("runtime-smol/src/lib.rs", &["Running", "client", "connect"]));
}

#[test]
fn every_test_runs() {
    let marker = concat!("#[", "ignore");
    let ignored: Vec<_> = sources("").into_iter().filter(|path| read(path).contains(marker)).collect();
    assert_eq!(ignored, Vec::<PathBuf>::new());
}

#[test]
fn the_top_level_is_what_the_architecture_says() {
    let tracked = Command::new("git").args(["ls-files"]).current_dir(root()).output().unwrap();
    let text = String::from_utf8(tracked.stdout).unwrap();
    let mut top: Vec<_> = text.lines().filter_map(|path| path.split('/').next()).collect();
    top.retain(|name| !name.starts_with('.'));
    top.dedup();
    let expected = [
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "benches",
        "core",
        "docs",
        "fuzz",
        "runtime-smol",
        "runtime-std",
        "sim",
    ];
    assert_eq!(top, expected);
}

/// Lines that are neither empty, nor comments, nor tests.
fn code_lines(path: &Path) -> usize {
    let text = read(path);
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

fn floor(module: &str) -> usize {
    FLOORS.iter().position(|floor| floor.contains(&module)).unwrap_or_else(|| panic!("{module} has no floor"))
}

/// The top module that a file of the core belongs to.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("core/src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Which module each name at the top of the crate comes from.
fn exported_types() -> BTreeMap<String, String> {
    let lib = read(&root().join("core/src/lib.rs"));
    let exports = lib.split(';').filter_map(|item| item.split_once("pub use ").map(|(_, used)| used));
    let mut types = BTreeMap::new();
    for export in exports {
        let (module, names) = export.split_once("::").unwrap();
        for name in names.rsplit("::").next().unwrap().trim_matches(['{', '}', '\n', ' ']).split(',') {
            types.insert(name.trim().to_owned(), module.to_owned());
        }
    }
    types
}

/// The modules behind every `crate::…` in a file, tests and comments left out.
fn used_modules(text: &str, types: &BTreeMap<String, String>) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut modules = Vec::new();
    for used in code.split("crate::").skip(1) {
        let names = match used.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap(),
            None => used.split([';', ' ', '(', ')', '<', '>', ',', '\n', '`']).next().unwrap(),
        };
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let first = name.split("::").next().unwrap();
            modules.push(types.get(first).cloned().unwrap_or_else(|| first.to_owned()));
        }
    }
    modules
}

/// The names of all packages that are built, sorted.
fn cargo_tree(arguments: &[&str]) -> Vec<String> {
    let arguments = [&["tree", "-e", "normal", "--prefix", "none"], arguments].concat();
    let text = String::from_utf8(cargo(&arguments)).unwrap();
    let mut names: Vec<_> = text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust files below a folder of the repository.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let hidden = path.file_name().unwrap().to_str().unwrap().starts_with('.');
            if path.is_dir() && !hidden && path.file_name().unwrap() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no source in {folder}");
    found
}
