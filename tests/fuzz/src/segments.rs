//! Target `segments`: the folder of a journal, read without a daemon: segments, a head file, an export's manifest. First
//! as it is, then with every line chained and signed anew, so that hostile content gets past the signatures. What
//! verification calls good is handed out byte for byte; what it calls bad it names within the folder.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use remediator::base::digest::Blake3;
use remediator::base::sign::JournalKey;
use remediator::event::Cause;
use remediator::journal::{Depth, LineRef, read_offline, verify};

use super::said;

/// The key of the golden journal, which the seeds are cut from.
const SEED: [u8; 32] = [42; 32];
/// The one after its rotation.
const NEXT: [u8; 32] = [43; 32];

/// See the module.
pub fn check(bytes: &[u8]) {
    let parts = said::parts(bytes);
    judge(&parts);
    let key = JournalKey::from_seed(&SEED);
    let mut chain = Chain { key, seq: 0, prev: "0".repeat(64), run: (0, Vec::new()) };
    let signed: Vec<Vec<u8>> = parts.iter().map(|part| chain.part(part)).collect();
    let signed: Vec<&[u8]> = signed.iter().map(Vec::as_slice).collect();
    judge(&signed);
}

/// Makes a chain of whatever lines there are.
struct Chain {
    key: JournalKey,
    seq: u64,
    prev: String,
    /// First entry and bytes of what the next segment seals.
    run: (u64, Vec<u8>),
}

impl Chain {
    /// Every line that is one is numbered, sealed where it seals, chained and signed.
    fn part(&mut self, part: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(part.len());
        for line in part.split_inclusive(|b| *b == b'\n') {
            let content = line.strip_suffix(b"\n").unwrap_or(line);
            match LineRef::parse(content) {
                Ok(parsed) => {
                    let made = self.line(&parsed);
                    out.extend_from_slice(&made);
                    out.extend_from_slice(&line[content.len()..]);
                }
                Err(_) => out.extend_from_slice(line),
            }
        }
        out
    }

    fn line(&mut self, parsed: &LineRef<'_>) -> Vec<u8> {
        let seal = format!(
            r#"{{"previous_first":{},"previous_last":{},"previous_bytes":{},"previous_blake3":"{}"}}"#,
            self.run.0,
            self.seq.wrapping_sub(1),
            self.run.1.len(),
            Blake3::of(&self.run.1)
        );
        let seals = parsed.kind == "journal.segment_opened";
        if seals {
            self.run = (self.seq, Vec::new());
        }
        let text = self.text(parsed, if seals { &seal } else { parsed.data });
        // What grew too long is no line any more, and is found to be none.
        if let Ok(line) = LineRef::parse(text.as_bytes()) {
            self.prev = line.chain_hash().to_string();
        }
        self.run.1.extend_from_slice(text.as_bytes());
        self.run.1.push(b'\n');
        self.seq += 1;
        if parsed.kind == "journal.key_rotated" {
            self.key = JournalKey::from_seed(&NEXT);
        }
        text.into_bytes()
    }

    /// The line at this place of the chain: what it names is earlier than itself.
    fn text(&self, parsed: &LineRef<'_>, data: &str) -> String {
        let before = self.seq.checked_sub(1);
        let number = |seq: Option<u64>| seq.map_or("null".to_owned(), |seq| seq.to_string());
        let cause = match parsed.cause {
            None => "null".to_owned(),
            Some(Cause::Seq(seq)) => number(before.map(|before| before.min(seq))),
            Some(Cause::Remote { node, seq, hash }) => {
                format!(r#"{{"node":"{node}","seq":{seq},"hash":"{hash}"}}"#)
            }
        };
        let incident = parsed.incident.map_or("null".to_owned(), |id| format!("\"{id}\""));
        let signed = format!(
            r#"{{"v":1,"seq":{},"time":{},"mono":{},"boot":"{}","node":"{}","kind":"{}","kv":{},"incident":{incident},"cause":{cause},"data":{data},"synced":{},"prev":"{}","key":"{}"}}"#,
            self.seq,
            parsed.at.time_us,
            parsed.at.mono_ms,
            parsed.boot,
            parsed.node,
            parsed.kind,
            parsed.kv,
            number(before),
            self.prev,
            self.key.id(),
        );
        let signature = STANDARD.encode(self.key.sign(signed.as_bytes()));
        format!(r#"{},"sig":"{signature}"}}"#, &signed[..signed.len() - 1])
    }
}

/// Where the parts go: a first part that begins with `{"v":1,"seq":` is a segment, as are the others; a part that
/// begins with another word says by it what it is. The segments as they lie there: of two with the same first entry the
/// later one.
fn write(folder: &Path, parts: &[&[u8]]) -> BTreeMap<String, Vec<u8>> {
    let mut segments = BTreeMap::new();
    for part in parts {
        let (name, bytes) = if let Some(head) = part.strip_prefix(b"head ") {
            ("head".to_owned(), head)
        } else if let Some(manifest) = part.strip_prefix(b"manifest ") {
            ("manifest.json".to_owned(), manifest)
        } else {
            let first = part.split(|b| *b == b'\n').next().and_then(|line| LineRef::parse(line).ok());
            let first = if segments.is_empty() { 0 } else { first.map_or(1, |line| line.seq) };
            let name = format!("{first:020}.ndjson");
            segments.insert(name.clone(), part.to_vec());
            (name, *part)
        };
        std::fs::write(folder.join(name), bytes).expect("written");
    }
    segments
}

/// What the seeds name.
const BLOBS: [&[u8]; 2] = [b"nobody\n", b"long output\n"];

fn keep(folder: &Path, bytes: &[u8]) {
    let name = Blake3::of(bytes).to_string();
    let part = folder.join("blobs").join(&name[..2]);
    std::fs::create_dir_all(&part).expect("a folder");
    std::fs::write(part.join(&name[2..]), bytes).expect("written");
}

fn judge(parts: &[&[u8]]) {
    let folder = tempfile::tempdir().expect("a folder");
    let segments = write(folder.path(), parts);
    BLOBS.iter().for_each(|bytes| keep(folder.path(), bytes));
    let report = match verify(folder.path(), Depth::Full, &mut |_| ()) {
        Ok(report) => report,
        Err(why) => return said::is_fit(plain(why, folder.path())),
    };
    let quick =
        verify(folder.path(), Depth::Quick, &mut |_| ()).expect("what is verified in full is read quickly");
    assert!(quick.entries >= report.entries, "a full look finds no less than a quick one");
    report.first_bad.iter().for_each(|bad| said::is_fit(plain(bad, folder.path())));
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let read = read_offline(folder.path()).and_then(|offline| {
        let mut failed = None;
        offline
            .records(None, &mut |record| {
                assert_eq!(record.seq, lines.len() as u64);
                lines.push(Vec::new());
                ControlFlow::Continue(())
            })
            .unwrap_or_else(|why| failed = Some(why));
        failed.iter().for_each(|why| said::is_fit(plain(why, folder.path())));
        lines.clear();
        offline.lines(None, &mut |line| {
            lines.push(line.as_str().as_bytes().to_vec());
            ControlFlow::Continue(())
        })
    });
    if report.is_good() {
        read.expect("what is good can be read");
        assert_eq!(lines.len() as u64, report.entries);
        let stored: Vec<&[u8]> = segments
            .values()
            .flat_map(|segment| segment.split(|b| *b == b'\n'))
            .filter(|line| !line.is_empty())
            .collect();
        assert!(lines.iter().zip(&stored).all(|(line, stored)| line == stored), "not what is stored");
    } else if let Err(why) = read {
        said::is_fit(plain(why, folder.path()));
    }
}

/// Without the folder's own name, whose length is not the input's doing.
fn plain(why: impl std::fmt::Display, folder: &Path) -> String {
    why.to_string().replace(&folder.display().to_string(), "FOLDER")
}
