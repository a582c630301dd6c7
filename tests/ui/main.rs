//! The commonest mistakes in wiring steps and in `recoverable` do not compile, and the compiler says
//! what to do.

#[test]
fn wiring_mistakes_read_as_sentences() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
