//! What the types rule out: each file of `compile_fail` is refused by the compiler, for the reason beside it.

/// One test for all, since the cases share one build. After a change of the compiler or of a type that is named, look at
/// the differences, and take them over with `TRYBUILD=overwrite`.
#[test]
fn nobody_gets_around_the_types() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
