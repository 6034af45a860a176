//! Owned copies of the arguments of an execution that outlives its call.

use std::borrow::Borrow;
use std::ffi::{CStr, OsStr};
use std::path::Path;

/// Arguments that can be owned: `Clone` types, slices of them, and types like `str`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cloned for a refresh in the background",
    label = "with `stale` or `early` an argument must be `Clone`",
    note = "or leave the method out, by `#[cache(stale = \"off\", early = \"off\")]`"
)]
pub trait ToOwnedArg {
    /// The owned value, from which the argument is borrowed.
    type Owned: Borrow<Self>;

    /// Makes an owned value.
    fn to_owned_arg(&self) -> Self::Owned;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> ToOwnedArg for T {
    type Owned = T;

    fn to_owned_arg(&self) -> T {
        self.clone()
    }
}

macro_rules! unsized_args {
    ($([$($param:ident)?] $ty:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl$(<$param: Clone>)? ToOwnedArg for $ty {
            type Owned = <$ty as ToOwned>::Owned;

            fn to_owned_arg(&self) -> Self::Owned {
                self.to_owned()
            }
        }
    )*};
}
unsized_args! {
    [] str;
    [T] [T];
    [] Path;
    [] OsStr;
    [] CStr;
}
