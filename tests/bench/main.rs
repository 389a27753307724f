//! `cargo bench`: what the product does beside what this machine can do, as one table. One file per group of rows;
//! the limits of the machine are measured in the same run. Not a test: nothing here fails because it is slow.
//!
//! `cargo bench -- [GROUP…] [--quick] [--markdown]`

mod action;
mod append;
mod corpus;
mod cpu;
mod daemon;
mod fold;
mod gate;
mod healing;
mod hindsight;
mod home;
mod http;
mod intake;
mod log;
mod machine;
mod matching;
mod memory;
mod opening;
mod producers;
mod query;
#[allow(dead_code, reason = "the tests of the gate use all of it")]
#[path = "../gate/repo.rs"]
mod repo;
mod sample;
mod sentinels;
mod stream;
mod table;
mod verify;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;

use corpus::Corpus;
use machine::Machine;
use table::{Form, Table};

/// The one of the product: much of what is measured runs in here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What went wrong: for whoever started the run.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Done<T = ()> = Result<T, Failure>;
/// A group: its name, what fills its rows.
type Group = (&'static str, fn(&Run, &mut Table) -> Done);

/// The registry: one line a group, in the order of the table.
const GROUPS: &[Group] = &[
    ("append", append::rows),
    ("cpu", cpu::rows),
    ("log", log::rows),
    ("intake", intake::rows),
    ("stream", stream::rows),
    ("action", action::rows),
    ("healing", healing::rows),
    ("matching", matching::rows),
    ("verify", verify::rows),
    ("fold", fold::rows),
    ("hindsight", hindsight::rows),
    ("open", opening::rows),
    ("query", query::rows),
    ("memory", memory::rows),
    ("sentinels", sentinels::rows),
    ("gate", gate::rows),
];

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// What the figures are taken from.
    Full,
    /// Just enough to see that everything works.
    Quick,
}

/// One run: its size, its folder, and what several groups need.
struct Run {
    size: Size,
    folder: tempfile::TempDir,
    machine: OnceCell<Machine>,
    corpus: OnceCell<Corpus>,
}

impl Run {
    /// `full` in a full run, else `quick`.
    fn pick<T>(&self, full: T, quick: T) -> T {
        if self.size == Size::Full { full } else { quick }
    }
    /// Rounds of which the median counts.
    fn rounds(&self) -> usize {
        self.pick(5, 2)
    }
    /// A new folder.
    fn folder(&self, name: &str) -> Done<PathBuf> {
        Ok(tempfile::Builder::new().prefix(name).tempdir_in(&self.folder)?.keep())
    }
    /// The limits of this machine.
    fn machine(&self) -> Done<&Machine> {
        if self.machine.get().is_none() {
            let measured = Machine::measure(self)?;
            let _ = self.machine.set(measured);
        }
        self.machine.get().ok_or_else(|| "the machine was not measured".into())
    }
    /// The journal with many entries that several groups read.
    fn corpus(&self) -> Done<&Corpus> {
        if self.corpus.get().is_none() {
            let built = Corpus::build(self)?;
            let _ = self.corpus.set(built);
        }
        self.corpus.get().ok_or_else(|| "the journal was not built".into())
    }
}

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == corpus::BUILD) {
        return told(corpus::build_here(&args[1..]));
    }
    args.retain(|arg| arg != "--bench");
    told(measure(&args))
}

fn told(done: Done) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &[String]) -> Done {
    let (options, names): (Vec<&String>, Vec<&String>) = args.iter().partition(|arg| arg.starts_with("--"));
    if let Some(unknown) = options.iter().find(|o| !["--quick", "--markdown"].contains(&o.as_str())) {
        return Err(format!("unknown option {unknown}; known: --quick --markdown").into());
    }
    let known: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("unknown group {unknown}; known: {}", known.join(" ")).into());
    }
    let has = |option: &str| options.iter().any(|o| *o == option);
    let run = Run {
        size: if has("--quick") { Size::Quick } else { Size::Full },
        folder: tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?,
        machine: OnceCell::new(),
        corpus: OnceCell::new(),
    };
    let mut table = Table::default();
    run.machine()?.rows(&mut table);
    for (name, rows) in GROUPS {
        if names.is_empty() || names.iter().any(|n| n == name) {
            eprintln!("bench: {name}");
            rows(&run, &mut table).map_err(|failure| format!("{name}: {failure}"))?;
        }
    }
    table.print(if has("--markdown") { Form::Markdown } else { Form::Terminal });
    Ok(())
}
