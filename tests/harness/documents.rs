//! What the documents of the repository name: tests that exist, and files that exist.

use std::fs;
use std::path::{Path, PathBuf};

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

#[test]
fn relative_links_of_documents_lead_to_files() {
    let mut documents = vec![
        "DESIGN.md".into(),
        "CONTRIBUTING.md".into(),
        "SECURITY.md".into(),
        "lua/README.md".into(),
        "docs/faults.md".into(),
    ];
    for folder in ["docs/design", "docs/design/decisions"] {
        let files = fs::read_dir(root().join(folder)).unwrap();
        let files = files.map(|file| file.unwrap().path());
        documents.extend(files.filter(|file| file.extension().is_some_and(|it| it == "md")));
    }
    assert!(documents.len() > 30, "{documents:?}");
    let broken: Vec<_> = documents
        .iter()
        .flat_map(|path| broken_links(path))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

fn broken_links(document: &Path) -> Vec<String> {
    let path = root().join(document);
    let text = fs::read_to_string(&path).unwrap();
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let relative = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    let broken = relative.filter(|link| {
        let file = link.split('#').next().unwrap();
        !path.parent().unwrap().join(file).exists()
    });
    broken
        .map(|link| format!("{}: {link}", document.display()))
        .collect()
}

/// Paths in backticks: `faults::network::a_black_hole`, or with `*` for all tests of a module.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|word| {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:*".contains(c);
        word.contains("::") && word.chars().all(is_name)
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
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    test == "*" || words.any(|word| word == test)
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
