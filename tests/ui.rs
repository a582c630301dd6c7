//! The five commonest wiring mistakes do not compile, and say why.

#[test]
fn wiring_mistakes_read_as_sentences() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
