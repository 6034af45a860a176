//! What the documents say about tests: each test that they name exists, in the file that they name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use support::root;

const DOCUMENTS: [&str; 2] = ["docs/design/promises.md", "docs/faults.md"];

/// Names in the code of a file, by the last two names of its module: `faults::network`.
type Names = BTreeMap<String, BTreeSet<String>>;

#[test]
#[ignore = "until the promises have a file of their own"]
fn tests_that_documents_name_exist() {
    let mut names = Names::new();
    for folder in ["tests", "runtime/src", "macros/src", "ui-tests"] {
        collect(
            &root().join(folder),
            folder.rsplit('/').next().unwrap(),
            &mut names,
        );
    }
    let mut faults = Vec::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let (named, missing) = missing(&text, &names);
        assert!(named > 30, "{document} names {named} tests only");
        faults.extend(missing.iter().map(|name| format!("\n  {document}: {name}")));
    }
    assert!(faults.is_empty(), "they do not exist:{}", faults.concat());
}

/// How many tests and modules a text names in backticks, and those that do not exist.
///
/// Tests that follow "`module`: " stand in that module.
fn missing(text: &str, names: &Names) -> (usize, Vec<String>) {
    let mut parts = text.split('`');
    let mut before = parts.next().unwrap_or_default();
    let (mut module, mut named, mut faults) = (None, 0, Vec::new());
    while let (Some(quoted), after) = (parts.next(), parts.next().unwrap_or_default()) {
        let is_listed = before.trim() == "," || (before.trim() == ":" && module.is_some());
        if !is_listed {
            module = None;
        }
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
        let is_module = quoted.contains("::") || after.trim_start().starts_with(':');
        if quoted.chars().all(is_name) {
            if is_module {
                named += 1;
                let known = modules(quoted, names);
                if known.is_empty() {
                    faults.push(format!("`{quoted}`"));
                }
                module = Some((quoted, known));
            } else if quoted.matches('_').count() >= 2 {
                named += 1;
                faults.extend(missing_test(quoted, module.as_ref(), names));
            }
        }
        before = after;
    }
    (named, faults)
}

fn missing_test(
    test: &str,
    module: Option<&(&str, Vec<&BTreeSet<String>>)>,
    names: &Names,
) -> Option<String> {
    match module {
        Some((_, known)) if known.is_empty() => None,
        Some((module, known)) => {
            let exists = known.iter().any(|names| names.contains(test));
            (!exists).then(|| format!("`{test}` in `{module}`"))
        }
        None => {
            let exists = names.values().any(|names| names.contains(test));
            (!exists).then(|| format!("`{test}`"))
        }
    }
}

/// The names in the modules that a path may mean: by its end, as `breaker` stands for `health::breaker`.
fn modules<'a>(path: &str, names: &'a Names) -> Vec<&'a BTreeSet<String>> {
    let is_meant = |module: &str| module == path || module.ends_with(&format!("::{path}"));
    names
        .iter()
        .filter(|(module, _)| is_meant(module))
        .map(|(_, names)| names)
        .collect()
}

/// Modules by their last two names. Comments do not count, arguments of macros do: some make tests of names.
fn collect(folder: &Path, parent: &str, names: &mut Names) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            collect(&path, stem, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            // `tests.rs` holds the tests of its folder.
            let module = if stem == "tests" {
                format!("tests::{parent}")
            } else {
                format!("{parent}::{stem}")
            };
            let text = fs::read_to_string(&path).unwrap();
            let tokens = text
                .parse()
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            words(tokens, names.entry(module).or_default());
        }
    }
}

fn words(tokens: TokenStream, found: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => drop(found.insert(word.to_string())),
            TokenTree::Group(group) => words(group.stream(), found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[test]
fn missing_tests_and_modules_are_found() {
    let network = ["every_test_is_here", "it_is_here_too"]
        .map(str::to_owned)
        .into();
    let names = Names::from([
        ("faults::network".to_owned(), network),
        (
            "health::breaker".to_owned(),
            ["one_of_its_tests".to_owned()].into(),
        ),
    ]);
    let text = "`faults::network`: `every_test_is_here`,\n  `it_is_not_here`, and `it_is_here_too`; `breaker`: \
                `it_is_here_too`, `one_of_its_tests`; `faults::nothing`: all, `check_pairs`, `it_is_gone_now`";
    let (named, missing) = missing(text, &names);
    assert_eq!(named, 9);
    let expected = [
        "`it_is_not_here` in `faults::network`",
        "`it_is_here_too` in `breaker`",
        "`faults::nothing`",
        "`it_is_gone_now`",
    ];
    assert_eq!(missing, expected);
}
