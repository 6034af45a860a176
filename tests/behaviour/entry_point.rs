//! One body for each promise, through every entry point: the ways in which a program reaches a cached
//! method.
//!
//! A body takes a [`Place`], an entry point together with a store. From it the body makes caches and, on
//! each, a [`Subject`]: the methods of the table in `methods`, which run what the body says. The macro
//! `every_entry_point` makes a test of the body for each entry point.

mod associated;
mod function;
mod get_with;
mod in_place;
mod in_place_trait;
mod methods;
mod place;
mod source;
mod subject;
mod wrapper;

pub(crate) use methods::{Method, Write};
pub(crate) use place::{EntryPoint, Need, Place, run, run_blocking};
pub(crate) use source::{Answer, Failure, Run, Source};
pub(crate) use subject::{Entry, Subject, current, within};

/// A module of tests for each body: `a_refresh_is_fenced::wrapper` is the body `a_refresh_is_fenced` through
/// the wrapper, on every store.
///
/// `blocking` before a name: the body is a function that no runtime surrounds. `needs` after it: what not
/// every entry point offers; without it a test says that it is skipped, and why.
macro_rules! every_entry_point {
    ($($name:ident $(needs $($need:ident)+)?;)*) => {$(
        $crate::entry_point::every_entry_point!(@tests $name run [$($($need)+)?]);
    )*};
    (blocking: $($name:ident $(needs $($need:ident)+)?;)*) => {$(
        $crate::entry_point::every_entry_point!(@tests $name run_blocking [$($($need)+)?]);
    )*};
    (@tests $name:ident $run:ident [$($need:ident)*]) => {
        mod $name {
            use $crate::entry_point::{EntryPoint, $run};

            const NEEDS: &[$crate::entry_point::Need] = &[$($crate::entry_point::Need::$need),*];

            #[test]
            fn wrapper() {
                $run(EntryPoint::Wrapper, NEEDS, super::$name);
            }

            #[test]
            fn in_place() {
                $run(EntryPoint::InPlace, NEEDS, super::$name);
            }

            #[test]
            fn in_place_trait() {
                $run(EntryPoint::InPlaceTrait, NEEDS, super::$name);
            }

            #[test]
            fn associated() {
                $run(EntryPoint::Associated, NEEDS, super::$name);
            }

            #[test]
            fn function() {
                $run(EntryPoint::Function, NEEDS, super::$name);
            }

            #[test]
            fn get_with() {
                $run(EntryPoint::GetWith, NEEDS, super::$name);
            }
        }
    };
}
pub(crate) use every_entry_point;
