//! Offline verification of a million entries, quick and full; beside the full one, `verify_batch` on all cores over
//! lines that are in memory already.

use ed25519_dalek::{Signature, VerifyingKey};
use remediator::base::sign::PublicKey;
use remediator::journal::{Depth, read_offline, verify};

use crate::append::go_on;
use crate::corpus::Corpus;
use crate::sample::{Sample, number, timed};
use crate::table::{Holds, Table};
use crate::{Done, Run};

/// Lines of one `verify_batch`.
const BATCH: usize = 512;

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let corpus = run.corpus()?;
    let (quick, entries) = seconds(run, corpus, Depth::Quick)?;
    table.row(
        format!("verify {} entries, quick", number(entries)),
        "≤ 2 s",
        quick.says("s"),
        format!("{} entries/s", number(entries / quick.median())),
        Holds::when(quick.median() <= 2.0),
    );
    let (full, entries) = seconds(run, corpus, Depth::Full)?;
    let batch = batch(run, corpus)?;
    let percent = entries / full.median() / batch.median() * 100.0;
    table.row(
        format!("verify {} entries, full", number(entries)),
        "≥ 90 % of verify_batch on all cores",
        format!("{} %: {}", number(percent), full.says("s")),
        format!(
            "{} entries/s; verify_batch alone {}",
            number(entries / full.median()),
            batch.says("entries/s")
        ),
        Holds::when(percent >= 90.0),
    );
    Ok(())
}

fn seconds(run: &Run, corpus: &Corpus, depth: Depth) -> Done<(Sample, f64)> {
    let mut entries = 0;
    let sample = (0..run.rounds())
        .map(|_| {
            let (seconds, report) = timed(|| verify(&corpus.journal_folder(), depth, &mut |_| ()));
            let report = report?;
            if report.first_bad.is_some() {
                return Err(format!("the journal is not good: {:?}", report.first_bad).into());
            }
            entries = report.entries;
            Ok(seconds)
        })
        .collect::<Done<Sample>>()?;
    Ok((sample, entries as f64))
}

struct Signed {
    message: Vec<u8>,
    signature: Signature,
}

/// Signatures per second of `verify_batch`, a thread per core.
fn batch(run: &Run, corpus: &Corpus) -> Done<Sample> {
    let journal = read_offline(&corpus.home.root)?;
    let key: PublicKey = journal.genesis().public_key.clone();
    let (mut signed, many) = (Vec::new(), run.pick(200_000, 4_000));
    journal.lines(None, &mut |line| {
        if let Some(signature) = line.signature() {
            signed
                .push(Signed { message: line.signed_bytes(), signature: Signature::from_bytes(&signature) });
        }
        go_on(signed.len() < many)
    })?;
    let cores = std::thread::available_parallelism()?.get();
    let share = signed.len().div_ceil(cores);
    (0..run.rounds())
        .map(|_| {
            let (seconds, good) = timed(|| {
                std::thread::scope(|scope| {
                    let shares: Vec<_> = signed
                        .chunks(share)
                        .map(|share| scope.spawn(|| check(share, key.as_dalek())))
                        .collect();
                    shares.into_iter().all(|share| share.join().unwrap_or(false))
                })
            });
            if good { Ok(signed.len() as f64 / seconds) } else { Err("a signature does not hold".into()) }
        })
        .collect()
}

fn check(signed: &[Signed], key: &VerifyingKey) -> bool {
    signed.chunks(BATCH).all(|batch| {
        let messages: Vec<&[u8]> = batch.iter().map(|one| one.message.as_slice()).collect();
        let signatures: Vec<Signature> = batch.iter().map(|one| one.signature).collect();
        ed25519_dalek::verify_batch(&messages, &signatures, &vec![*key; batch.len()]).is_ok()
    })
}
