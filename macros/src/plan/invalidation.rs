//! What is wrong with the calls in `#[invalidates(…)]` and `#[updates(…)]`, as far as the block shows it.

use syn::Error;

use super::{Kind, MethodPlan, Plan};
use crate::ast::{Invalidates, Owner};
use crate::valid;

impl Plan<'_> {
    /// Calls in `#[invalidates]` that name a method of this block which has no entries. Methods that
    /// are not here may be in another block: those the compiler looks up.
    pub(super) fn wrong_invalidations(&self) -> Vec<Error> {
        let calls = self.methods.iter().filter_map(|method| match &method.kind {
            Kind::Delegated(writes) => Some(writes.invalidates.iter().chain(&writes.updates)),
            _ => None,
        });
        let calls = calls.flatten();
        let is_wrong = |call: &&Invalidates| {
            if !matches!(call.owner, Owner::Block) {
                return false;
            }
            let mut named = self.named(&call.method).peekable();
            let mut has_entries =
                |method: &MethodPlan<'_>| matches!(method.kind, Kind::Cached(_) | Kind::Refused);
            named.peek().is_some() && !named.any(&mut has_entries)
        };
        calls.filter(is_wrong).map(valid::no_entries).collect()
    }
}
