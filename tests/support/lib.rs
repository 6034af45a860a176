//! Real, private servers for the tests, and a checker of what is stored on them.
//!
//! [`Server`], [`Cluster`] and [`Sentinel`] are processes of their own on free ports; dropping one ends it.

// Helpers of tests panic where the test shall fail; a result that is not looked at fails nothing.
#![allow(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

mod binary;
mod check;
mod cluster;
mod frame;
pub mod log;
pub mod outage;
mod process;
mod proxy;
pub mod random;
mod round_trips;
mod sentinel;
mod server;
pub mod tls;
pub mod trouble;

pub use binary::{Binary, binaries, binary};
pub use check::{check_pairs, check_pairs_except};
pub use cluster::{Cluster, slot};
pub use process::alive;
pub use proxy::{Meddle, Passed, Proxy, Way};
pub use round_trips::RoundTrips;
pub use sentinel::Sentinel;
pub use server::Server;

/// The deadline of caches in tests of other things: a loaded machine may need longer than the default of 100 ms.
pub const PATIENT: Duration = Duration::from_secs(5);

/// A name that no other test has, in this process or another.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{count}", std::process::id())
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("a folder of the repository")
        .to_owned()
}

/// Says that a test did not run what it is for, and why, although it passes: `println` would be captured.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Whether the tests have run on another server already: what a server makes no difference to may be left out.
pub fn is_further_server() -> bool {
    std::env::var_os("REDIS_FUNC_CACHE_FURTHER").is_some()
}

/// How many random cases a property is tried on: as many as `PROPTEST_CASES` says in a longer run.
pub fn cases(usually: u32) -> u32 {
    let wanted = std::env::var("PROPTEST_CASES");
    wanted.map_or(usually, |cases| {
        cases.parse().expect("PROPTEST_CASES is a number")
    })
}

/// Waits until `condition` holds, at most `limit`; panics with `what` after that.
pub fn eventually(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
