//! The documents of the repository: their links lead to files.

use std::fs;
use std::path::Path;

use support::root;

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
