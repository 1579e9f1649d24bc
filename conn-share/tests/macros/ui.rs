//! Every mistake that people make, and what they are told. Only messages that are ours.
//!
//! After a wanted change: `TRYBUILD=overwrite cargo test -p conn-share --test macros ui`.

#[test]
fn mistakes() {
    trybuild::TestCases::new().compile_fail("tests/macros/ui/*.rs");
}
