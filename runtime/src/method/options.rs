//! The options of a method, and the defaults of its cache.

use crate::entry::codec::Codec;
use crate::key::names::{Layout, Names};
use crate::policy::Policy;
use crate::settings::{Early, Stampede, StructureTtl, Touch};

/// The options of a method and its block, merged; `None` leaves it to the builder.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // each is an option of its own
pub struct Options {
    /// The policy.
    pub policy: Option<fn() -> Policy>,
    /// The layout.
    pub layout: Option<Layout>,
    /// Whether the keys are named for a cluster.
    pub cluster: bool,
    /// Entries a pair holds at the most.
    pub maxsize: Option<u64>,
    /// Life of an entry, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// Whether `ttl_fn` decides how long a value lives.
    pub has_ttl_fn: bool,
    /// Whether errors are stored that `cache_err` chooses.
    pub caches_errors: bool,
    /// How long after its TTL a value may still be served, in milliseconds.
    pub stale_ms: Option<u64>,
    /// How long a call waits for a fresh value before it takes the stale one.
    pub soft_timeout_ms: Option<u64>,
    /// When a value is refreshed before its TTL has passed.
    pub early: Option<Early>,
    /// The thousandths of a TTL that it is shortened by at the most.
    pub jitter_permille: Option<u16>,
    /// How many calls compute one value.
    pub stampede: Option<Stampede>,
    /// The codec.
    pub codec: Option<fn() -> Codec>,
    /// When hits are recorded.
    pub touch: Option<Touch>,
    /// Whatever the user wants in the key.
    pub version: &'static str,
    /// The names of the tags that entries have by their arguments.
    pub tags: &'static [&'static str],
    /// Whether `tags_fn` gives values tags of their own.
    pub has_tags_fn: bool,
}

impl Options {
    /// No option set.
    pub const NONE: Self = Self {
        policy: None,
        layout: None,
        cluster: false,
        maxsize: None,
        ttl_ms: None,
        has_ttl_fn: false,
        caches_errors: false,
        stale_ms: None,
        soft_timeout_ms: None,
        early: None,
        jitter_permille: None,
        codec: None,
        touch: None,
        stampede: None,
        version: "",
        tags: &[],
        has_tags_fn: false,
    };

    /// A method with a `maxsize` has a pair of its own, unless a layout was set: a small
    /// bound must not evict what other methods have stored.
    pub(super) fn layout(&self, defaults: &Defaults) -> Layout {
        let unsaid = match self.maxsize {
            Some(_) => Layout::Multiple,
            None => Layout::default(),
        };
        self.layout.or(defaults.layout).unwrap_or(unsaid)
    }
}

/// The builder's part of a binding.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    pub(crate) names: Names,
    pub(crate) policy: Policy,
    /// `None` where the builder does not set it.
    pub(crate) layout: Option<Layout>,
    pub(crate) maxsize: u64,
    pub(crate) touch: Touch,
    pub(crate) ttl_ms: u64,
    pub(crate) stampede: Stampede,
    pub(crate) jitter_permille: u16,
    pub(crate) fallback_concurrency: Option<usize>,
    pub(crate) structure: StructureTtl,
    pub(crate) codec: Codec,
}
