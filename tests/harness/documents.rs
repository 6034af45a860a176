//! The tests that the documents name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use support::root;

#[test]
fn the_tests_that_documents_name_exist() {
    let mut known = BTreeSet::new();
    for folder in ["tests", "runtime/src", "macros/src"] {
        collect(&root().join(folder), "", &mut known);
    }
    let design = fs::read_to_string(root().join("DESIGN.md")).unwrap();
    let (_, promises) = design.split_once("## Promises").unwrap();
    let faults = fs::read_to_string(root().join("docs/faults.md")).unwrap();
    let named: Vec<_> = [promises, &faults].into_iter().flat_map(names).collect();
    assert!(named.len() > 100, "{named:?}");
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !known.contains(**name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Words in backticks that can only be those of tests or their modules.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|word| {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
        // A sentence, or a path.
        let is_long = word.matches('_').count() >= 2 || word.contains("::");
        is_long && word.chars().all(is_name)
    })
}

/// Modules by their last two names, and every word: macros make tests of names.
fn collect(folder: &Path, parent: &str, known: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        known.insert(format!("{parent}::{stem}"));
        if path.is_dir() {
            collect(&path, &stem, known);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            known.extend(words.map(str::to_owned));
        }
    }
}
