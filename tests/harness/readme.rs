//! The README and the guide: their links lead somewhere, also where the package is read.

use std::collections::BTreeSet;
use std::fs;

use support::root;

const REPOSITORY: &str = "https://github.com/redis-func-cache/redis-func-cache/blob/main/";
const RAW: &str = "https://raw.githubusercontent.com/redis-func-cache/redis-func-cache/main/";
const GUIDE: &str = "https://docs.rs/redis-func-cache/latest/redis_func_cache/guide/";
const CHAPTER: &str = "crate::guide::";

#[test]
fn the_readme_is_short_and_begins_with_code() {
    let text = read("README.md");
    assert!(text.lines().count() <= 230);
    let code = text.lines().position(|line| line.starts_with("```rust"));
    assert!(code.unwrap() < 15, "{code:?}");
}

#[test]
fn links_in_the_readme_are_absolute_and_lead_somewhere() {
    let text = read("README.md");
    let anchors = anchors(&text);
    for link in links(&text) {
        if let Some(chapter) = link.strip_prefix(GUIDE) {
            let chapter = chapter.strip_suffix("/index.html").unwrap();
            assert!(chapters().contains(chapter), "{link}");
        } else if let Some(file) = [REPOSITORY, RAW]
            .iter()
            .find_map(|base| link.strip_prefix(base))
        {
            assert!(root().join(file).exists(), "{link}");
        } else if let Some(anchor) = link.strip_prefix('#') {
            assert!(anchors.contains(anchor), "{link}");
        } else {
            assert!(link.starts_with("https://"), "{link}");
        }
    }
}

#[test]
fn every_chapter_is_a_module_and_in_the_index() {
    let (readme, modules) = (read("README.md"), read("runtime/src/guide.rs"));
    for chapter in chapters() {
        assert!(readme.contains(&format!("{GUIDE}{chapter}/")), "{chapter}");
        assert!(
            modules.contains(&format!("pub mod {chapter} ")),
            "{chapter}"
        );
    }
}

/// Rustdoc checks links to items, but not those to headings.
#[test]
fn links_between_chapters_lead_to_headings() {
    for chapter in chapters() {
        for link in links(&read(&format!("docs/guide/{chapter}.md"))) {
            let Some((other, anchor)) = link
                .strip_prefix(CHAPTER)
                .and_then(|link| link.split_once('#'))
            else {
                let is_relative = !link.starts_with("https://") && !link.starts_with("crate::");
                assert!(!is_relative, "{chapter}: {link}");
                continue;
            };
            let anchors = anchors(&read(&format!("docs/guide/{other}.md")));
            assert!(anchors.contains(anchor), "{chapter}: {link}");
        }
    }
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn chapters() -> BTreeSet<String> {
    let files = fs::read_dir(root().join("docs/guide")).unwrap();
    let chapters: BTreeSet<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    assert!(chapters.len() >= 18, "{chapters:?}");
    chapters
}

/// What stands in brackets after `]`, and what references are defined as.
fn links(text: &str) -> Vec<&str> {
    let inline = text.split("](").skip(1).filter_map(|rest| {
        let (link, _) = rest.split_once(')')?;
        (!link.contains(char::is_whitespace)).then_some(link)
    });
    let defined = text.lines().filter_map(|line| {
        let (name, link) = line.split_once("]: ")?;
        name.starts_with('[').then_some(link)
    });
    inline.chain(defined).collect()
}

/// The names that headings have in links.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}
