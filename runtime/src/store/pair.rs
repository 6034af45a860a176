//! The Redis keys that belong together, and the rules that go with them.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::index_membership::IndexMembership;
use super::maxsize::MaxSize;
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::policy::Policy;
use crate::settings::{StructureTtl, Touch};

/// The keys of a set of entries: a ZSET that ranks them, a HASH of their values, and a HASH of leases.
/// The layout decides which methods share a pair.
#[derive(Debug)]
pub(crate) struct Pair {
    /// The method whose entries this object is for; others may share the keys. A digest of its path.
    pub(crate) method: u64,
    pub(crate) stem: String,
    pub(crate) ranking: String,
    pub(crate) values: String,
    pub(crate) leases: String,
    pub(crate) policy: Policy,
    pub(crate) structure: StructureTtl,
    pub(crate) maxsize: Arc<MaxSize>,
    pub(crate) touch: Touch,
    /// Whether the store knows this build, so that invalidations reach what it stores.
    is_registered: AtomicBool,
    /// The tags that its method declares.
    pub(crate) tags: DeclaredTags,
    /// Of a pair that is the method's own: others find it in the index of pairs.
    pub(crate) membership: Option<IndexMembership>,
    /// What the store keeps for the pair in this process, found once.
    state: OnceLock<Box<dyn Any + Send + Sync>>,
}

/// The tags that the entries of a method may have.
#[derive(Debug, Default)]
pub(crate) struct DeclaredTags {
    pub(crate) names: &'static [&'static str],
    /// Whether values have tags, of whatever names.
    pub(crate) of_values: bool,
    /// Where their invalidations find the pair.
    pub(crate) membership: IndexMembership,
}

impl DeclaredTags {
    pub(crate) fn are_any(&self) -> bool {
        self.of_values || !self.names.is_empty()
    }
}

/// An entry of a pair: its field, its method, and the tags that it is checked against.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct EntryOf {
    pub(crate) field: Field,
    pub(crate) method: u64,
    pub(crate) tags: TagIds,
}

impl Pair {
    pub(crate) fn new(
        method: u64,
        stem: String,
        policy: Policy,
        structure: StructureTtl,
        maxsize: Arc<MaxSize>,
        touch: Touch,
    ) -> Self {
        Self {
            ranking: format!("{stem}:0"),
            values: format!("{stem}:1"),
            leases: format!("{stem}:2"),
            method,
            stem,
            policy,
            structure,
            maxsize,
            touch,
            is_registered: AtomicBool::new(false),
            tags: DeclaredTags::default(),
            membership: None,
            state: OnceLock::new(),
        }
    }

    pub(crate) fn with_tags(self, tags: DeclaredTags) -> Self {
        Self { tags, ..self }
    }

    /// It is the method's own, and to be found in the index with this key.
    pub(crate) fn in_index(self, index: String) -> Self {
        Self {
            membership: Some(IndexMembership::new(index)),
            ..self
        }
    }

    /// A pair with this stem, and defaults otherwise.
    #[cfg(test)]
    pub(crate) fn for_test(stem: &str) -> Arc<Self> {
        Arc::new(Self::new(
            7,
            stem.to_owned(),
            Policy::default(),
            StructureTtl::default(),
            MaxSize::new(1024),
            Touch::default(),
        ))
    }

    /// Whether the store knows this build of the method, as far as this process knows.
    pub(crate) fn is_registered(&self) -> bool {
        self.is_registered.load(Ordering::Relaxed)
    }

    pub(crate) fn set_registered(&self, is_registered: bool) {
        self.is_registered.store(is_registered, Ordering::Relaxed);
    }

    /// Where the state of its method is among the leases: see `lua/shared/epoch.lua`.
    pub(crate) fn method_name(&self) -> [u8; 9] {
        Self::name_of_method(self.method)
    }

    /// The same for any method.
    pub(crate) fn name_of_method(method: u64) -> [u8; 9] {
        let mut name = [b'm'; 9];
        name[1..].copy_from_slice(&method.to_le_bytes());
        name
    }

    /// The store's state for this pair. A store keeps one type only.
    #[inline]
    pub(crate) fn state<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> &T {
        self.state
            .get_or_init(|| Box::new(make()))
            .downcast_ref()
            .expect("a pair belongs to one store")
    }
}
