//! The breakages and what came of each: the demo breaks the service, then only watches the journal, and in the
//! end looks at the service itself.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use rustix::process::Signal;
use serde::Serialize;

use super::daemon::{Daemon, Supervised, started_services};
use super::feed::Feed;
use super::folder::Folder;
use super::screen::Screen;
use super::story::{self, Entry};
use crate::cli::init::sample;

/// How long one healing may take before the demo gives up on it.
const HEALING_MAX: Duration = Duration::from_secs(60);
/// How long the daemon may take until it is ready.
const READY_MAX: Duration = Duration::from_secs(30);

/// How the service is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakage {
    /// It has never been started.
    NotStarted,
    /// SIGKILL.
    Killed,
    /// SIGSTOP: there, but it does not answer.
    Stopped,
    /// The data file is damaged.
    Corrupted,
    /// The data file is damaged, and the daemon is killed while it heals.
    CorruptedAndDaemonKilled,
}

impl Breakage {
    /// All of them, in the order of the demo.
    pub const ALL: [Self; 5] =
        [Self::NotStarted, Self::Killed, Self::Stopped, Self::Corrupted, Self::CorruptedAndDaemonKilled];

    fn title(self) -> &'static str {
        match self {
            Self::NotStarted => "The service is declared, and does not run yet",
            Self::Killed => "Its process is killed (SIGKILL)",
            Self::Stopped => "Its process is stopped (SIGSTOP): there, but silent",
            Self::Corrupted => "Its data file is damaged",
            Self::CorruptedAndDaemonKilled => "Damaged again, and the daemon itself is killed while it heals",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::NotStarted => "not started",
            Self::Killed => "killed",
            Self::Stopped => "stopped",
            Self::Corrupted => "data damaged",
            Self::CorruptedAndDaemonKilled => "data damaged, daemon killed",
        }
    }

    /// Codes that this breakage may be reported under.
    fn codes(self) -> &'static [&'static str] {
        match self {
            Self::NotStarted | Self::Killed | Self::Stopped => &["PROCESS_DEAD", "HTTP_WEDGED"],
            Self::Corrupted | Self::CorruptedAndDaemonKilled => &["DATA_CORRUPTED"],
        }
    }
}

/// What came of one breakage.
#[derive(Debug, Default, Serialize)]
pub struct Round {
    /// The breakage.
    pub name: &'static str,
    /// Everything went as it should.
    pub held: bool,
    /// The incident.
    pub incident: Option<String>,
    /// The runbook that was chosen.
    pub runbook: Option<String>,
    /// From the breakage until it was noticed.
    pub noticed_ms: Option<i64>,
    /// Until the first step was intended.
    pub acting_ms: Option<i64>,
    /// Until it was verified.
    pub healed_ms: Option<i64>,
    /// What recovery decided, when the daemon was killed.
    pub recovery: Option<String>,
    /// What did not hold.
    pub trouble: Option<String>,
}

/// Everything that runs.
pub struct Stage {
    /// The folder.
    pub folder: Folder,
    /// The daemon.
    pub daemon: Daemon,
    /// The journal.
    pub feed: Feed,
    /// The display.
    pub screen: Screen,
    supervised: Vec<Supervised>,
}

/// What is followed within a round.
#[derive(Default)]
struct Follow {
    broke_us: i64,
    steps: Vec<String>,
    round: Round,
    slow_step_runs: bool,
    closed: Option<bool>,
}

impl Stage {
    /// Joins the parts.
    pub fn new(folder: Folder, daemon: Daemon, feed: Feed, screen: Screen) -> Self {
        Self { folder, daemon, feed, screen, supervised: Vec::new() }
    }

    /// Waits until the daemon takes work.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        self.screen.waiting("waiting for the daemon: lock, keys, journal, fold, trust, runbooks");
        let deadline = Instant::now() + READY_MAX;
        while Instant::now() < deadline {
            if self.feed.is_ready().await {
                return Ok(());
            }
            if let Some(why) = self.daemon.ended() {
                bail!("{why}");
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        bail!("the daemon was not ready within {} s", READY_MAX.as_secs())
    }

    /// Breaks the service in one way and follows its healing to the end.
    pub async fn round(&mut self, breakage: Breakage) -> anyhow::Result<Round> {
        self.screen.chapter(breakage.title());
        let mut follow =
            Follow { round: Round { name: breakage.name(), ..Round::default() }, ..Follow::default() };
        // What the journal already holds is no news, except before the first round.
        if breakage != Breakage::NotStarted {
            self.drain().await?;
        }
        follow.broke_us = self.break_it(breakage)?;
        let kills = breakage == Breakage::CorruptedAndDaemonKilled;
        if kills {
            self.follow(breakage, &mut follow, |f| f.slow_step_runs || f.closed.is_some()).await?;
            if follow.closed.is_none() && follow.slow_step_runs {
                self.daemon.kill()?;
                let ms = (now_us() - follow.broke_us) / 1000;
                self.screen.phase(Some(ms), "the daemon is killed (SIGKILL) in the middle of a step");
                self.daemon.start_again()?;
                self.ready().await?;
            }
        }
        if follow.closed.is_none() {
            self.follow(breakage, &mut follow, |f| f.closed.is_some()).await?;
        }
        let recovered = !kills || follow.round.recovery.is_some();
        let mut round = follow.round;
        round.trouble = match follow.closed {
            _ if round.incident.is_none() => Some("no sentinel noticed it".to_owned()),
            None => Some(format!("not over after {} s", HEALING_MAX.as_secs())),
            Some(false) => Some("the incident was closed without a verified healing".to_owned()),
            Some(true) if !recovered => Some("no decision of recovery is in the journal".to_owned()),
            Some(true) => self.own_look().await,
        };
        round.held = round.trouble.is_none();
        match &round.trouble {
            Some(trouble) => self.screen.bad(trouble),
            None => self.screen.good(&format!("healed in {} ms", round.healed_ms.unwrap_or_default())),
        }
        Ok(round)
    }

    /// The demo believes nobody: it asks the service for its data.
    async fn own_look(&self) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/data", self.folder.service_port);
        match self.feed.status_of(&url).await {
            Some(200) => None,
            Some(other) => Some(format!("the service answers {other} to {url}")),
            None => Some(format!("the service does not answer on {url}")),
        }
    }

    async fn drain(&mut self) -> anyhow::Result<()> {
        loop {
            let entries = self.feed.next().await?;
            if entries.is_empty() {
                return Ok(());
            }
            entries.iter().for_each(|entry| remember(&mut self.supervised, entry));
        }
    }

    async fn follow(
        &mut self,
        breakage: Breakage,
        follow: &mut Follow,
        enough: impl Fn(&Follow) -> bool,
    ) -> anyhow::Result<()> {
        let (screen, supervised) = (&self.screen, &mut self.supervised);
        screen.waiting("watching the journal");
        self.feed
            .until(HEALING_MAX, |entry| {
                remember(supervised, entry);
                follow.take(breakage, entry, screen);
                enough(follow)
            })
            .await?;
        Ok(())
    }

    fn break_it(&self, breakage: Breakage) -> anyhow::Result<i64> {
        let process = || self.supervised.last().context("the journal names no process of the service");
        let broke = now_us();
        match breakage {
            Breakage::NotStarted => {}
            Breakage::Killed => process()?.signal(Signal::KILL)?,
            Breakage::Stopped => process()?.signal(Signal::STOP)?,
            Breakage::Corrupted | Breakage::CorruptedAndDaemonKilled => {
                let path: PathBuf = self.folder.home.join(sample::DATA);
                std::fs::write(&path, "This is not what was here before.\n")
                    .with_context(|| format!("cannot damage {}", path.display()))?;
            }
        }
        Ok(broke)
    }

    /// Ends the daemon in order, then whatever it had started. True when the daemon ended in order.
    pub fn end(&mut self) -> bool {
        let in_order = self.daemon.stop();
        started_services(&self.folder.home).into_iter().for_each(Supervised::end);
        in_order
    }
}

fn remember(supervised: &mut Vec<Supervised>, entry: &Entry) {
    if entry.kind == "service.started" {
        let pid = u32::try_from(entry.number("pid")).unwrap_or_default();
        supervised.push(Supervised { pid, start_ticks: entry.number("start_ticks") });
    }
}

impl Follow {
    fn take(&mut self, breakage: Breakage, entry: &Entry, screen: &Screen) {
        let ms = (entry.time - self.broke_us) / 1000;
        let code = entry.text("code");
        if entry.kind == "incident.opened" && breakage.codes().contains(&code.as_str()) {
            self.round.incident.get_or_insert(entry.incident.clone().unwrap_or_default());
            self.round.noticed_ms.get_or_insert(ms);
        }
        let ours = entry.incident.is_some() && entry.incident == self.round.incident;
        let about_daemon = matches!(entry.kind.as_str(), "service.adopted" | "step.left_over")
            || (entry.kind == "process.started" && breakage == Breakage::CorruptedAndDaemonKilled);
        let first_sight = entry.kind == "degradation.seen" && breakage.codes().contains(&code.as_str());
        if !(ours || about_daemon || first_sight) {
            return;
        }
        if let Some(steps) = story::planned_steps(entry) {
            self.steps = steps;
        }
        if let Some(told) = story::tell(entry, &self.steps) {
            screen.phase(Some(ms), &told);
        }
        if !ours {
            return;
        }
        match entry.kind.as_str() {
            "incident.matched" => self.round.runbook = entry.data["chosen"].as_str().map(str::to_owned),
            "step.intended" => {
                self.round.acting_ms.get_or_insert(ms);
            }
            "step.started" => self.slow_step_runs |= entry.number("step") == sample::SLOW_STEP,
            "attempt.resumed" => {
                self.round.recovery = Some(format!("{}: {}", entry.text("resumption"), entry.text("reason")));
            }
            "verification.concluded" if entry.is_verified() => self.round.healed_ms = Some(ms),
            "incident.closed" => self.closed = Some(entry.is_healed()),
            _ => {}
        }
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
