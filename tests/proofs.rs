//! What must not compile: proofs, permits and held locks made by anybody but those who may (RM-1, RM-15).

#[test]
fn proofs_cannot_be_forged() {
    trybuild::TestCases::new().compile_fail("tests/proofs/*.rs");
}
