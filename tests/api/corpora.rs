//! Every file of the fuzz corpora (docs/faults.md) through the check of its target: what was once thought up against a
//! reader is asked of it each time, without a fuzzer.

use std::path::Path;

use super::checks::TARGETS;

#[test]
fn every_file_of_the_corpora_passes_the_check_of_its_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut names: Vec<_> = entries.map(|entry| entry.expect("listed").file_name()).collect();
        names.sort();
        names
    };
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names(&corpora), targets, "a corpus for each target, and none without");
    let mut failed = Vec::new();
    for (name, check) in TARGETS {
        let files = names(&corpora.join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let path = corpora.join(name).join(file);
            let bytes = std::fs::read(&path).expect("a file of the corpus");
            // All of them are tried: one that fails says why above.
            if std::panic::catch_unwind(|| check(&bytes)).is_err() {
                failed.push(path);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
