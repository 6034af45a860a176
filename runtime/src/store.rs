//! Where entries live: Redis, or the memory of this process. Both give the same answers.
//!
//! Imports `entry`, `key`, `policy`, `settings`, `deadline`, `rt` and `error`. Start with [`contract`]: the
//! operations; then [`memory`], which is also the executable model of the Lua, and [`redis`].

mod any;
mod availability;
mod clock;
mod contract;
mod index_membership;
mod listener;
pub(crate) mod maxsize;
pub(crate) mod memory;
mod method_state;
mod pair;
mod raw_entry;
pub(crate) mod redis;
pub(crate) mod sweep;
mod tag_clock;
#[cfg(feature = "test-util")]
pub(crate) mod test_store;
mod token;

pub use self::any::StoreKind;
pub(crate) use self::any::{AnyStore, PendingRead};
pub use self::availability::Availability;
pub(crate) use self::availability::StoreHealth;
pub(crate) use self::clock::{Clock, ServerTime};
pub(crate) use self::contract::{
    AcceptEntry, ExpectedEntry, KeySpace, LeaseOutcome, LeaseRequest, LookupReply, OfBuilds,
    OnHeldLease, Put, PutDone, PutOutcome, Store, StoreView,
};
pub(crate) use self::index_membership::IndexMembership;
pub(crate) use self::listener::{Listener, Listeners};
pub(crate) use self::pair::{DeclaredTags, EntryOf, Pair};
pub(crate) use self::raw_entry::{RawEntry, ReplyBytes};
pub(crate) use self::tag_clock::{EndedTags, TagEnd, TagView};
pub(crate) use self::token::Token;
