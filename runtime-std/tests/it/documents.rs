//! What the documents say of the code and of its tests is so.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A snapshot of the phases' transitions, which the tests of `core` compare with the code.
fn snapshot(name: &str) -> String {
    let snapshot = read(format!("core/src/client/snapshots/thingwire_core__client__phase__tests__{name}.snap"));
    let (_, body) = snapshot.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).expect("a header");
    body.to_owned()
}

#[test]
fn the_page_about_the_life_of_a_connection_shows_the_transitions_of_the_code() {
    let page = read("docs/lifecycle.md");
    let (table, graph) = (snapshot("transition_table"), snapshot("transition_graph"));
    for (language, block) in [("text", &table), ("dot", &graph), ("mermaid", &mermaid(&graph))] {
        let block = format!("```{language}\n{block}```\n");
        assert!(page.contains(&block), "docs/lifecycle.md has to contain\n{block}");
    }
}

/// The graph in the language that GitHub draws.
fn mermaid(graph: &str) -> String {
    let edges = graph.lines().filter_map(|line| line.trim().strip_suffix("\"];")).map(|edge| {
        let (ends, signal) = edge.split_once(" [label=\"").expect("a label");
        format!("    {}: {signal}\n", ends.replace("->", "-->"))
    });
    format!("stateDiagram-v2\n{}", edges.collect::<String>())
}

/// The tables at the top of tests, each with the folder that it is about.
#[test]
fn every_test_that_a_table_of_cases_names_exists() {
    let tables = [("core/tests/it", "parity.rs", 40), ("runtime-std/tests/it/suite", "parity.rs", 7)];
    for (folder, file, rows_min) in tables {
        let text = read(Path::new(folder).join(file));
        let rows: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//! | ")).skip(1).collect();
        assert!(rows.len() >= rows_min, "{folder}/{file} has {} rows", rows.len());
        for row in rows {
            let names: Vec<&str> = row.rsplit('|').nth(1).expect("a cell").split('`').skip(1).step_by(2).collect();
            assert!(!names.is_empty(), "{folder}/{file}: {row}");
            for name in names {
                let (text, name) = match name.split_once("::") {
                    Some((module, name)) => (read(beside(Path::new(folder), module)), name),
                    None => (text.clone(), name),
                };
                assert!(text.contains(&format!("\nfn {name}() {{")), "{folder}/{file}: {row}");
            }
        }
    }
}

/// The file of a module in a folder, or in the one that it is in.
fn beside(folder: &Path, module: &str) -> PathBuf {
    let file = format!("{module}.rs");
    let here = folder.join(&file);
    if root().join(&here).exists() { here } else { folder.parent().unwrap().join(file) }
}
