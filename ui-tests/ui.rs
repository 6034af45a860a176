//! What the attribute accepts and what it refuses, one file each, with the compiler's very words.

/// Here it meets clippy as well, and `dead_code`, which trybuild allows.
#[path = "pass/denied_lints.rs"]
pub mod denied_lints;

#[test]
fn generated_code_breaks_no_lint() {
    denied_lints::main();
}

#[test]
fn blocks_compile_or_say_why_not() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    // Our words.
    cases.compile_fail("fail/*.rs");
    // Words of rustc, which another compiler may say differently.
    cases.compile_fail("fail-rustc/*.rs");
}
