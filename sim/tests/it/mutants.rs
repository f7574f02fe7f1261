//! The table of defects that campaigns have to find.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[path = "../../examples/mutants/table.rs"]
mod table;

#[test]
fn every_mutant_fits_the_source_of_the_client() {
    let mutants = table::read(include_str!("../../mutants.toml")).unwrap();
    let names: BTreeSet<_> = mutants.iter().map(|mutant| &mutant.name).collect();
    assert_eq!(names.len(), mutants.len(), "names are unique");
    let of_things = mutants.iter().filter(|mutant| mutant.found_by == table::Finder::Things).count();
    assert!(of_things >= 25 && mutants.len() - of_things >= 25, "{of_things} of {}", mutants.len());
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src");
    for mutant in &mutants {
        let source = fs::read_to_string(core.join(&mutant.file)).unwrap();
        let broken = mutant.apply(&source).unwrap();
        assert_ne!(broken, source, "{} changes nothing", mutant.name);
    }
}
