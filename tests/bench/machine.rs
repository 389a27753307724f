//! What this machine can do, measured in the same run: a synced write, a signature, a hash, the bare loop that an
//! append is compared with, checking signatures on all cores, starting a trivial process.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use ed25519_dalek::{Signer as _, SigningKey};
use remediator::base::digest::Blake3;
use remediator::base::sign::{JournalKey, signature_text};

use crate::sample::{Sample, timed};
use crate::table::{Holds, Table};
use crate::{Done, Run};

/// Bytes of a line as these benchmarks write them, near enough.
const LINE_BYTES: usize = 700;
/// The file that is written into: made before, so that no write changes its size.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// How the bare loop signs.
#[derive(Clone, Copy)]
pub enum Signing {
    /// With ed25519-dalek, which the goals were set with and which runs everywhere.
    Portable,
    /// With what the journal signs with on this machine.
    AsTheJournal,
}

pub struct Machine {
    /// ms of pwrite and fdatasync of one line; every single one.
    pub sync_ms: Sample,
    /// ms from starting `/bin/date` until it says its time.
    pub start_ms: Sample,
    /// µs of one signature over a line, as the journal makes it.
    pub sign_us: Sample,
    portable_sign_us: Sample,
    hash_us: Sample,
    spawn_ms: Sample,
    bare: Bare,
}

impl Machine {
    pub fn measure(run: &Run) -> Done<Self> {
        eprintln!("bench: the machine");
        let bare = Bare::new(&run.folder("machine")?)?;
        let (rounds, syncs) = (run.rounds(), run.pick(400, 20));
        let mut sync_ms = Vec::new();
        for i in 0..rounds * syncs {
            sync_ms.push(bare.sync_once((i * LINE_BYTES) as u64)?);
        }
        let line = [b'x'; LINE_BYTES];
        let many = run.pick(20_000, 500);
        let each_us = |f: &dyn Fn()| -> Sample {
            (0..rounds).map(|_| timed(|| (0..many).for_each(|_| f())).0 / f64::from(many) * 1e6).collect()
        };
        let sign_us = each_us(&|| _ = std::hint::black_box(bare.key.sign(std::hint::black_box(&line))));
        let portable_sign_us =
            each_us(&|| _ = std::hint::black_box(bare.portable.sign(std::hint::black_box(&line))));
        let hash_us = each_us(&|| _ = std::hint::black_box(Blake3::of(std::hint::black_box(&line))));
        let mut spawn_ms = Vec::new();
        let mut start_ms = Vec::new();
        for _ in 0..rounds * run.pick(20, 2) {
            let (seconds, status) = timed(|| Command::new("/bin/true").status());
            status?;
            spawn_ms.push(seconds * 1e3);
            let began = crate::http::now_ns();
            let said = Command::new("/bin/date").arg("+%s%N").output()?.stdout;
            let at: i64 = String::from_utf8(said)?.trim().parse()?;
            start_ms.push((at - began) as f64 / 1e6);
        }
        let (sync_ms, spawn_ms) = (sync_ms.into_iter().collect(), spawn_ms.into_iter().collect());
        Ok(Self {
            sync_ms,
            start_ms: start_ms.into_iter().collect(),
            sign_us,
            portable_sign_us,
            hash_us,
            spawn_ms,
            bare,
        })
    }

    pub fn rows(&self, table: &mut Table) {
        let mut row = |what: &str, measured: String| table.row(what, "–", measured, "", Holds::Beside);
        row("machine: fdatasync of a 700-byte pwrite into a file made before", self.sync_ms.says_tail("ms"));
        row(
            "machine: one ed25519 signature over 700 bytes, as the journal makes it",
            self.sign_us.says("µs"),
        );
        row("machine: the same in portable code (ed25519-dalek)", self.portable_sign_us.says("µs"));
        row("machine: blake3 of 700 bytes", self.hash_us.says("µs"));
        row("machine: start /bin/true and wait for its end", self.spawn_ms.says_tail("ms"));
        row("machine: start /bin/date until it has read the clock", self.start_ms.says_tail("ms"));
    }

    /// ms of one pwrite of a line and its fdatasync, now: a disk that others use is not the same a minute later.
    pub fn sync_once(&self) -> Done<f64> {
        self.bare.sync_once(0)
    }

    /// Entries per second of the bare loop: sign each, then one write and one fdatasync per group.
    pub fn bare(&self, signing: Signing, group: usize, seconds: f64) -> Done<f64> {
        match signing {
            Signing::Portable => {
                self.bare.run(group.max(1), seconds, |line| self.bare.portable.sign(line).to_bytes())
            }
            Signing::AsTheJournal => self.bare.run(group.max(1), seconds, |line| self.bare.key.sign(line)),
        }
    }
}

/// The peer of an append: nothing but a signature per entry and a synced write per group.
struct Bare {
    file: File,
    key: JournalKey,
    portable: SigningKey,
}

impl Bare {
    fn new(folder: &Path) -> Done<Self> {
        let file = File::options().create_new(true).write(true).open(folder.join("file"))?;
        let piece = vec![b'\n'; 1024 * 1024];
        for at in (0..FILE_BYTES).step_by(piece.len()) {
            file.write_all_at(&piece, at)?;
        }
        file.sync_all()?;
        let seed = [7; 32];
        Ok(Self { file, key: JournalKey::from_seed(&seed), portable: SigningKey::from_bytes(&seed) })
    }

    fn write(&self, bytes: &[u8], at: u64) -> std::io::Result<()> {
        self.file.write_all_at(bytes, at % (FILE_BYTES - bytes.len() as u64))?;
        self.file.sync_data()
    }

    fn sync_once(&self, at: u64) -> Done<f64> {
        let began = Instant::now();
        self.write(&[b'x'; LINE_BYTES], at)?;
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }

    fn run(&self, group: usize, seconds: f64, sign: impl Fn(&[u8]) -> [u8; 64]) -> Done<f64> {
        let mut line = [b'x'; LINE_BYTES];
        let mut bytes = Vec::with_capacity(group * (LINE_BYTES + 90));
        let (mut entries, mut at) = (0_u64, 0);
        let began = Instant::now();
        while began.elapsed().as_secs_f64() < seconds {
            bytes.clear();
            for _ in 0..group {
                line[..8].copy_from_slice(&entries.to_le_bytes());
                bytes.extend_from_slice(&line);
                bytes.extend_from_slice(signature_text(&sign(&line)).as_bytes());
                bytes.push(b'\n');
                entries += 1;
            }
            self.write(&bytes, at)?;
            at += bytes.len() as u64;
        }
        Ok(entries as f64 / began.elapsed().as_secs_f64())
    }
}
