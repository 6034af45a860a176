//! Entries that `#[invalidates]` names by the path of a type: `#[invalidates(Orders::of(id))]`.

use crate::engine::Engine;

/// A type with cached methods. The attribute implements it: `M` tells its blocks apart.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no cached methods whose entries could be named here",
    label = "no `#[cache_impl]` stands on a block of this type, or its cache is found by a value: `cache = self.…`",
    note = "name the type itself and not its wrapper; for entries in another cache, call `invalidate` on a handle"
)]
pub trait EntriesByPath<M> {
    /// Has a function for each cached method.
    type Entries;
    type All;

    /// In the cache of the caller, or in that of the block if it is cached in place.
    fn entries(of_caller: &Engine) -> Self::Entries;
    fn all(of_caller: &Engine) -> Self::All;
}

/// What has a function for each cached method of a type, which names one entry.
#[doc(hidden)]
pub fn entries_by_path<T, M, E>(of_caller: &Engine) -> E
where
    T: EntriesByPath<M, Entries = E>,
{
    T::entries(of_caller)
}

/// What has handles on all entries of a method.
#[doc(hidden)]
pub fn all_by_path<T, M, A>(of_caller: &Engine) -> A
where
    T: EntriesByPath<M, All = A>,
{
    T::all(of_caller)
}

/// The declarations of a wrapper that has nothing of `self` in its keys, unless a block that joins it says so.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this entry cannot be named by the path of its type",
    label = "its block joins a wrapper that another block makes, and that has a `self_key`",
    note = "move the method to the block that makes the wrapper, or call `invalidate` on a handle"
)]
pub trait WithoutSelfKey<'a> {}

/// A copy of an argument, for what is invalidated after the method has taken it.
#[doc(hidden)]
pub fn kept<T: KeptArgument>(argument: &T) -> T {
    argument.keep()
}

/// Arguments that may stand beside `ok`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an argument that stands beside `ok` is used after the method has taken it, and `{Self}` is not `Clone`",
    label = "this argument cannot be copied",
    note = "use what the method returns, derive `Clone`, or let the method take a reference"
)]
pub trait KeptArgument {
    #[must_use]
    fn keep(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> KeptArgument for T {
    fn keep(&self) -> T {
        self.clone()
    }
}
