//! What the faces hold: a cheap handle on the running daemon. Every call answers only when what it rests on
//! is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crossbeam_channel::TrySendError;
use tokio::sync::oneshot;

use super::about::SealedWords;
use super::control::{self, Control};
use super::inbox;
use super::intake;
use super::misfit::{self, About};
use super::readiness::{Progress, Readiness};
use super::turn::TurnState;
use crate::audit::Audit;
use crate::base::ids::{IncidentId, NodeId, Receipt, Seq};
use crate::event::control::{DrainStarted, Paused};
use crate::event::degradation::{DegradationRefused, DegradationReport, ReportError, Source};
use crate::event::notice::{Delivery, NoticeQueued};
use crate::event::sentinel::{HeartbeatHeard, SentinelGrantRevoked};
use crate::ingest::{Mappings, Recovery};
use crate::journal::{Clock as _, IntentJournal, SystemClock};
use crate::notify::{ChannelFile, Channels, Message};
use crate::policy::{Answer, CatalogRunbooks, Input};
use crate::runbook::listing::{self, ContentList, ProposalList};
use crate::runbook::shown::{self, Shown as ContentShown};
use crate::sentinel::{BeatRefused, Beats, Heard, Live, Watch};
use crate::subject::{SubjectError, Subjects};
use crate::tlog::checkpoint::LogKey;
use crate::tlog::{self, Log, Witness};

/// A report that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// What the sender keeps.
    pub receipt: Receipt,
    /// Its entry.
    pub seq: Seq,
    /// The same sender had sent the same id before.
    pub duplicate: bool,
}

/// Why something was not taken. Nothing of it was acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The report breaks a bound.
    #[error(transparent)]
    Invalid(#[from] ReportError),
    /// The daemon is not ready.
    #[error("not ready yet: ask again in {retry_after_s} s (`/readyz?verbose` says what it waits for)")]
    NotReady {
        /// Seconds.
        retry_after_s: u64,
    },
    /// Too much waits.
    #[error("too much is waiting: ask again in {retry_after_s} s")]
    Full {
        /// Seconds.
        retry_after_s: u64,
    },
    /// Only the reserve of the disk is left.
    #[error(
        "the disk is nearly full, only outcomes and controls are recorded: ask again in {retry_after_s} s"
    )]
    ReserveOnly {
        /// Seconds.
        retry_after_s: u64,
    },
    /// The words of a report about a subject could not be sealed.
    #[error("what is said about a subject cannot be kept: {0}")]
    NotSealed(#[from] SubjectError),
    /// The journal cannot be written.
    #[error("the journal is sealed: {0}")]
    Sealed(String),
    /// The daemon is stopping in order.
    #[error("the daemon is stopping: ask again in {retry_after_s} s, when it has started again")]
    Stopping {
        /// Seconds.
        retry_after_s: u64,
    },
    /// Policy or signature does not allow it.
    #[error("{reason}")]
    Refused {
        /// Stable code.
        code: &'static str,
        /// What is wrong and how to mend it.
        reason: String,
    },
}

/// See the module.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    progress: Progress,
    home: Option<String>,
    running: OnceLock<Running>,
    catalog: RwLock<Option<Arc<CatalogRunbooks>>>,
}

/// What is there once the turn runs.
pub(super) struct Running {
    pub node: NodeId,
    pub journal: IntentJournal,
    pub audit: Audit,
    pub turn: crossbeam_channel::Sender<inbox::Message>,
    pub state: Arc<TurnState>,
    pub channels: Channels,
    /// Where what acts runs: not what serves, which gives way.
    pub runtime: tokio::runtime::Handle,
    pub ingest: RwLock<Arc<Mappings>>,
    pub watch: Arc<Watch>,
    pub beats: Beats,
    pub log: Transparency,
    pub subjects: Subjects,
}

/// The journal as a log that others can check, and the logs of others.
pub(super) struct Transparency {
    /// The log, or why there is none.
    pub log: Result<Log, String>,
    /// The witness, when it knows a log.
    pub witness: Option<Witness>,
}

/// What came of a test of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelTested {
    /// The entry that queued the test.
    pub seq: Seq,
    /// What the receiver said, or why there is none.
    pub answer: Delivery,
}

impl Running {
    /// The mappings in force.
    fn ingest(&self) -> Arc<Mappings> {
        Arc::clone(&self.ingest.read().unwrap_or_else(PoisonError::into_inner))
    }
}

const RETRY_AFTER_S: u64 = 2;

/// The longest that somebody waits for a test of a channel: shorter than any request may take.
const TEST_MAX: Duration = Duration::from_secs(25);

impl Handle {
    pub(super) fn new(progress: Progress, home: Option<String>) -> Self {
        Self {
            shared: Arc::new(Shared { progress, home, running: OnceLock::new(), catalog: RwLock::default() }),
        }
    }
    /// Which folder it serves, as [`super::folder_id`] has it.
    pub fn home(&self) -> Option<&str> {
        self.shared.home.as_deref()
    }
    pub(super) fn set_running(&self, running: Running) {
        // Set once by the bootstrap; a second call would be a second bootstrap, which does not exist.
        let _ = self.shared.running.set(running);
    }
    /// Content was loaded: what is listed from here on.
    pub(super) fn set_catalog(&self, catalog: Arc<CatalogRunbooks>) {
        *self.shared.catalog.write().unwrap_or_else(PoisonError::into_inner) = Some(catalog);
    }
    fn catalog(&self) -> Result<Arc<CatalogRunbooks>, Rejection> {
        let catalog = self.shared.catalog.read().unwrap_or_else(PoisonError::into_inner).clone();
        catalog.ok_or(Rejection::NotReady { retry_after_s: RETRY_AFTER_S })
    }
    /// The configuration was read again: its channels and mappings are in force from here on.
    pub(super) fn reconfigure(
        &self,
        channels: BTreeMap<String, ChannelFile>,
        ingest: Mappings,
        witnessed: Vec<LogKey>,
    ) {
        if let Some(running) = self.shared.running.get() {
            match &running.log.witness {
                Some(witness) => witness.know(witnessed),
                None if witnessed.is_empty() => {}
                None => tracing::warn!(
                    "the first log under `witness` needs a restart: a witness begins with a key"
                ),
            }
            running.channels.replace(channels);
            *running.ingest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ingest);
        }
    }
    pub(super) fn running(&self) -> Result<&Running, Rejection> {
        self.shared.running.get().ok_or(Rejection::NotReady { retry_after_s: RETRY_AFTER_S })
    }
    fn ready(&self) -> Result<&Running, Rejection> {
        let running = self.running()?;
        match self.readiness().ready {
            true => Ok(running),
            false => Err(Rejection::NotReady { retry_after_s: RETRY_AFTER_S }),
        }
    }

    /// Reports a degradation in the name of a verified source; durable when it returns.
    pub async fn report(&self, report: DegradationReport, source: Source) -> Result<Accepted, Rejection> {
        self.ready()?;
        self.report_early(report, None, source).await
    }

    /// The same before everything is ready: spooled reports go first.
    pub(super) async fn report_early(
        &self,
        report: DegradationReport,
        sealed: Option<SealedWords>,
        source: Source,
    ) -> Result<Accepted, Rejection> {
        let running = self.running()?;
        if running.journal.space() == crate::journal::Space::ReserveOnly {
            return Err(Rejection::ReserveOnly { retry_after_s: 30 });
        }
        let mut seen = intake::accept(&running.journal, &running.subjects, report, sealed, source)?;
        seen.actionable = !running.ingest().is_free_text(&seen.source);
        match ask(running, Input::Reported(Box::new(seen))).await? {
            Answer::Accepted { receipt, seq, duplicate } => Ok(Accepted { receipt, seq, duplicate }),
            Answer::Full => Err(Rejection::Full { retry_after_s: 30 }),
            Answer::Nothing | Answer::Recorded(_) | Answer::TooSoon(_) | Answer::NotNow(_) => {
                Err(Rejection::Refused {
                    code: "NOT_RECORDED",
                    reason: "the report was not recorded; this is a defect, please report it".into(),
                })
            }
        }
    }

    /// Takes in that a trouble is over, in the name of a verified source; durable when it returns.
    pub async fn recover(&self, recovery: Recovery, source: Source) -> Result<Accepted, Rejection> {
        let running = self.ready()?;
        let recovered = intake::recovery(&running.subjects, recovery, source)?;
        match ask(running, Input::Recovered(recovered)).await? {
            Answer::Accepted { receipt, seq, duplicate } => Ok(Accepted { receipt, seq, duplicate }),
            _ => Err(Rejection::Refused {
                code: "NOT_RECORDED",
                reason: "the recovery was not recorded".into(),
            }),
        }
    }

    /// How what other programs send becomes reports.
    pub fn ingest(&self) -> Result<Arc<Mappings>, Rejection> {
        Ok(self.running()?.ingest())
    }

    /// Keeps refused input as evidence.
    pub async fn refuse(&self, source: Source, code: &'static str, said: String) -> Result<(), Rejection> {
        let refused =
            DegradationRefused { code: code.into(), source, said: intake::outside_text_inline(&said) };
        ask(self.ready()?, Input::Refused(refused)).await.map(|_| ())
    }

    /// Stops new attempts from starting. Less power is immediate.
    pub async fn pause(&self, by: String, reason: String) -> Result<Seq, Rejection> {
        let reason = intake::clean_line(&reason);
        recorded(ask(self.running()?, Input::Paused(Paused { by, reason })).await?)
    }

    /// Stops new attempts from starting and records when the last one has ended. Less power is immediate.
    pub async fn drain(&self, by: String, reason: String) -> Result<Seq, Rejection> {
        let reason = intake::clean_line(&reason);
        recorded(ask(self.running()?, Input::DrainStarted(DrainStarted { by, reason })).await?)
    }

    /// Gives power back: needs a statement signed by someone who holds the role for it ([`Control::role`]).
    pub async fn control(
        &self,
        control: Control,
        statement: Vec<u8>,
        signature: String,
    ) -> Result<Seq, Rejection> {
        let running = self.running()?;
        let trust = running.state.trust();
        let input = control::checked(control, &statement, &signature, running.node, trust.as_deref())?;
        let about = About::of(&input);
        match ask(running, input).await? {
            Answer::Nothing => Err(misfit::refusal(&running.audit, about, Some(control), None).await),
            Answer::TooSoon(seq) => Err(Rejection::Refused {
                code: "TOO_SOON",
                reason: format!("that was done too often of late: entry {seq} says how often it may be"),
            }),
            Answer::NotNow(why) => {
                Err(misfit::refusal(&running.audit, about, Some(control), Some(why)).await)
            }
            answer => recorded(answer),
        }
    }

    /// Closes an incident on a person's word. Nothing may be acting on it.
    pub async fn close(&self, incident: IncidentId, by: String, reason: String) -> Result<Seq, Rejection> {
        let reason = intake::clean_line(&reason);
        let running = self.running()?;
        match ask(running, Input::Closed { incident, by, reason }).await? {
            Answer::Nothing => {
                Err(misfit::refusal(&running.audit, About::Incident(incident), None, None).await)
            }
            answer => recorded(answer),
        }
    }

    /// Does not let a runbook act that asked for more trust, or no longer. Less power is immediate.
    pub async fn refuse_elevation(
        &self,
        incident: IncidentId,
        by: String,
        reason: String,
    ) -> Result<Seq, Rejection> {
        let reason = intake::clean_line(&reason);
        match ask(self.running()?, Input::ElevationRefused { incident, by, reason }).await? {
            Answer::Nothing => Err(Rejection::Refused {
                code: "NOTHING_TO_DO",
                reason: format!(
                    "nothing of incident {incident} waits to be let, and nothing that was let waits to begin: \
                     `remediator incident show {incident}`"
                ),
            }),
            answer => recorded(answer),
        }
    }

    /// Every channel with its kind.
    pub fn channels(&self) -> Result<Vec<(String, String)>, Rejection> {
        let names = self.running()?.channels.names();
        Ok(names.into_iter().map(|(name, kind)| (name, kind.to_owned())).collect())
    }

    /// Sends a test through a channel now, tried once, and waits for what comes of it. Both are entries.
    pub async fn test_channel(&self, channel: String, by: String) -> Result<ChannelTested, Rejection> {
        let running = self.ready()?;
        if !running.channels.names().iter().any(|(name, _)| *name == channel) {
            return Err(Rejection::Refused {
                code: "NO_SUCH_CHANNEL",
                reason: format!("there is no channel `{channel}` in remediator.yaml"),
            });
        }
        let queued = NoticeQueued::test(&channel, &by);
        let seq = recorded(ask(running, Input::NoticeTest(queued.clone())).await?)?;
        let message = Message { node: running.node, notice: seq, incident: None, queued };
        let handle = self.clone();
        // Whoever asked may go: what came of it is recorded all the same.
        let delivering = running.runtime.spawn(async move {
            let running = handle.running()?;
            let delivered = tokio::time::timeout(TEST_MAX, running.channels.deliver(&message)).await;
            let answer = delivered.unwrap_or_else(|_| Delivery::Failed {
                reason: format!(
                    "there was no answer within {} s; a test waits no longer",
                    TEST_MAX.as_secs()
                ),
                retry_after_ms: None,
            });
            ask(running, Input::NoticeTried { notice: seq, answer: answer.clone() }).await?;
            Ok::<_, Rejection>(answer)
        });
        let answer = delivering.await.map_err(|error| Rejection::Refused {
            code: "NOT_RECORDED",
            reason: format!("the test was not ended: {error}; this is a defect, please report it"),
        })??;
        Ok(ChannelTested { seq, answer })
    }

    /// Takes the grant of an external sentinel back. Less power is immediate.
    pub async fn revoke_grant(&self, sentinel: String, by: String, reason: String) -> Result<Seq, Rejection> {
        let reason = intake::clean_line(&reason);
        let revoked = SentinelGrantRevoked { sentinel, by, reason };
        match ask(self.running()?, Input::GrantRevoked(revoked)).await? {
            Answer::Nothing => Err(Rejection::Refused {
                code: "NO_GRANT",
                reason: "no external sentinel of that name has a grant".into(),
            }),
            answer => recorded(answer),
        }
    }

    /// What the sentinels report that expect this heartbeat; none when nobody expects it.
    pub fn heartbeat_subsystems(&self, name: &str) -> Result<Option<BTreeSet<String>>, Rejection> {
        Ok(self.ready()?.beats.subsystems(name))
    }

    /// Takes a heartbeat in. The first one after a start or a silence is durable when it returns; the others are no
    /// entries.
    pub async fn heartbeat(&self, name: String, by: Source, at_ms: u64) -> Result<Heard, BeatRefused> {
        let wall_ms = u64::try_from(SystemClock.now().time_us / 1_000).unwrap_or(0);
        let running = self.running().map_err(|_| BeatRefused::NotExpected(name.clone()))?;
        let heard = running.beats.beat(&name, at_ms, wall_ms, Instant::now())?;
        if heard.edge {
            let event = HeartbeatHeard { heartbeat: name, by, at_ms };
            // A full inbox or a sealed journal loses nothing that counts: a beat is no state, and a missed one is seen.
            if let Err(error) = ask(running, Input::Sentinel(Box::new(event.into()))).await {
                tracing::warn!(%error, "the first heartbeat after a silence could not be recorded");
            }
        }
        Ok(heard)
    }

    /// Every content file in force.
    pub fn content(&self) -> Result<ContentList, Rejection> {
        Ok(listing::contents(&self.catalog()?.0))
    }

    /// One content file in force, by a runbook's id or `kind/id`.
    pub fn content_file(&self, name: &str) -> Result<ContentShown, Rejection> {
        let held = self.catalog()?;
        let catalog = &held.0;
        let entry = shown::find(catalog, name).map_err(|none| {
            let reason = format!("{none}: {}", none.hint);
            Rejection::Refused { code: "NOT_FOUND", reason }
        })?;
        Ok(shown::shown(catalog, entry))
    }

    /// Every proposal in force.
    pub fn proposals(&self) -> Result<ProposalList, Rejection> {
        Ok(listing::proposals(&self.catalog()?.0))
    }

    /// What every sentinel sees just now.
    pub fn sentinels(&self) -> Result<Vec<Live>, Rejection> {
        Ok(self.running()?.watch.live())
    }

    /// The journal as a transparency log, once the journal is open; else why it publishes nothing.
    pub fn log(&self) -> Result<Log, tlog::Error> {
        let running = self.running().map_err(|_| tlog::Error::NotYet { retry_after_s: RETRY_AFTER_S })?;
        running.log.log.clone().map_err(tlog::Error::Silent)
    }

    /// The witness of other logs; none when it knows no log.
    pub fn witness(&self) -> Result<Option<Witness>, Rejection> {
        Ok(self.running()?.log.witness.clone())
    }

    /// How far the bootstrap has come.
    pub fn readiness(&self) -> Readiness {
        self.shared.progress.read()
    }
    /// The read model, once the journal is open.
    pub fn audit(&self) -> Option<Audit> {
        self.shared.running.get().map(|r| r.audit.clone())
    }
    /// The turn makes progress and the journal takes entries.
    pub fn live(&self) -> bool {
        self.shared.running.get().is_none_or(|r| r.state.makes_progress() && r.journal.sealed().is_none())
    }
}

/// Puts an input before the turn and waits until its decision is durable.
pub(super) async fn ask(running: &Running, input: Input) -> Result<Answer, Rejection> {
    let (reply, answer) = oneshot::channel();
    match running.turn.try_send(inbox::Message::asking(input, reply)) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => return Err(Rejection::Full { retry_after_s: RETRY_AFTER_S }),
        Err(TrySendError::Disconnected(_)) => return Err(gone(running)),
    }
    answer.await.map_err(|_| gone(running))
}

pub(super) fn recorded(answer: Answer) -> Result<Seq, Rejection> {
    match answer {
        Answer::Recorded(seq) => Ok(seq),
        _ => Err(Rejection::Refused { code: "NOT_RECORDED", reason: "nothing was recorded".into() }),
    }
}

/// The turn is gone: because it could not write, or because it was told to stop.
fn gone(running: &Running) -> Rejection {
    match running.journal.sealed() {
        Some(reason) => Rejection::Sealed(reason),
        None => Rejection::Stopping { retry_after_s: RETRY_AFTER_S },
    }
}
