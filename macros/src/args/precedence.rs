//! Options of a method together with those of its block: what the method says, else what the block says.

use proc_macro2::Span;

use super::cacheability::CacheNone;
use super::constant::Constant;
use super::freshness::Early;
use super::tags::Tag;
use super::{BlockArgs, MethodArgs};

/// What becomes of a `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NonePolicy {
    /// It is a value like others.
    Store,
    /// For so many milliseconds.
    StoreFor(u64),
    Skip,
}

impl NonePolicy {
    pub(crate) fn of(block: &BlockArgs, method: &MethodArgs) -> Self {
        match (method.cache_none, method.ttl_none) {
            (Some(CacheNone { stores: false, .. }), _) => Self::Skip,
            (_, Some(ttl)) => Self::StoreFor(ttl.0),
            (Some(CacheNone { stores: true, .. }), None) => match block.ttl_none {
                Some(ttl) => Self::StoreFor(ttl.0),
                None => Self::Store,
            },
            (None, None) => match (block.cache_none, block.ttl_none) {
                (Some(CacheNone { stores: false, .. }), _) => Self::Skip,
                (_, Some(ttl)) => Self::StoreFor(ttl.0),
                (_, None) => Self::Store,
            },
        }
    }
}

/// The tags of a method: its own, and those of its block that have other names.
pub(crate) fn effective_tags<'a>(block: &'a BlockArgs, method: &'a MethodArgs) -> Vec<&'a Tag> {
    let own: Vec<_> = method.tags.iter().flat_map(|tags| &tags.all).collect();
    let of_block = block.tags.iter().flat_map(|tags| &tags.all);
    let others = of_block.filter(|tag| own.iter().all(|known| known.name != tag.name));
    own.iter().copied().chain(others).collect()
}

/// Milliseconds after its TTL that a value may still be served for.
pub(crate) fn effective_stale<'a>(
    block: &'a BlockArgs,
    method: &'a MethodArgs,
) -> Option<&'a Constant> {
    method.stale.as_ref().or(block.stale.as_ref())?.ms.as_ref()
}

pub(crate) fn effective_early(block: &BlockArgs, method: &MethodArgs) -> Option<Early> {
    let early = method.early.or(block.early);
    early.filter(|early| !early.is_off())
}

/// Whether a refresh runs the method in the background, after its call has returned a value.
pub(crate) fn outlives_calls(block: &BlockArgs, method: &MethodArgs) -> bool {
    effective_stale(block, method).is_some() || effective_early(block, method).is_some()
}

/// Where that is said.
pub(crate) fn outliving(block: &BlockArgs, method: &MethodArgs) -> Option<Span> {
    let stale = method
        .stale
        .as_ref()
        .or(block.stale.as_ref())
        .filter(|stale| stale.ms.is_some());
    let early = effective_early(block, method);
    stale
        .map(|stale| stale.span)
        .or(early.map(|early| early.span))
}
