//! Signing a batch of chained lines, on both cores when there are enough of them.
//! Signing is the dearest part of an append; everything else is kept out of its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::base::sign::JournalKey;

use super::encode::Batch;

/// Below this many lines waking the other core costs more than it saves.
const SHARED_FROM: usize = 8;
/// Lines that a core takes at a time: bounds how long one waits for the other at the end.
const TAKE: usize = 4;

type Signatures = Vec<(usize, [u8; 64])>;

/// A batch that two cores sign.
struct Job {
    batch: Batch,
    next: AtomicUsize,
    key: JournalKey,
}

impl Job {
    fn work(&self) -> Signatures {
        let lines = self.batch.places.len();
        let mut done = Vec::new();
        loop {
            let from = self.next.fetch_add(TAKE, Ordering::Relaxed);
            if from >= lines {
                return done;
            }
            for i in from..lines.min(from + TAKE) {
                done.push((i, self.key.sign(self.batch.signed_bytes(i))));
            }
        }
    }
}

/// The helper core. It ends when this is dropped.
pub(super) struct Signer {
    helper: Option<(Sender<Arc<Job>>, Receiver<Signatures>)>,
}

impl Signer {
    /// Starts the helper; without it (no thread to be had) signing is merely slower.
    pub fn start() -> Self {
        let (jobs, take) = bounded::<Arc<Job>>(1);
        let (give, results) = bounded::<Signatures>(1);
        let spawned = thread::Builder::new().name("journal-sign".into()).spawn(move || {
            for job in take {
                let done = job.work();
                // Let go of the batch first: the other side takes it back when it has the result.
                drop(job);
                if give.send(done).is_err() {
                    return;
                }
            }
        });
        Self { helper: spawned.ok().map(|_| (jobs, results)) }
    }

    /// Signs every line of the batch.
    pub fn sign(&mut self, batch: Batch, key: &JournalKey) -> Batch {
        let Some((jobs, results)) = self.helper.as_ref().filter(|_| batch.places.len() >= SHARED_FROM) else {
            return sign_alone(batch, key);
        };
        let job = Arc::new(Job { batch, next: AtomicUsize::new(0), key: key.clone() });
        let shared = jobs.send(Arc::clone(&job)).is_ok();
        let mut done = job.work();
        if shared {
            done.extend(results.recv().unwrap_or_default());
        }
        let (mut batch, complete) = match Arc::try_unwrap(job) {
            Ok(job) => {
                let complete = done.len() == job.batch.places.len();
                (job.batch, complete)
            }
            Err(job) => (Batch { bytes: job.batch.bytes.clone(), places: job.batch.places.clone() }, false),
        };
        if !complete {
            // The helper died with lines in its hands: do without it from now on.
            self.helper = None;
            return sign_alone(batch, key);
        }
        for (i, signature) in &done {
            batch.put_signature(*i, signature);
        }
        batch
    }
}

fn sign_alone(mut batch: Batch, key: &JournalKey) -> Batch {
    for i in 0..batch.places.len() {
        let signature = key.sign(batch.signed_bytes(i));
        batch.put_signature(i, &signature);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::super::encode::tests::prepared;
    use super::super::encode::{End, Writer, key_text};
    use super::super::line::LineRef;
    use super::*;
    use crate::base::digest::Blake3;
    use crate::base::ids::{BootId, NodeId};

    #[test]
    fn both_cores_sign_each_line_once_and_in_its_place() {
        let key = JournalKey::from_seed(&[3; 32]);
        let id = uuid::Uuid::from_u128(1);
        let writer = Writer::new(BootId(id), NodeId(id));
        let key_id = key_text(key.id());
        let mut signer = Signer::start();
        for lines in [1, 7, 8, 61] {
            let mut batch = Batch::default();
            let mut prev = Blake3::ZERO;
            for seq in 0..lines {
                let end = End { synced: None, prev, key: &key_id };
                prev = writer.add(&mut batch, seq, &prepared("web"), &end);
            }
            let batch = signer.sign(batch, &key);
            let text = String::from_utf8(batch.bytes).expect("UTF-8");
            for line in text.lines() {
                assert!(LineRef::parse(line.as_bytes()).expect("a line").verify(&key.public()));
            }
            assert_eq!(text.lines().count() as u64, lines);
        }
    }
}
