//! The server programs found on this machine.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fmt, fs};

const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// A `redis-server` program, or one that is compatible.
#[derive(Clone, Debug)]
pub struct Binary {
    pub path: PathBuf,
    pub version: (u32, u32, u32),
    product: &'static str,
}

/// The server programs to test on, one of each version.
///
/// Those that `REDIS_FUNC_CACHE_SERVERS` names (separated by colons) and no others; where it is not set, every one in
/// `PATH` and in `target/servers/*/`.
pub fn binaries() -> Vec<Binary> {
    static FOUND: OnceLock<Vec<Binary>> = OnceLock::new();
    let found = FOUND.get_or_init(|| match env::var_os("REDIS_FUNC_CACHE_SERVERS") {
        Some(paths) if !paths.is_empty() => named(&paths),
        _ => installed(),
    });
    assert!(
        !found.is_empty(),
        "no redis-server found: run `bash tests/run.sh`, which installs one"
    );
    found.clone()
}

/// The first of [`binaries`].
pub fn binary() -> Binary {
    binaries().remove(0)
}

fn named(paths: &OsStr) -> Vec<Binary> {
    let inspect = |path: PathBuf| {
        // A server starts in a directory of its own, where a relative path would mean something else.
        let program = std::path::absolute(&path).ok();
        program
            .and_then(|program| Binary::inspect(&program))
            .unwrap_or_else(|| panic!("no server program: {}", path.display()))
    };
    let paths = env::split_paths(paths).filter(|path| !path.as_os_str().is_empty());
    one_of_each_version(paths.map(inspect))
}

fn installed() -> Vec<Binary> {
    let mut folders: Vec<_> = fs::read_dir(crate::root().join("target/servers"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    let programs = folders
        .iter()
        .flat_map(|folder| NAMES.map(|name| folder.join(name)));
    let everywhere = NAMES.map(PathBuf::from).into_iter().chain(programs);
    one_of_each_version(everywhere.filter_map(|path| Binary::inspect(&path)))
}

fn one_of_each_version(binaries: impl Iterator<Item = Binary>) -> Vec<Binary> {
    let mut seen = BTreeSet::new();
    binaries
        .filter(|binary| seen.insert((binary.product, binary.version)))
        .collect()
}

impl Binary {
    fn inspect(path: &Path) -> Option<Self> {
        let output = Command::new(path).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut numbers = text
            .split_whitespace()
            .find_map(|word| word.strip_prefix("v="))?
            .split('.')
            .map_while(|number| number.parse().ok());
        let version = (
            numbers.next()?,
            numbers.next()?,
            numbers.next().unwrap_or(0),
        );
        let named_valkey = path.ends_with("valkey-server") || text.starts_with("Valkey");
        let product = if named_valkey { "valkey" } else { "redis" };
        Some(Self {
            path: path.to_owned(),
            version,
            product,
        })
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.version;
        write!(f, "{} {major}.{minor}.{patch}", self.product)
    }
}
