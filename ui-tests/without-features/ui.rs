//! The library with none of its features: it compiles, and a feature that is not enabled is named where it is missing.

#[path = "../cases.rs"]
mod cases;

#[test]
fn the_library_compiles_and_missing_features_are_named() {
    let output = cases::run("missing_features");
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("warning: `redis-func-cache`"), "{text}");
}

#[test]
#[ignore = "is a process of another test"]
fn missing_features() {
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}
