//! The tests that documents name in full (binary, module, test): each exists, in the file that is named.

use std::fs;
use std::path::PathBuf;

use support::root;

/// Documents that name tests in full: binary, module, test.
const NAME_TESTS: [&str; 2] = ["docs/design/promises.md", "docs/faults.md"];

#[test]
fn the_tests_that_documents_name_exist() {
    let texts = NAME_TESTS.map(|document| fs::read_to_string(root().join(document)).unwrap());
    let named: Vec<_> = texts.iter().flat_map(|text| names(text)).collect();
    assert!(named.len() > 200, "{named:?}");
    let missing: Vec<_> = named.iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Paths in backticks: `faults::network::a_black_hole`, or with `*` for all tests of a module.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|word| {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:*".contains(c);
        word.contains("::") && !word.ends_with(':') && word.chars().all(is_name)
    })
}

/// Whether the module's file exists and has the test's name in it, which a macro may make a test of.
fn exists(name: &str) -> bool {
    let (modules, test) = name.rsplit_once("::").unwrap();
    if let Some(folder) = modules.strip_prefix("ui::") {
        let folder = root().join("ui-tests").join(folder);
        return folder.join(format!("{test}.rs")).exists() || (test == "*" && folder.exists());
    }
    let Some(text) = file(modules).and_then(|file| fs::read_to_string(file).ok()) else {
        return false;
    };
    // A comment may speak of a test that is gone.
    let mut code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let is_it = |line: &str| {
        let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.any(|word| word == test)
    };
    test == "*" || code.any(is_it)
}

fn file(modules: &str) -> Option<PathBuf> {
    let (first, rest) = modules.split_once("::").unwrap_or((modules, "."));
    let path = match first {
        "runtime" | "macros" => root().join(first).join("src"),
        _ => root().join("tests").join(first),
    };
    let path = path.join(rest.replace("::", "/"));
    let candidates = [path.with_extension("rs"), path.join("main.rs")];
    let alone = root().join("tests").join(format!("{first}.rs"));
    candidates
        .into_iter()
        .chain([alone])
        .find(|file| file.exists())
}

#[test]
fn tests_that_do_not_exist_are_found() {
    let text = "`harness::promises::exists`, `harness::promises::*`, `harness::nowhere::*`, `rt::`, \
                `ui::fail::it_is_not_there`, `harness::proxy::it_is_not_there`, `check_pairs`";
    let missing: Vec<_> = names(text).filter(|name| !exists(name)).collect();
    let expected = [
        "harness::nowhere::*",
        "ui::fail::it_is_not_there",
        "harness::proxy::it_is_not_there",
    ];
    assert_eq!(missing, expected);
}
