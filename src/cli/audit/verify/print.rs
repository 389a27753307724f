//! What a check found, for people.

use super::super::super::exit::Failure;
use super::super::super::out;
use super::head::Head;
use crate::base::time::rfc3339;
use crate::journal::{Depth, Report};

/// The chain.
pub fn report(report: &Report) -> Result<(), Failure> {
    let keys = report.keys.len();
    match &report.first_bad {
        Some(bad) => {
            let (file, what) = (out::line(&bad.file), out::line(&bad.what));
            out::say(format!(
                "{} first bad entry: seq {}, byte {} of {file}: {what}",
                out::state("failed"),
                bad.seq,
                bad.byte
            ))?;
            out::say(format!("{} entries before it are good", report.entries))?;
        }
        None => {
            let proved = match report.depth {
                Depth::Quick => "chain, seals and keys hold".to_owned(),
                Depth::Full => format!(
                    "chain, seals and keys hold, {} signatures and {} blobs verified",
                    report.signatures, report.blobs
                ),
            };
            let word = if report.is_good() { "healthy" } else { "failed" };
            out::say(format!(
                "{} {} entries, {keys} key(s): {proved}",
                out::state(word),
                report.entries - report.minimum
            ))?;
            if let Some(head) = &report.head {
                out::say(format!("head: seq {}, {}", head.seq, head.hash))?;
            }
            if report.minimum > 0 {
                out::say(format!("it begins with seq {}: what is older was pruned", report.minimum))?;
            }
        }
    }
    for blob in &report.bad_blobs {
        out::say(format!("{} blob {blob} does not hold what its name promises", out::state("failed")))?;
    }
    for (blob, seq) in &report.missing_blobs {
        out::say(format!("{} blob {blob}, which entry {seq} names, is missing", out::state("failed")))?;
    }
    if let Some(torn) = &report.torn {
        let (seq, byte, file) = (torn.seq, torn.byte, out::line(&torn.file));
        out::say(format!(
            "a write of seq {seq} was cut off at byte {byte} of {file}: it was never acknowledged"
        ))?;
    }
    if report.depth == Depth::Quick && report.is_good() {
        out::say(out::faint("every signature: remediator audit verify --full"))?;
    }
    Ok(())
}

/// The log's head.
pub fn head(head: &Head) -> Result<(), Failure> {
    let word = if head.findings.is_empty() { "healthy" } else { "failed" };
    let said = match &head.checkpoint {
        Some(checkpoint) => {
            let when = checkpoint.time.and_then(|time| i64::try_from(time).ok()?.checked_mul(1_000_000));
            let when = when.map_or_else(|| "at no time it says".to_owned(), rfc3339);
            format!("checkpoint of {} entries, {}, the newest {when}", checkpoint.size, checkpoint.root)
        }
        None => "no checkpoint".to_owned(),
    };
    out::say(format!("{} log {}: {said}", out::state(word), out::line(&head.origin)))?;
    for (witness, time) in &head.cosigned {
        let when = i64::try_from(*time).ok().and_then(|time| time.checked_mul(1_000_000)).map(rfc3339);
        out::say(format!("cosigned by {} {}", out::line(witness), when.unwrap_or_default()))?;
    }
    head.findings.iter().try_for_each(|finding| out::say(out::line(&finding.what)))
}
