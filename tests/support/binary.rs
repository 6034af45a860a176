//! The server programs found on this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fmt, fs};

/// A `redis-server` program, or one that is compatible.
#[derive(Clone, Debug)]
pub struct Binary {
    pub path: PathBuf,
    pub version: (u32, u32, u32),
    product: &'static str,
}

/// Every server program found, one of each version.
///
/// Looks in `PATH`, in `target/servers/*/`, and at the paths in `REDIS_FUNC_CACHE_SERVERS` (separated by colons), in this order.
pub fn binaries() -> Vec<Binary> {
    static FOUND: OnceLock<Vec<Binary>> = OnceLock::new();
    let found = FOUND.get_or_init(find);
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

fn find() -> Vec<Binary> {
    let mut seen = BTreeSet::new();
    candidates()
        .into_iter()
        .filter_map(|path| Binary::inspect(&path))
        .filter(|binary| seen.insert((binary.product, binary.version)))
        .collect()
}

fn candidates() -> Vec<PathBuf> {
    let servers = super::root().join("target/servers");
    let mut installed: Vec<_> = fs::read_dir(servers)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("redis-server"))
        .collect();
    installed.sort();
    let named = env::var_os("REDIS_FUNC_CACHE_SERVERS").unwrap_or_default();

    let mut candidates = vec![PathBuf::from("redis-server")];
    candidates.extend(installed);
    candidates.extend(
        env::split_paths(&named)
            .filter(|path| !path.as_os_str().is_empty())
            // A server starts in a directory of its own, where a relative path would mean something else.
            .filter_map(|path| std::path::absolute(path).ok()),
    );
    candidates
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
