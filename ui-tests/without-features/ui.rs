//! A feature that is not enabled is named where it is missing.

#[test]
fn missing_features_are_named() {
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}
