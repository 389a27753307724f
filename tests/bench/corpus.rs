//! A journal of a million realistic entries in a real home: whole incidents as the product decides them (hands and
//! eyes played), some reported more than once. Built by a child process that is killed with SIGKILL while it goes on
//! appending, so that what is opened afterwards is what a crash leaves.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use remediator::base::digest::{Blake3, FileDigest};
use remediator::base::ids::{BootId, IncidentId, Seq};
use remediator::base::text::OutsideText;
use remediator::base::time::Span;
use remediator::context::{FOLD_VERSION, World};
use remediator::event::content::{CatalogLoaded, ConfigLoaded};
use remediator::event::degradation::DegradationSeen;
use remediator::event::elevation::TrustLevel;
use remediator::event::notice::Delivery;
use remediator::event::plan::{
    ActionPlan, LookPlan, Plan, ProbePlan, ProcessLook, Rlimits, RunPlan, RungPlan, StepPlan,
    VerificationPlan,
};
use remediator::event::process::ProcessStarted;
use remediator::event::step::{StepFinished, StepOutcome, StepStarted};
use remediator::event::verification::{Observation, Verdict};
use remediator::event::{Draft, Event, Record};
use remediator::journal::{Clock as _, IntentJournal, Opened, Options, SystemClock};
use remediator::policy::{
    Authority, Effect, Input, LockAnswer, Now, Offer, OfferLimits, OfferStanding, Planned, Runbooks, decide,
};
use remediator::remediator::read_journal_key;

use crate::append::index_caught_up;
use crate::home::{Home, bytes_below};
use crate::producers::seen;
use crate::sample::{number, pass};
use crate::{Done, Run};

/// The hidden first argument of the child that builds.
pub const BUILD: &str = "__build-corpus";
/// As the daemon does it.
const SNAPSHOT_EVERY: u64 = 50_000;
/// Entries of one append while building.
const BATCH: usize = 512;

/// The built journal.
pub struct Corpus {
    pub home: Home,
    /// Entries, near enough.
    pub entries: u64,
    /// An incident near its beginning.
    pub incident: IncidentId,
}

impl Corpus {
    pub fn build(run: &Run) -> Done<Self> {
        let entries = run.pick(1_000_000, 20_000);
        let home = Home::make(run, &[])?;
        eprintln!("bench: building a journal of {entries} entries");
        let mut child = Command::new(std::env::current_exe()?)
            .args([BUILD, &entries.to_string(), &home.state().to_string_lossy()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let built = said.next().ok_or("the builder said nothing")??;
        pass(Duration::from_millis(300));
        child.kill()?;
        child.wait()?;
        let incident = built.parse()?;
        settle(&home)?;
        let mib = |folder: &Path| number(bytes_below(folder) as f64 / 1024.0 / 1024.0);
        let sled = std::fs::read_dir(home.state())?.flatten().map(|e| e.path());
        let sled = sled.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("sled-")));
        let sled: Vec<String> = sled.map(|folder| mib(&folder)).collect();
        eprintln!(
            "bench: segments {} MiB, sled {} MiB",
            mib(&home.state().join("journal")),
            sled.join(" + ")
        );
        Ok(Self { home, entries, incident })
    }

    pub fn journal_folder(&self) -> PathBuf {
        self.home.state().join("journal")
    }
}

/// What was written is on the disk, and the segments are in the page cache: not the disk is measured.
fn settle(home: &Home) -> Done {
    rustix::fs::sync();
    for entry in std::fs::read_dir(home.state().join("journal"))?.flatten() {
        if entry.file_type()?.is_file() {
            std::io::copy(&mut File::open(entry.path())?, &mut std::io::sink())?;
        }
    }
    Ok(())
}

/// The child: builds, says an incident's id, and goes on appending until it is killed.
pub fn build_here(args: &[String]) -> Done {
    let [entries, state] = args else { return Err("expected a count and a state folder".into()) };
    let entries: u64 = entries.parse()?;
    let state = Path::new(state);
    let options = Options::new(state, BootId::fresh(), read_journal_key(state)?);
    let boot = options.boot;
    let (journal, opened) = IntentJournal::open(Options { fold_version: FOLD_VERSION, ..options })?;
    let mut play = Play::begin(journal, &opened, boot)?;
    let first = play.incident(0)?;
    let mut n = 1;
    while play.world.next_seq < entries {
        play.incident(n)?;
        n += 1;
    }
    play.flush()?;
    index_caught_up(&play.journal)?;
    println!("{first}");
    loop {
        play.incident(n)?;
        play.flush()?;
        n += 1;
    }
}

/// The turn with hands and eyes played.
struct Play {
    journal: IntentJournal,
    world: World,
    boot: BootId,
    shelf: Shelf,
    waiting: Vec<Draft>,
    effects: VecDeque<Effect>,
    receipts: u64,
    snapshot: Seq,
}

impl Play {
    fn begin(journal: IntentJournal, opened: &Opened, boot: BootId) -> Done<Self> {
        let mut world = World::new(opened.genesis);
        journal.replay(None, &mut |record| {
            world.apply(&record);
            crate::append::go_on(true)
        })?;
        let shelf = Shelf(plan());
        let (waiting, effects, receipts, snapshot) = Default::default();
        let mut play = Self { journal, world, boot, shelf, waiting, effects, receipts, snapshot };
        let started = ProcessStarted {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            system_boot: std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned(),
            clean: true,
            observe_only: None,
        };
        play.input(Input::Started(started));
        play.input(Input::ConfigLoaded(ConfigLoaded { limits_lifted: true, ..Default::default() }));
        let loaded = CatalogLoaded::new(Blake3::ZERO, BTreeMap::new(), BTreeMap::new());
        play.input(Input::CatalogLoaded { loaded, live: Vec::new() });
        Ok(play)
    }

    /// A whole incident, every third reported three times.
    fn incident(&mut self, n: u64) -> Done<IncidentId> {
        let reports = if n.is_multiple_of(3) { 3 } else { 1 };
        for _ in 0..reports {
            self.receipts += 1;
            let mut seen = seen(n);
            seen.receipt = remediator::base::ids::Receipt::fresh();
            self.input(Input::Reported(Box::new(seen)));
        }
        let incident = self.world.open.values().next().copied().ok_or("no incident was opened")?;
        while let Some(effect) = self.effects.pop_front() {
            self.carry_out(effect);
        }
        if self.waiting.len() >= BATCH {
            self.flush()?;
        }
        Ok(incident)
    }

    fn input(&mut self, input: Input) -> Vec<Record> {
        let now = Now { at: SystemClock.now(), boot: self.boot, node: self.journal.node(), space_low: false };
        let decision = decide(&mut self.world, &self.shelf, input, now);
        self.effects.extend(decision.effects);
        let draft =
            |r: &Record| Draft { at: r.at, incident: r.incident, cause: r.cause, event: r.event.clone() };
        self.waiting.extend(decision.records.iter().map(draft));
        decision.records
    }

    fn carry_out(&mut self, effect: Effect) {
        let observation = || Observation {
            verdict: Verdict::Healthy,
            evidence: "process 4711 runs since 12 ms".into(),
            values: [("pid".to_owned(), 4711)].into(),
        };
        match effect {
            Effect::Observe { ticket, probes, .. } => {
                let observations = probes.iter().map(|_| observation()).collect();
                self.input(Input::Observed { ticket, observations });
            }
            Effect::AcquireLocks { incident, attempt, floors, .. } => {
                let tokens = floors.into_iter().map(|(resource, token)| (resource, token + 1)).collect();
                self.input(Input::LockAnswered { incident, attempt, answer: LockAnswer::Granted(tokens) });
            }
            Effect::RunStep { incident, intent, .. } => self.run_step(incident, intent),
            Effect::Watch { incident, .. } => {
                let watched = Input::Watched { incident, observation: observation(), looks: 3, over: true };
                self.input(watched);
            }
            Effect::Deliver { notice, .. } => {
                self.input(Input::NoticeTried {
                    notice,
                    answer: Delivery::Delivered { said: String::new() },
                });
            }
            Effect::StopWatch { .. } | Effect::ReleaseLocks { .. } | Effect::ForgetEdge { .. } => {}
            Effect::BreakLock { .. } | Effect::RotateKey | Effect::AskDecider { .. } => {}
        }
    }

    fn run_step(&mut self, incident: IncidentId, intent: Seq) {
        let Some(attempt) = self.world.incident(incident).and_then(|i| i.attempt()) else { return };
        let (attempt, step) = (attempt.id(), attempt.running.values().next().map_or(0, |r| r.intended.step));
        let started = StepStarted { attempt, step, intent, pid: 4711, start_ticks: 123_456 };
        self.input(Input::StepStarted { incident, started });
        let output = OutsideText::Text("service web: restarted, process 4711\n".into());
        let outcome = StepOutcome::Succeeded;
        let finished =
            StepFinished { attempt, step, intent, outcome, took_ms: 12, output, output_dropped: 0 };
        self.input(Input::StepFinished { incident, finished });
    }

    fn flush(&mut self) -> Done {
        let drafts = std::mem::take(&mut self.waiting);
        if drafts.is_empty() {
            return Ok(());
        }
        for record in self.journal.append(drafts)?.own {
            self.world.apply(&record);
        }
        if self.world.next_seq - self.snapshot >= SNAPSHOT_EVERY {
            let seq = self.world.next_seq - 1;
            let bytes = self.world.snapshot()?;
            for record in self.journal.take_snapshot(seq, FOLD_VERSION, &bytes)? {
                self.world.apply(&record);
            }
            self.snapshot = self.world.next_seq;
        }
        Ok(())
    }
}

/// One runbook with two steps.
struct Shelf(Plan);

impl Runbooks for Shelf {
    fn offers(&self, _: &DegradationSeen, _: u64) -> (Vec<Offer>, u32) {
        let offer = Offer {
            runbook: "http-wedged".into(),
            digest: FileDigest::of(b"http-wedged"),
            priority: 100,
            standing: OfferStanding::Live,
            trust_level: TrustLevel::Supervised,
            limits: OfferLimits { attempts: 3, window_ms: 86_400_000, cooldown_ms: 30_000 },
            mismatch: None,
        };
        (vec![offer], 11)
    }
    fn plan(&self, _: &str, _: &DegradationSeen, _: bool) -> Result<Planned, String> {
        let (signer, proposal) = ("alice".into(), "http-wedged".into());
        Ok(Planned {
            plan: self.0.clone(),
            signer,
            proposal,
            approvers: vec!["bob".into()],
            relies_on: Vec::new(),
        })
    }
    fn authority(&self) -> Authority {
        Authority::default()
    }
    fn evaluate(&self, questions: &[(&str, serde_json::Value)]) -> Vec<Result<bool, String>> {
        questions.iter().map(|_| Ok(true)).collect()
    }
}

fn plan() -> Plan {
    let look = LookPlan::Process(ProcessLook::Service("web".into()));
    let probe = ProbePlan { look, timeout: Span::from_secs(1) };
    let run = |argv: [&str; 3]| {
        ActionPlan::Run(RunPlan {
            argv: argv.map(str::to_owned).into(),
            env: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
            env_pass: Vec::new(),
            cwd: "/srv/remediator".into(),
            rlimits: Rlimits::default(),
            ok_exit: vec![0],
        })
    };
    let step = |id: &str, argv| StepPlan {
        id: id.into(),
        action: run(argv),
        timeout: Span::from_secs(20),
        retries: 1,
        retry_delay: Span::from_secs(1),
        retry: None,
        idempotent: true,
        undo: None,
        undo_when_unknown: false,
        irreversible: None,
    };
    Plan {
        preconditions: Vec::new(),
        locks: vec!["service/web".into()],
        steps: vec![
            step("drain", ["/usr/bin/webctl", "drain", "web"]),
            step("restart", ["/usr/bin/webctl", "restart", "web"]),
        ],
        groups: Vec::new(),
        verification: VerificationPlan {
            probe,
            settle: Span::from_ms(0),
            successes: 2,
            every: Span::from_ms(0),
            within: Span::from_secs(30),
            watch: Span::from_secs(60),
            watch_every: Span::from_secs(5),
        },
        escalation: vec![RungPlan {
            after: Span::from_ms(0),
            channel: "log".into(),
            message: "still down".into(),
        }],
        runtime: Span::from_secs(120),
    }
}

/// The kind of an entry, for those who count.
pub fn is(record: &Record, kind: &str) -> bool {
    Event::kind(&record.event) == kind
}
