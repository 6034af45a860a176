//! Where results are kept.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file below `target/bench`.
pub fn target(file: &str) -> PathBuf {
    let directory = super::root().join("target/bench");
    fs::create_dir_all(&directory).unwrap();
    directory.join(file)
}

pub fn save(file: &str, results: &impl Serialize) {
    let path = target(file);
    let mut text = serde_json::to_string_pretty(results).unwrap();
    text.push('\n');
    fs::write(&path, text).unwrap();
    println!("\nwritten: {}", path.display());
}

pub fn load<T: DeserializeOwned>(file: &str) -> Option<T> {
    let text = fs::read_to_string(target(file)).ok()?;
    serde_json::from_str(&text).ok()
}
