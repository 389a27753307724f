//! sled's folder deleted, cut, corrupted, rolled back, flipped: the journal opens and no answer ever differs from that
//! of an undamaged copy. In child processes, because sled may panic, hang or leak.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use remediator::base::ids::Fingerprint;
use remediator::base::time::Stamp;
use remediator::journal::{Clock as _, Error, IndexMode, IntentJournal, SystemClock};

use crate::journal::{copy, create, draft, lines, options};
use crate::roles::{command, say};
use crate::run::{Random, Run, Tally, ensure, scratch, until};

/// Rounds of one child.
const BATCH: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done to the folder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Flip,
    Deleted,
    FileDeleted,
    Cut,
    Overwritten,
    RolledBack,
    PartlyRolledBack,
    Generating,
}

const WAYS: [Way; 8] = [
    Way::Flip,
    Way::Deleted,
    Way::FileDeleted,
    Way::Cut,
    Way::Overwritten,
    Way::RolledBack,
    Way::PartlyRolledBack,
    Way::Generating,
];

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    let done = batches(run, run.count, &WAYS);
    run.hold(done);
    run.done()
}

/// Rounds in children, on copies of one journal.
pub fn batches(run: &mut Run, count: u64, ways: &[Way]) -> Result<(), String> {
    if count == 0 {
        return Ok(());
    }
    let folder = scratch()?;
    make(&mut run.random, folder.path())?;
    let ways: Vec<String> = ways.iter().map(|way| format!("{way:?}")).collect();
    let mut left = count;
    while left > 0 && !run.hopeless() {
        let rounds = left.min(BATCH);
        left -= rounds;
        let mut command = command("__sled").map_err(|e| e.to_string())?;
        command.arg(folder.path()).arg(run.random.next().to_string()).arg(rounds.to_string()).args(&ways);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(|e| e.to_string())?;
        let stdout = child.stdout.take().ok_or("no pipe")?;
        let (mut done, mut last) = (0, String::new());
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("done", way)) => {
                    done += 1;
                    run.add(figure(way), 1);
                }
                Some(("rebuilt", _)) => run.add("rebuilt", 1),
                Some(("violation", what)) => run.violation(what),
                Some(("failed", what)) => run.violation(what),
                _ => {}
            }
            last = line;
        }
        let status = child.wait().map_err(|e| e.to_string())?;
        if done != rounds {
            run.violation(format!("a child ended with {status} after {done} of {rounds} rounds: {last}"));
        }
    }
    Ok(())
}

fn figure(way: &str) -> &'static str {
    match way {
        "Flip" => "flips in sled",
        "Deleted" => "deleted",
        "FileDeleted" => "one file deleted",
        "Cut" => "cut",
        "Overwritten" => "overwritten",
        "RolledBack" => "rolled back",
        "PartlyRolledBack" => "partly rolled back",
        _ => "generating left over",
    }
}

/// A journal with everything in sled (`whole`), and its sled as it was earlier (`earlier`).
fn make(random: &mut Random, folder: &Path) -> Result<(), String> {
    let whole = folder.join("whole");
    create(&whole)?;
    for (round, entries) in [60, 25].into_iter().enumerate() {
        let (journal, _) = IntentJournal::open(options(&whole, IndexMode::On)).map_err(|e| e.to_string())?;
        for n in 0..entries {
            let words = format!("round {round} number {n} {}", "q".repeat(random.index(150)));
            journal.append(vec![draft(&words)]).map_err(|e| e.to_string())?;
        }
        answers(&journal, until_now())?;
        drop(journal);
        if round == 0 {
            copy(&newest(&whole)?, &folder.join("earlier")).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// sled's folder: its number grows whenever it is built anew, which an open right after a close may do.
fn newest(state: &Path) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(state).map_err(|e| e.to_string())?.flatten();
    let numbers = entries.filter_map(|e| e.file_name().to_str()?.strip_prefix("sled-")?.parse::<u64>().ok());
    let number = numbers.max().ok_or("there is no sled folder")?;
    Ok(state.join(format!("sled-{number}")))
}

fn until_now() -> i64 {
    SystemClock.now().time_us
}

/// What a reader is told: lines, and every index.
fn answers(journal: &IntentJournal, until_us: i64) -> Result<BTreeMap<String, String>, String> {
    let ask = |what: &str, ask: &dyn Fn() -> Result<Vec<u64>, Error>| {
        let answer = until(&format!("{what} is answered"), PATIENCE, || match ask() {
            // Told to come again is no wrong answer.
            Err(Error::Rebuilding { .. }) => None,
            other => Some(other),
        })?;
        let seqs = answer.map_err(|e| format!("{what}: {e}"))?;
        Ok::<_, String>((what.to_owned(), format!("{seqs:?}")))
    };
    let mut answers = BTreeMap::new();
    answers.extend([ask("kind", &|| journal.by_kind("degradation.seen", None, 10_000))?]);
    answers.extend([ask("pages", &|| journal.by_kind("degradation.seen", Some(30), 7))?]);
    answers.extend([ask("time", &|| journal.by_time(0, until_us, 10_000))?]);
    for target in 0..5 {
        let fingerprint = Fingerprint::of("service", "PROCESS_DEAD", &format!("web-{target}"));
        let what = format!("fingerprint {target}");
        answers.extend([ask(&what, &|| journal.by_fingerprint(&fingerprint, None, 10_000))?]);
    }
    Ok(answers)
}

/// The child: damages copies and compares.
pub fn role(args: &[String]) -> Result<(), String> {
    let [folder, seed, rounds, ways @ ..] = args else { return Err("arguments are missing".into()) };
    let (folder, number) =
        (PathBuf::from(folder), |text: &String| text.parse::<u64>().map_err(|e| e.to_string()));
    let mut random = Random(number(seed)?);
    std::panic::set_hook(Box::new(|_| {}));
    let reference = folder.join(format!("reference-{}", std::process::id()));
    copy(&folder.join("whole"), &reference).map_err(|e| e.to_string())?;
    let moment = Stamp { ..SystemClock.now() }.time_us;
    let (journal, _) = IntentJournal::open(options(&reference, IndexMode::On)).map_err(|e| e.to_string())?;
    let expected = answers(&journal, moment)?;
    let known = lines(&journal)?;
    let known = &known[..known.len() - 1];
    drop(journal);
    let ways: Vec<Way> = WAYS.into_iter().filter(|way| ways.contains(&format!("{way:?}"))).collect();
    for round in 0..number(rounds)? {
        let state = folder.join(format!("round-{}-{round}", std::process::id()));
        copy(&folder.join("whole"), &state).map_err(|e| e.to_string())?;
        let way = ways[random.index(ways.len())];
        let damage = spoil(&mut random, way, &folder, &newest(&state)?).map_err(|e| e.to_string())?;
        match one(&state, moment, &expected, known) {
            Ok(false) => {}
            Ok(true) => say("rebuilt 1"),
            Err(what) => say(&format!("violation {way:?}: {damage}: {what}")),
        }
        say(&format!("done {way:?}"));
        // Handles may have been leaked on purpose; the files can go all the same.
        let _ = std::fs::remove_dir_all(&state);
    }
    let _ = std::fs::remove_dir_all(reference);
    Ok(())
}

fn one(
    state: &Path,
    moment: i64,
    expected: &BTreeMap<String, String>,
    known: &[String],
) -> Result<bool, String> {
    let (journal, opened) =
        IntentJournal::open(options(state, IndexMode::On)).map_err(|e| format!("does not open: {e}"))?;
    ensure(opened.damage.is_none(), || format!("opened read-only: {:?}", opened.damage))?;
    // Asked at once, while sled may still be looked at, and again when it is whole.
    for time in ["first", "second"] {
        let read = lines(&journal)?;
        ensure(read.len() >= known.len() && read[..known.len()] == *known, || {
            format!("{time}: other lines")
        })?;
        let told = answers(&journal, moment)?;
        for (what, answer) in expected {
            let other = &told[what];
            ensure(other == answer, || format!("{time}: {what} is {other}, not {answer}"))?;
        }
    }
    let done = journal.append(vec![draft("after")]).map_err(|e| format!("append: {e}"))?;
    Ok(done.own.iter().any(|record| record.event.kind() == "journal.index_rebuilt"))
}

/// Damages the folder; what was done.
fn spoil(random: &mut Random, way: Way, folder: &Path, sled: &Path) -> std::io::Result<String> {
    let mut files = Vec::new();
    gather(sled, &mut files)?;
    files.sort();
    let path = files[random.index(files.len())].clone();
    let mut bytes = std::fs::read(&path)?;
    let used = bytes.iter().rposition(|b| *b != 0).map_or(1, |at| at + 1);
    let mut what = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match way {
        Way::Deleted => std::fs::remove_dir_all(sled)?,
        Way::FileDeleted => std::fs::remove_file(&path)?,
        Way::RolledBack => {
            std::fs::remove_dir_all(sled)?;
            copy(&folder.join("earlier"), sled)?;
        }
        Way::PartlyRolledBack => {
            let earlier = folder.join("earlier").join(path.strip_prefix(sled).unwrap_or(&path));
            let before = std::fs::read(earlier).unwrap_or_default();
            std::fs::write(&path, before)?;
        }
        Way::Generating => std::fs::write(sled.join("snap.0000000000000001.generating"), b"x")?,
        Way::Cut => {
            bytes.truncate(random.index(used));
            what += &format!(" to {} bytes", bytes.len());
            std::fs::write(&path, bytes)?;
        }
        Way::Overwritten => {
            let from = random.index(used);
            let until = (from + 1 + random.index(4_096)).min(bytes.len());
            bytes[from..until].fill_with(|| random.next() as u8);
            what += &format!(" {from}..{until}");
            std::fs::write(&path, bytes)?;
        }
        Way::Flip => {
            let used = used.min(bytes.len()).max(1);
            if !bytes.is_empty() {
                what += &format!(" byte {}", random.flip(&mut bytes[..used]));
            }
            std::fs::write(&path, bytes)?;
        }
    }
    Ok(what)
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { gather(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
