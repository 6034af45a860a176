//! What the attribute accepts and what it refuses, one file each, with the compiler's very words.

mod cases;

use std::collections::BTreeSet;
use std::fs;

/// Files in `pass` are modules of this binary: that is one link, and not one for each of them.
macro_rules! pass {
    ($($path:literal $name:ident,)*) => {
        $(
            #[path = $path]
            #[allow(dead_code, clippy::all, clippy::pedantic, clippy::nursery)]
            mod $name;
        )*

        const PASS: &[&str] = &[$($path),*];

        /// One test for each file: its `main`.
        mod passes {
            $(
                #[test]
                fn $name() {
                    super::$name::main();
                }
            )*
        }
    };
}

pass! {
    "pass/arguments_of_any_name.rs" arguments_of_any_name,
    "pass/async_trait_blocks.rs" async_trait_blocks,
    "pass/attributes_are_carried.rs" attributes_are_carried,
    "pass/block_in_a_function.rs" block_in_a_function,
    "pass/cfg_on_methods.rs" cfg_on_methods,
    "pass/client_with_conversions.rs" client_with_conversions,
    "pass/codec_by_name.rs" codec_by_name,
    "pass/conditional_caching.rs" conditional_caching,
    "pass/const_generics.rs" const_generics,
    "pass/constants_as_options.rs" constants_as_options,
    "pass/converted_arguments.rs" converted_arguments,
    "pass/crate_path.rs" crate_path,
    "pass/errors_that_are_cached.rs" errors_that_are_cached,
    "pass/functions_as_handlers.rs" functions_as_handlers,
    "pass/functions_elsewhere.rs" functions_elsewhere,
    "pass/functions_in_bodies.rs" functions_in_bodies,
    "pass/functions_in_macro_rules.rs" functions_in_macro_rules,
    "pass/functions_of_any_name.rs" functions_of_any_name,
    "pass/functions_that_call_themselves.rs" functions_that_call_themselves,
    "pass/functions_with_a_crate_path.rs" functions_with_a_crate_path,
    "pass/functions_with_attributes.rs" functions_with_attributes,
    "pass/functions_with_generics.rs" functions_with_generics,
    "pass/futures_that_are_not_send.rs" futures_that_are_not_send,
    "pass/generics_on_the_block.rs" generics_on_the_block,
    "pass/golden_fingerprints.rs" golden_fingerprints,
    "pass/handles_of_everything.rs" handles_of_everything,
    "pass/in_place_blocks.rs" in_place_blocks,
    "pass/inside_macro_rules.rs" inside_macro_rules,
    "pass/invalidation_elsewhere.rs" invalidation_elsewhere,
    "pass/keys_of_expressions.rs" keys_of_expressions,
    "pass/labels_of_everything.rs" labels_of_everything,
    "pass/lifetimes.rs" lifetimes,
    "pass/lists_of_names.rs" lists_of_names,
    "pass/methods_with_our_names.rs" methods_with_our_names,
    "pass/native_async_traits.rs" native_async_traits,
    "pass/options_of_blocks_and_methods.rs" options_of_blocks_and_methods,
    "pass/patterns_as_arguments.rs" patterns_as_arguments,
    "pass/raw_identifiers.rs" raw_identifiers,
    "pass/receivers_and_kinds_of_methods.rs" receivers_and_kinds_of_methods,
    "pass/refreshes_that_outlive_calls.rs" refreshes_that_outlive_calls,
    "pass/repository_like_diesel.rs" repository_like_diesel,
    "pass/repository_like_sqlx.rs" repository_like_sqlx,
    "pass/results_by_any_name.rs" results_by_any_name,
    "pass/self_key.rs" self_key,
    "pass/self_means_the_type.rs" self_means_the_type,
    "pass/self_not_in_the_key.rs" self_not_in_the_key,
    "pass/service_with_mutable_receivers.rs" service_with_mutable_receivers,
    "pass/several_blocks.rs" several_blocks,
    "pass/shadowed_prelude.rs" shadowed_prelude,
    "pass/skipped_arguments.rs" skipped_arguments,
    "pass/skipped_connections.rs" skipped_connections,
    "pass/tags_of_everything.rs" tags_of_everything,
    "pass/traits_with_associated_items.rs" traits_with_associated_items,
    "pass/versions.rs" versions,
    "pass/visibilities.rs" visibilities,
    "pass/wrappers_that_own.rs" wrappers_that_own,
}

/// It meets clippy and `dead_code` as well.
#[path = "pass/denied_lints.rs"]
pub mod denied_lints;

#[test]
fn generated_code_breaks_no_lint() {
    denied_lints::main();
}

#[test]
fn every_file_that_passes_is_listed() {
    let files = fs::read_dir("pass").unwrap();
    let files: BTreeSet<_> = files
        .map(|file| format!("pass/{}", file.unwrap().file_name().display()))
        .collect();
    let listed = PASS.iter().chain(&["pass/denied_lints.rs"]);
    assert_eq!(files, listed.map(ToString::to_string).collect());
}

#[test]
fn blocks_say_what_is_wrong() {
    assert!(cases::run("blocks").status.success());
}

/// Without a case that passes, trybuild checks all files in one build.
#[test]
#[ignore = "is a process of another test"]
fn blocks() {
    let cases = trybuild::TestCases::new();
    // Our words.
    cases.compile_fail("fail/*.rs");
    // Words of rustc, which another compiler may say differently.
    cases.compile_fail("fail-rustc/*.rs");
}
