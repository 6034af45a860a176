//! The arguments of a batch method, as its executions take them.

use crate::key::digest::KeyWriter;

/// The ids of a batch behind the references of its argument.
pub fn ids<'a, E, K: ?Sized>(all: &'a [E], lend: impl Fn(&'a E) -> &'a K) -> Vec<&'a K> {
    all.iter().map(lend).collect()
}

/// The ids that the method is run for.
pub fn chosen<E: BatchId>(all: &[E], places: &[usize]) -> Vec<E> {
    places.iter().map(|&place| all[place].clone()).collect()
}

/// Another argument of the method, which may have to be run again.
pub fn again<T: BatchArgument>(argument: &T) -> T {
    argument.clone()
}

/// Gives the compiler the type of what writes a key.
pub fn write_key(writer: &mut KeyWriter, write: impl FnOnce(&mut KeyWriter)) {
    write(writer);
}

/// An id of a batch.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an id of a batch, because it is not `Clone`",
    label = "the method is run with copies of the ids that are missing",
    note = "derive `Clone` for it, or take the ids as `&[&T]`"
)]
pub trait BatchId: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> BatchId for T {}

/// An argument of a batch method beside its ids.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a batch method, because it is not `Clone`",
    label = "the method may run a second time, for ids that another call was to compute and did not",
    note = "take it by reference, or derive `Clone`"
)]
pub trait BatchArgument: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> BatchArgument for T {}
