//! What this program does as its own child: things that are to be killed, or that may leak or panic.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use remediator::journal::{IndexMode, IntentJournal};

use crate::journal::{draft, options};
use crate::run::Random;

/// Threads that append at once.
const PRODUCERS: u64 = 3;

/// This program again, in a role.
pub fn command(role: &str) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role);
    Ok(command)
}

/// Plays a role.
pub fn play(role: &str, args: &[String]) -> ExitCode {
    let done = match (role, args) {
        ("__append", [state, seed, index]) => append(&PathBuf::from(state), seed, index == "indexed"),
        ("__sled", args) => crate::sled::role(args),
        _ => Err(format!("no such role: {role}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("failed {why}"));
            ExitCode::FAILURE
        }
    }
}

/// One write, so that a line is in the pipe whole or not at all.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}

/// Opens the journal and appends for ever, saying what was acknowledged.
fn append(state: &Path, seed: &str, indexed: bool) -> Result<(), String> {
    let seed: u64 = seed.parse().map_err(|_| "the seed is not a number")?;
    let index = if indexed { IndexMode::On } else { IndexMode::Off };
    say("opening");
    let (journal, opened) = IntentJournal::open(options(state, index)).map_err(|e| e.to_string())?;
    if let Some(damage) = opened.damage {
        return Err(format!("opened read-only: {damage}"));
    }
    say("open");
    std::thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let journal = &journal;
            scope.spawn(move || produce(journal, seed, producer));
        }
        scope.spawn(|| snapshots(&journal, Random(seed ^ 77)));
    });
    Ok(())
}

fn produce(journal: &IntentJournal, seed: u64, producer: u64) {
    let mut random = Random(seed ^ (producer + 1));
    for n in 0u64.. {
        let words = |part| format!("w{seed}-{producer}-{n}-{part}.");
        let parts = 1 + random.below(4);
        let padding = "x".repeat(random.index(200));
        let drafts = (0..parts).map(|part| draft(&format!("{}{padding}", words(part)))).collect();
        match journal.append(drafts) {
            Ok(done) => {
                let acks = done.committed.iter().zip(0..);
                let acks: Vec<String> =
                    acks.map(|(c, part)| format!("ack {} {}", c.seq(), words(part))).collect();
                say(&acks.join("\n"));
            }
            Err(e) => return say(&format!("failed append: {e}")),
        }
    }
}

fn snapshots(journal: &IntentJournal, mut random: Random) {
    loop {
        std::thread::sleep(random.span(Duration::from_millis(25)));
        let bytes = vec![b's'; 1_000 + random.index(200_000)];
        say("snapshot");
        if let Err(e) = journal.take_snapshot(journal.head().seq, 0, &bytes) {
            return say(&format!("failed snapshot: {e}"));
        }
    }
}
