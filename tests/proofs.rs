//! What must not compile: proofs, permits and held locks made by anybody but those who may (RM-1, RM-15).
//!
//! Each file of tests/proofs is given to the compiler as a program that uses the library; what the compiler says, one
//! line an error, must be what stands beside it in NAME.stderr. `PROOFS=write cargo test --test proofs` writes those.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The library that was built last, which is the one these tests were built with.
fn library() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libremediator-") && name.ends_with(".rlib")
    };
    let libraries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(is_library);
    libraries.max_by_key(|path| path.metadata().unwrap().modified().unwrap()).expect("the library is built")
}

/// Compiles one program against the library, without making code.
fn compile(source: &Path) -> Output {
    let (library, out) = (library(), tempfile::tempdir().unwrap());
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args([
        "--edition=2024",
        "--crate-type=bin",
        "--emit=metadata",
        "--error-format=short",
        "--color=never",
    ]);
    command.arg("--out-dir").arg(out.path());
    command.arg("-L").arg(format!("dependency={}", library.parent().unwrap().display()));
    command.arg("--extern").arg(format!("remediator={}", library.display()));
    command.arg(source).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

fn programs() -> Vec<PathBuf> {
    let folder = Path::new("tests/proofs");
    let mut programs: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    programs.sort();
    programs
}

/// The compiler's errors; warnings and its closing line say nothing about the proof.
fn errors(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let errors = text.lines().filter(|line| line.contains(": error"));
    errors.map(|line| format!("{line}\n")).collect()
}

#[test]
fn proofs_cannot_be_forged() {
    let programs = programs();
    assert!(programs.len() > 5, "{programs:?}");
    for program in programs {
        let output = compile(&program);
        let said = errors(&output);
        assert!(!output.status.success() && !said.is_empty(), "{} compiles: {output:?}", program.display());
        let expected = program.with_extension("stderr");
        if std::env::var("PROOFS").is_ok_and(|mode| mode == "write") {
            std::fs::write(&expected, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap();
        assert_eq!(said, expected, "{}", program.display());
    }
}

#[test]
fn what_keeps_to_the_rules_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("honest.rs");
    let text = "use remediator::{event::control::Paused, journal::proof::Committed};
        fn seq(durable: &Committed<Paused>) -> u64 { durable.seq() }
        fn main() { let _ = seq; }";
    std::fs::write(&program, text).unwrap();
    let output = compile(&program);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
