//! Owned copies of the arguments of an execution that outlives its call.

use std::borrow::Borrow;
use std::ffi::{CStr, OsStr};
use std::path::Path;

/// What can be kept: all that is `Clone`, slices of it, and what is like `str`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept for a refresh behind the call",
    label = "with `stale` or `early` an argument must be `Clone`",
    note = "or leave the method out, by `#[cache(stale = \"off\", early = \"off\")]`"
)]
pub trait Keep {
    /// The owned value, which lends the argument again.
    type Kept: Borrow<Self>;

    /// Makes an owned value.
    fn keep(&self) -> Self::Kept;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Keep for T {
    type Kept = T;

    fn keep(&self) -> T {
        self.clone()
    }
}

macro_rules! unsized_ones {
    ($([$($param:ident)?] $ty:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl$(<$param: Clone>)? Keep for $ty {
            type Kept = <$ty as ToOwned>::Owned;

            fn keep(&self) -> Self::Kept {
                self.to_owned()
            }
        }
    )*};
}
unsized_ones! {
    [] str;
    [T] [T];
    [] Path;
    [] OsStr;
    [] CStr;
}
