//! Words that must not come back, and names of types.
//!
//! One word for one idea, and that of the field: a reader searches for "circuit breaker", not for our own word for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use support::root;

use crate::graph::{Definition, Graph};

/// Where words count: text, code and names alike.
const PLACES: [&str; 11] = [
    "README.md",
    "DESIGN.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs",
    "runtime",
    "macros",
    "lua",
    "tests",
    "examples",
    "benches",
];
const KINDS: [&str; 6] = ["rs", "md", "lua", "toml", "sh", "svg"];
/// This list itself.
const HERE: &str = "tests/harness/words.rs";

/// Words and phrases, in the order of the letters, and what to say instead. An underscore ends a word.
const UNWANTED: &[(&str, &str)] = &[
    ("abroad", "in another process"),
    ("anew", "again, afresh"),
    (
        "anybody",
        "anyone; for calls and processes: any call, any process",
    ),
    ("are away", "are unavailable"),
    ("be away", "be unavailable"),
    ("brownout", "bulkhead"),
    ("by hand", "manually"),
    ("come free", "are released"),
    ("everybody", "every call, every process"),
    ("everybodys", "shared"),
    ("for want of", "without"),
    ("goes first", "is evicted first"),
    ("he", "it"),
    ("him", "it"),
    ("himself", "itself"),
    ("his", "its"),
    ("in spite of", "despite"),
    ("is away", "is unavailable"),
    ("judged", "decided by `cache_if` or `ttl_fn`"),
    ("landed", "published, stored"),
    ("let go", "released, forgotten"),
    ("makes do", "uses only"),
    ("mebibyte", "MiB"),
    ("mebibytes", "MiB"),
    (
        "nobody",
        "no one; for calls and processes: no call, no process",
    ),
    ("nobodys", "of no call"),
    ("of what there is", "say what it is"),
    ("patience", "timeout"),
    ("put off", "deferred"),
    ("somebody", "a caller, a process, a server"),
    ("take down", "record"),
    ("takes down", "records"),
    ("told", "logged, reported, returned"),
    ("unseen", "unread, unknown"),
    ("verdict", "`Cacheability` of a value, `Fault` of an error"),
    ("was away", "was unavailable"),
    ("were away", "were unavailable"),
    ("while away", "while unavailable"),
    ("whoever", "the caller, the process that"),
    ("whomever", "the caller, the process that"),
];

/// Past participles that do not end in `ed`: as names of types they do not say of what.
const PARTICIPLES: &[&str] = &[
    "Begun",
    "Built",
    "Done",
    "Drawn",
    "Found",
    "Given",
    "Gone",
    "Heard",
    "Held",
    "Kept",
    "Known",
    "Lost",
    "Made",
    "Met",
    "Overtaken",
    "Said",
    "Seen",
    "Sent",
    "Taken",
    "Told",
    "Won",
    "Written",
];

#[test]
fn unwanted_words_do_not_come_back() {
    let mut faults = Vec::new();
    for place in PLACES {
        collect(&root().join(place), place, &mut faults);
    }
    assert!(
        faults.is_empty(),
        "{} places:{}",
        faults.len(),
        faults.concat()
    );
}

fn collect(path: &Path, name: &str, faults: &mut Vec<String>) {
    if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        entries.sort();
        for entry in entries {
            let entry = entry.to_str().unwrap();
            collect(&path.join(entry), &format!("{name}/{entry}"), faults);
        }
        return;
    }
    let is_text = path
        .extension()
        .is_some_and(|extension| KINDS.iter().any(|kind| extension == *kind));
    if !is_text || name == HERE {
        return;
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    for (line, word, instead) in unwanted(&text) {
        faults.push(format!("\n  {name}:{line}: `{word}` ({instead})"));
    }
}

/// The unwanted words of a text, with their lines.
fn unwanted(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    let words: Vec<(usize, String)> = text
        .lines()
        .enumerate()
        .flat_map(|(line, text)| {
            let words = text
                .split(|c: char| !c.is_ascii_alphabetic())
                .filter(|word| !word.is_empty());
            words.map(move |word| (line + 1, word.to_ascii_lowercase()))
        })
        .collect();
    let phrases: Vec<(Vec<&str>, _)> = UNWANTED
        .iter()
        .map(|row| (row.0.split(' ').collect(), row))
        .collect();
    let mut found = Vec::new();
    for (at, (line, _)) in words.iter().enumerate() {
        for (phrase, row) in &phrases {
            let here = words[at..].iter().map(|(_, word)| word.as_str());
            if here.take(phrase.len()).eq(phrase.iter().copied()) {
                found.push((*line, row.0, row.1));
            }
        }
    }
    found
}

#[test]
fn words_are_found_in_text_names_and_across_lines() {
    let text = "It was\n/// Told by HIM: the store is\n/// away. fn whoever_waits() in_spite_of(Retold, his2)";
    let found: Vec<_> = unwanted(text)
        .into_iter()
        .map(|(line, word, _)| (line, word))
        .collect();
    let expected = [
        (2, "told"),
        (2, "him"),
        (2, "is away"),
        (3, "whoever"),
        (3, "in spite of"),
        (3, "his"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn types_have_names_that_say_what_they_are() {
    let mut faults = Vec::new();
    for folder in ["runtime/src", "macros/src"] {
        let graph = Graph::read(&root().join(folder));
        faults.extend(bad_names(folder, &graph.definitions));
    }
    assert!(
        faults.is_empty(),
        "{} names:{}",
        faults.len(),
        faults.concat()
    );
}

/// Types with one name in several files, and those that a bare participle names.
fn bad_names(folder: &str, definitions: &[Definition]) -> Vec<String> {
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for definition in definitions.iter().filter(|definition| definition.is_type) {
        files
            .entry(&definition.name)
            .or_default()
            .insert(&definition.file);
    }
    let mut faults = Vec::new();
    for (name, files) in files {
        if is_participle(name) {
            faults.push(format!(
                "\n  {folder}: `{name}` is a bare participle, in {files:?}"
            ));
        }
        if files.len() > 1 {
            faults.push(format!(
                "\n  {folder}: `{name}` is the name of {} types, in {files:?}",
                files.len()
            ));
        }
    }
    faults
}

fn is_participle(name: &str) -> bool {
    let is_one_word = !name.chars().skip(1).any(char::is_uppercase);
    is_one_word && (PARTICIPLES.contains(&name) || name.ends_with("ed"))
}

#[test]
fn participles_and_doubles_are_found() {
    let definition = |name: &str, file: &str, is_type| Definition {
        name: name.into(),
        file: file.into(),
        is_type,
    };
    let found = bad_names(
        "src",
        &[
            definition("Finished", "a.rs", true),
            definition("Begun", "a.rs", true),
            definition("Sleeve", "a.rs", true),
            definition("Sleeve", "b.rs", true),
            definition("LookupOutcome", "a.rs", true),
            definition("Seen", "a.rs", false),
        ],
    );
    assert_eq!(found.len(), 3, "{found:?}");
}
