//! The fault runs: kill, cut, flip, fill, fail, step the clock, and look whether anything acknowledged was lost or
//! anything ran twice. One file per harness. Not for: what units can show without breaking something real.
//!
//! `cargo test --test faults` runs all of them with their short counts; `-- NAME --count N --seed S` runs one.
//! `-- all --long` takes the long counts. docs/faults.md says what each of them does.

mod attempts;
mod disk;
mod flips;
mod fsync;
mod home;
mod http;
mod journal;
mod keeping;
mod kill9;
mod leftovers;
mod roles;
mod run;
mod shim;
mod shipped;
mod sled;
mod stop;
mod tail;
mod torn;
mod two;
mod wall;

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use run::{Run, Tally};

/// One harness.
struct Harness {
    name: &'static str,
    what: &'static str,
    /// Rounds in the short run and in the long one.
    short: u64,
    long: u64,
    run: fn(&mut Run) -> Tally,
}

const HARNESSES: [Harness; 13] = [
    Harness {
        name: "kill9",
        what: "SIGKILL under load, open, snapshot, rotation",
        short: 200,
        long: 4_000,
        run: kill9::run,
    },
    Harness {
        name: "attempts",
        what: "SIGKILL at every boundary of an attempt",
        short: 8,
        long: 300,
        run: attempts::run,
    },
    Harness {
        name: "leftovers",
        what: "a step that would outlive its daemon",
        short: 1,
        long: 20,
        run: leftovers::run,
    },
    Harness {
        name: "shipped",
        what: "what the shipped runbooks are for, broken for real",
        short: 2,
        long: 40,
        run: shipped::run,
    },
    Harness {
        name: "torn",
        what: "the last three lines cut at every byte",
        short: 1,
        long: 10,
        run: torn::run,
    },
    Harness {
        name: "flips",
        what: "flipped bits in segments (and a fifth as many in sled)",
        short: 1_000,
        long: 10_000,
        run: flips::run,
    },
    Harness { name: "disk", what: "a full disk", short: 1, long: 10, run: disk::run },
    Harness {
        name: "fsync",
        what: "a failed fsync, persisted or not",
        short: 200,
        long: 5_000,
        run: fsync::run,
    },
    Harness {
        name: "sled",
        what: "sled deleted, cut, corrupted, rolled back",
        short: 40,
        long: 1_000,
        run: sled::run,
    },
    Harness {
        name: "keeping",
        what: "SIGKILL of archive, prune, restore, refold and backup",
        short: 8,
        long: 300,
        run: keeping::run,
    },
    Harness { name: "two", what: "two daemons on one home", short: 2, long: 30, run: two::run },
    Harness { name: "wall", what: "the wall clock set back and forward", short: 1, long: 10, run: wall::run },
    Harness {
        name: "stop",
        what: "SIGSTOP of the daemon beyond a lock's runtime",
        short: 1,
        long: 20,
        run: stop::run,
    },
];

/// What the command line asks for.
#[derive(Default)]
struct Wish {
    names: Vec<String>,
    count: Option<u64>,
    seed: Option<u64>,
    long: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(role) = args.first().filter(|arg| arg.starts_with("__")) {
        return roles::play(role, &args[1..]);
    }
    let wish = match wish(&args) {
        Ok(wish) => wish,
        Err(why) => {
            eprintln!("faults: {why}");
            return ExitCode::from(2);
        }
    };
    let chosen: Vec<&Harness> = HARNESSES
        .iter()
        .filter(|h| wish.names.is_empty() || wish.names.iter().any(|name| name == h.name || name == "all"))
        .collect();
    if std::env::var_os("REMEDIATOR_FAULTS").is_some_and(|value| value == "none") {
        println!("fault runs are switched off (REMEDIATOR_FAULTS=none)");
        return ExitCode::SUCCESS;
    }
    play(&chosen, &wish)
}

/// cargo hands its own flags and filters to every test program: those mean nothing here.
fn wish(args: &[String]) -> Result<Wish, String> {
    let mut wish = Wish::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || -> Result<u64, String> {
            let value = args.next().ok_or_else(|| format!("{arg} needs a number"))?;
            value.parse().map_err(|_| format!("{arg}: `{value}` is not a number"))
        };
        match arg.as_str() {
            "--count" => wish.count = Some(number()?),
            "--seed" => wish.seed = Some(number()?),
            "--long" => wish.long = true,
            "--list" => return Ok(Wish { names: vec!["(none)".into()], ..wish }),
            flag if flag.starts_with('-') => {}
            name => wish.names.push(name.to_owned()),
        }
    }
    let own = wish.count.is_some() || wish.seed.is_some() || wish.long;
    let known = |name: &String| name == "all" || HARNESSES.iter().any(|h| h.name == name);
    match wish.names.iter().find(|name| own && !known(name)) {
        Some(name) => {
            let names: Vec<&str> = HARNESSES.iter().map(|h| h.name).collect();
            Err(format!("there is no `{name}`; there are: {}", names.join(", ")))
        }
        None => Ok(wish),
    }
}

fn play(chosen: &[&Harness], wish: &Wish) -> ExitCode {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_micros() as u64);
    let (mut passed, mut failed) = (0, 0);
    for harness in chosen {
        let seed = wish.seed.unwrap_or(now);
        let count = wish.count.unwrap_or(if wish.long { harness.long } else { harness.short });
        println!("{}: {} (count {count}, seed {seed})", harness.name, harness.what);
        let began = Instant::now();
        let tally = (harness.run)(&mut Run::new(seed, count));
        let seconds = began.elapsed().as_secs_f64();
        tally.violations.iter().for_each(|violation| println!("  VIOLATION: {violation}"));
        let figures: Vec<String> = tally.figures.iter().map(|(name, n)| format!("{n} {name}")).collect();
        let word = match (&tally.skipped, tally.violations.len()) {
            (Some(why), 0) => format!("skipped: {why}"),
            (_, 0) => "ok".to_owned(),
            (_, n) => format!("FAILED, {n} violations"),
        };
        println!("{}: {word} in {seconds:.1} s, seed {seed}: {}", harness.name, figures.join(", "));
        match tally.violations.is_empty() {
            true => passed += 1,
            false => failed += 1,
        }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed; fault runs");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
