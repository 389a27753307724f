//! `tools/verify_journal.py`, written from docs/journal-format.md alone, comes to the same answers as we do.

use std::fs;
use std::path::Path;
use std::process::Command;

use remediator::journal::{Depth, IntentJournal, verify};

use crate::common::{Home, copy, draft, node, options};
use crate::damage::Random;
use crate::golden::folder;

/// What the verifier says of a folder: exit status and output.
pub fn stranger(folder: &Path) -> Option<(i32, String)> {
    if std::env::var_os("REMEDIATOR_SKIP_PYTHON").is_some() {
        return None;
    }
    let python = std::env::var("REMEDIATOR_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/verify_journal.py");
    let output = Command::new(&python).arg(script).arg(folder).output().unwrap_or_else(|e| {
        panic!("cannot run {python}: {e}; install it, or set REMEDIATOR_PYTHON or REMEDIATOR_SKIP_PYTHON=1")
    });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = output.status.code().unwrap_or(-1);
    assert!(
        matches!(code, 0 | 5),
        "the verifier needs the PyPI packages `blake3` and `cryptography` (tools/test installs them; \
         REMEDIATOR_SKIP_PYTHON=1 goes without): {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some((code, text))
}

#[test]
fn a_stranger_agrees_that_good_journals_are_good() {
    let Some((code, text)) = stranger(&folder().join("journal")) else { return };
    let report = verify(&folder(), Depth::Full, &mut |_| ()).expect("verifiable");
    let head = report.head.expect("a head");
    assert_eq!((code, text), (0, format!("OK {} entries, head {}\n", report.entries, head.hash)));
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), [].into()).expect("made");
    for n in 0..10 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    let export = home.state.join("export");
    journal.export(&export).expect("exported");
    for folder in [home.state.join("journal"), export] {
        let (code, text) = stranger(&folder).expect("python is here");
        assert_eq!(code, 0, "{text}");
        assert!(text.starts_with("OK 11 entries"), "{text}");
    }
}

#[test]
fn a_stranger_finds_the_same_tampered_entries() {
    if stranger(&folder().join("journal")).is_none() {
        return;
    }
    let home = Home::new();
    copy(&folder(), &home.state);
    let mut random = Random(3);
    let mut segments: Vec<_> = fs::read_dir(home.state.join("journal"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some())
        .collect();
    segments.sort();
    for round in 0..24 {
        let path = &segments[random.below(segments.len())];
        let good = fs::read(path).expect("read");
        let mut bad = good.clone();
        match round % 4 {
            // The last line of a segment is gone.
            0 => {
                bad.truncate(good[..good.len() - 1].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1))
            }
            _ => bad[random.below(good.len())] ^= 1 << random.below(8),
        }
        fs::write(path, &bad).expect("changed");
        let report = verify(&home.state, Depth::Full, &mut |_| ()).expect("verifiable");
        let seq = report.first_bad.map(|bad| bad.seq).expect("found");
        let (code, text) = stranger(&home.state.join("journal")).expect("python is here");
        assert_eq!(code, 5, "round {round}: {text}");
        assert!(text.starts_with(&format!("BAD seq {seq} at byte ")), "round {round}: {text}, not seq {seq}");
        fs::write(path, good).expect("restored");
    }
}
