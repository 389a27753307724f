//! The sentinels at work: one task looks again and again, one keeps it: a sentinel that dies or hangs is told
//! as lost and started again. Only edges are told. Not for: what an edge leads to.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

use super::Eyes;
use super::hysteresis::{Edge, LastEdge, State, Thresholds};
use super::live::{Live, Seen};
use super::{Beats, rhythm};
use crate::base::limits::{LOOKS_AT_ONCE_MAX, SENTINEL_RESTART_MS_MAX};
use crate::event::plan::{LookPlan, ProbePlan, ProcessLook, SentinelPlan};
use crate::event::sentinel::{SentinelBlind, SentinelLost, SentinelStarted};
use crate::event::verification::{Observation, Verdict};

/// What a look may take beyond its timeout (it looks a second time after one) and then some.
const SLACK: Duration = Duration::from_secs(3);

/// What sentinels tell.
#[derive(Debug, Clone, PartialEq)]
pub enum SentinelReport {
    /// It looks from here on.
    Started(SentinelStarted),
    /// The bad edge.
    Degraded {
        /// Whose.
        plan: Arc<SentinelPlan>,
        /// The look that made it.
        observation: Observation,
    },
    /// The good edge.
    Recovered {
        /// Whose.
        plan: Arc<SentinelPlan>,
        /// The look that made it.
        observation: Observation,
    },
    /// It cannot tell for too long.
    Blind {
        /// Whose.
        plan: Arc<SentinelPlan>,
        /// What it says.
        blind: SentinelBlind,
    },
    /// It can tell: for the first time since it started, or again after it was blind.
    Sees {
        /// Whose.
        plan: Arc<SentinelPlan>,
        /// The look that shows it.
        observation: Observation,
    },
    /// It died or hangs; it is started again after a pause.
    Lost {
        /// Whose.
        plan: Arc<SentinelPlan>,
        /// What was seen of its end.
        lost: SentinelLost,
    },
}

/// Who is told. Called on the runtime's threads; must not lose what it is told: an edge is told once.
pub type Tell = Arc<dyn Fn(SentinelReport) + Send + Sync>;
/// A look under way.
pub type LookFuture = Pin<Box<dyn Future<Output = Observation> + Send>>;
/// How to look: [`Eyes::into_look`], or a script in tests.
pub type Look = Arc<dyn Fn(Arc<SentinelPlan>) -> LookFuture + Send + Sync>;

impl Eyes {
    /// These eyes as what sentinels look with.
    pub fn into_look(self) -> Look {
        Arc::new(move |plan: Arc<SentinelPlan>| {
            let eyes = self.clone();
            Box::pin(async move { eyes.look(&plan.probe).await })
        })
    }
}

/// The sentinels that are at work. Dropping it stops them.
pub struct Watch {
    runtime: Handle,
    look: Look,
    tell: Tell,
    beats: Beats,
    places: Arc<Semaphore>,
    sentinels: Mutex<BTreeMap<String, Sentinel>>,
}

struct Sentinel {
    shared: Arc<Shared>,
    _keeper: Stopped,
}

struct Shared {
    plan: Arc<SentinelPlan>,
    /// Outlives a change of the plan: an edge that the old task still tells is known to the new one.
    state: Arc<Mutex<State>>,
    nudge: Notify,
    look: Look,
    tell: Tell,
    beats: Beats,
    /// Of the looks that may go on at once.
    places: Arc<Semaphore>,
    /// It waits for a place: whoever waits does not hang.
    waits: AtomicBool,
    seen: Mutex<Seen>,
}

/// A task that ends with its owner.
struct Stopped(JoinHandle<()>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watch {
    /// No sentinels yet. `runtime` must have more than one thread for a hanging look to be noticed.
    pub fn new(runtime: Handle, look: Look, tell: Tell) -> Self {
        let (beats, places) = (Beats::default(), Arc::new(Semaphore::new(LOOKS_AT_ONCE_MAX)));
        Self { runtime, look, tell, beats, places, sentinels: Mutex::default() }
    }

    /// Sentinels that look for these heartbeats.
    pub fn with_beats(self, beats: Beats) -> Self {
        Self { beats, ..self }
    }

    /// From now on these, and no others. Those that have not changed go on undisturbed; one that has keeps its
    /// edge; a new one starts from its edge in `edges` (what the journal knows it to have published last).
    pub fn set(&self, plans: Vec<SentinelPlan>, edges: &BTreeMap<String, LastEdge>) {
        let mut sentinels = self.sentinels();
        self.beats.await_these(plans.iter(), Instant::now());
        let mut before = std::mem::take(&mut *sentinels);
        for plan in plans {
            let id = plan.id.clone();
            let old = before.remove(&id);
            let sentinel = match old {
                Some(old) if *old.shared.plan == plan => old,
                Some(old) => {
                    let state = Arc::clone(&old.shared.state);
                    drop(old);
                    self.start(plan, state)
                }
                None => {
                    let last = edges.get(&id).copied().unwrap_or_default();
                    self.start(plan, Arc::new(Mutex::new(State::after(last))))
                }
            };
            sentinels.insert(id, sentinel);
        }
    }

    /// The end of a service was seen: the sentinels that look at its process look at once, and one proven bad
    /// look is enough. Gives back how many.
    pub fn nudge(&self, service: &str) -> usize {
        let sentinels = self.sentinels();
        let of_it = sentinels.values().filter(|sentinel| looks_at(&sentinel.shared.plan.probe, service));
        of_it.map(|sentinel| sentinel.shared.nudge.notify_one()).count()
    }

    /// Somebody else has verified that this trouble is gone: whoever reported it reports it anew if it comes back,
    /// without having seen the good edge in between.
    pub fn forget_edge(&self, subsystem: &str, code: &str, target: &str) {
        for sentinel in self.sentinels().values() {
            let plan = &sentinel.shared.plan;
            if plan.subsystem == subsystem && plan.code == code && plan.target == target {
                let mut state = sentinel.shared.state();
                *state = state.forget_edge();
            }
        }
    }

    /// Ids of those at work.
    pub fn ids(&self) -> Vec<String> {
        self.sentinels().keys().cloned().collect()
    }

    /// What each of them sees just now, by id.
    pub fn live(&self) -> Vec<Live> {
        let now = Instant::now();
        let live = |shared: &Shared| {
            let seen = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.live(&shared.plan, shared.state().last(), now)
        };
        self.sentinels().values().map(|sentinel| live(&sentinel.shared)).collect()
    }

    fn start(&self, plan: SentinelPlan, state: Arc<Mutex<State>>) -> Sentinel {
        let shared = Arc::new(Shared {
            plan: Arc::new(plan),
            state,
            nudge: Notify::new(),
            look: Arc::clone(&self.look),
            tell: Arc::clone(&self.tell),
            beats: self.beats.clone(),
            places: Arc::clone(&self.places),
            waits: AtomicBool::new(false),
            seen: Mutex::default(),
        });
        let keeper = Stopped(self.runtime.spawn(keep(Arc::clone(&shared))));
        Sentinel { shared, _keeper: keeper }
    }

    fn sentinels(&self) -> MutexGuard<'_, BTreeMap<String, Sentinel>> {
        self.sentinels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn looks_at(probe: &ProbePlan, service: &str) -> bool {
    process_of(&probe.look).is_some_and(|name| name == service)
}

/// The service whose process is looked at, and nothing else of it.
fn process_of(look: &LookPlan) -> Option<&str> {
    match look {
        LookPlan::Process(ProcessLook::Service(name)) => Some(name),
        LookPlan::Service(service) => process_of(&service.of),
        _ => None,
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn started(&self) {
        let started = SentinelStarted { sentinel: self.plan.id.clone(), digest: self.plan.digest };
        (self.tell)(SentinelReport::Started(started));
    }

    /// Takes a look in and tells its edge, if it makes one.
    fn take_in(&self, observation: Observation, urgent: bool) {
        let unknown = observation.verdict == Verdict::Unknown;
        if unknown && self.beats.still_has_time(&self.plan.probe.look, Instant::now()) {
            return;
        }
        let mut thresholds = Thresholds::from(&*self.plan);
        if urgent {
            thresholds.failures = 1;
        }
        let (sees, edge) = {
            let mut state = self.state();
            let sees = state.begins_to_see(observation.verdict);
            let (next, edge) = state.next(observation.verdict, thresholds);
            *state = next;
            (sees, edge)
        };
        let plan = Arc::clone(&self.plan);
        if sees {
            let (plan, observation) = (Arc::clone(&plan), observation.clone());
            (self.tell)(SentinelReport::Sees { plan, observation });
        }
        match edge {
            None => {}
            Some(Edge::Degraded) => (self.tell)(SentinelReport::Degraded { plan, observation }),
            Some(Edge::Recovered) => (self.tell)(SentinelReport::Recovered { plan, observation }),
            Some(Edge::Blind) => {
                let blind = SentinelBlind { sentinel: plan.id.clone(), evidence: observation.evidence };
                (self.tell)(SentinelReport::Blind { plan, blind });
            }
        }
    }
}

/// Keeps one sentinel at work.
async fn keep(shared: Arc<Shared>) {
    let plan = Arc::clone(&shared.plan);
    // Three rounds without a finished look: it hangs.
    let patience = (plan.probe.timeout.to_std() + plan.every.to_std()) * 3 + SLACK;
    let mut pause_ms = 0;
    shared.started();
    for lives in 0_u64.. {
        let (pulse, mut beats) = watch::channel(0_u64);
        let mut looking = Stopped(tokio::spawn(look_for_ever(Arc::clone(&shared), pulse, lives > 0)));
        let reason = loop {
            tokio::select! {
                ended = &mut looking.0 => break how_it_ended(ended),
                beat = tokio::time::timeout(patience, beats.changed()) => match beat {
                    Ok(Ok(())) => pause_ms = 0,
                    // It has ended: the other branch is about to say how.
                    Ok(Err(_)) => {}
                    Err(_) if shared.waits.load(Ordering::Relaxed) => {}
                    Err(_) => break format!("no look was finished within {} ms", patience.as_millis()),
                },
            }
        };
        drop(looking);
        let lost = SentinelLost { sentinel: plan.id.clone(), reason };
        (shared.tell)(SentinelReport::Lost { plan: Arc::clone(&plan), lost });
        pause_ms = if pause_ms == 0 { plan.every.ms().max(100) } else { pause_ms * 2 };
        pause_ms = pause_ms.min(SENTINEL_RESTART_MS_MAX);
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
}

fn how_it_ended(ended: Result<(), tokio::task::JoinError>) -> String {
    match ended {
        Ok(()) => "it ended by itself".to_owned(),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => match panic.downcast_ref::<&str>() {
                Some(words) => format!("it broke down: {words}"),
                None => "it broke down".to_owned(),
            },
            Err(error) => error.to_string(),
        },
    }
}

/// `was_lost`: it is told as started again once a look is finished, for only then it looks again.
async fn look_for_ever(shared: Arc<Shared>, pulse: watch::Sender<u64>, was_lost: bool) {
    let plan = &shared.plan;
    let at_service = process_of(&plan.probe.look).is_some();
    for number in 0_u64.. {
        let rest = rhythm::pause(&plan.id, plan.every, number);
        let due = Instant::now() + rest;
        let nudged = pause(&shared.nudge, rest).await;
        shared.waits.store(true, Ordering::Relaxed);
        let Ok(_place) = shared.places.acquire().await else { return };
        shared.waits.store(false, Ordering::Relaxed);
        let late = if nudged { Duration::ZERO } else { Instant::now().saturating_duration_since(due) };
        let observation = (shared.look)(Arc::clone(plan)).await;
        shared.seen.lock().unwrap_or_else(PoisonError::into_inner).note(&observation, late, Instant::now());
        if was_lost && number == 0 {
            shared.started();
        }
        let urgent = nudged && at_service && observation.verdict == Verdict::Failed;
        shared.take_in(observation, urgent);
        pulse.send_modify(|beats| *beats += 1);
    }
}

/// Whether the pause was cut short by a nudge. One that came during a look counts.
async fn pause(nudge: &Notify, time: Duration) -> bool {
    tokio::time::timeout(time, nudge.notified()).await.is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use tokio::runtime::{Builder, Runtime};

    use super::*;
    use crate::base::digest::FileDigest;
    use crate::base::time::Span;
    use crate::event::degradation::Severity;
    use crate::event::plan::{HeartbeatLook, HttpLook, ServiceLook, SetpointLook};

    fn plan(id: &str, look: LookPlan, every_ms: u64) -> SentinelPlan {
        let words = |text: &str| text.to_owned();
        SentinelPlan {
            id: words(id),
            digest: FileDigest::of(id.as_bytes()),
            probe: ProbePlan { look, timeout: Span::from_ms(50) },
            every: Span::from_ms(every_ms),
            failures: 3,
            successes: 2,
            unknowns: 2,
            subsystem: words("service"),
            code: words("PROCESS_DEAD"),
            target: words("web"),
            severity: Severity::Error,
            summary: words("web is down"),
        }
    }

    fn http() -> LookPlan {
        LookPlan::Http(HttpLook { url: String::new(), expect_status: vec![200], expect_body: None })
    }

    /// A look that gives verdicts one after another, then the last for ever; `P` panics, `.` hangs.
    fn script(looks: &'static str) -> (Look, Arc<Mutex<usize>>) {
        let count = Arc::new(Mutex::new(0));
        let counter = Arc::clone(&count);
        let look: Look = Arc::new(move |_| {
            let mut count = counter.lock().unwrap_or_else(PoisonError::into_inner);
            let look = looks.as_bytes()[(*count).min(looks.len() - 1)];
            *count += 1;
            drop(count);
            let verdict = match look {
                b'F' => Verdict::Failed,
                b'H' => Verdict::Healthy,
                b'P' => return Box::pin(async { panic!("scripted") }),
                b'.' => return Box::pin(std::future::pending()),
                _ => Verdict::Unknown,
            };
            Box::pin(async move { super::super::saw(verdict, "scripted") })
        });
        (look, count)
    }

    fn watch(looks: &'static str) -> (Runtime, Watch, Receiver<SentinelReport>, Arc<Mutex<usize>>) {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (sender, receiver) = channel();
        let (look, count) = script(looks);
        let tell: Tell = Arc::new(move |report| drop(sender.send(report)));
        let watch = Watch::new(runtime.handle().clone(), look, tell);
        (runtime, watch, receiver, count)
    }

    /// The next one that is no mere sign of sight.
    fn next(receiver: &Receiver<SentinelReport>) -> String {
        loop {
            let said = next_of_all(receiver);
            if !said.starts_with("sees") {
                return said;
            }
        }
    }

    fn next_of_all(receiver: &Receiver<SentinelReport>) -> String {
        let report = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        match report {
            SentinelReport::Sees { plan, .. } => format!("sees {}", plan.id),
            SentinelReport::Started(started) => format!("started {}", started.sentinel),
            SentinelReport::Degraded { plan, .. } => format!("degraded {}", plan.id),
            SentinelReport::Recovered { plan, .. } => format!("recovered {}", plan.id),
            SentinelReport::Blind { plan, .. } => format!("blind {}", plan.id),
            SentinelReport::Lost { lost, .. } => format!("lost {}: {}", lost.sentinel, lost.reason),
        }
    }

    fn no_edges() -> BTreeMap<String, LastEdge> {
        BTreeMap::new()
    }

    #[test]
    fn only_edges_are_told() {
        let (_runtime, watch, told, count) = watch("HHFFHFFFFFHHHUUH");
        watch.set(vec![plan("a", http(), 1)], &no_edges());
        for expected in ["started a", "sees a", "degraded a", "recovered a", "blind a", "sees a"] {
            assert_eq!(next_of_all(&told), expected);
        }
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while *count.lock().unwrap() < 40 {
            assert!(std::time::Instant::now() < end);
        }
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn it_starts_from_its_last_edge() {
        let (_runtime, watch, told, _) = watch("FFFFFHH");
        watch.set(vec![plan("a", http(), 1)], &BTreeMap::from([("a".to_owned(), LastEdge::Bad)]));
        assert_eq!([next(&told), next(&told)], ["started a", "recovered a"]);
    }

    #[test]
    fn unchanged_ones_go_on_changed_ones_keep_their_edge_others_stop() {
        let (_runtime, watch, told, count) = watch("FFFF");
        watch.set(vec![plan("a", http(), 1)], &no_edges());
        assert_eq!([next(&told), next(&told)], ["started a", "degraded a"]);
        watch.set(vec![plan("a", http(), 1)], &no_edges());
        watch.set(vec![plan("a", http(), 2)], &no_edges());
        assert_eq!(next(&told), "started a", "once, for the change");
        assert_eq!(watch.ids(), ["a"]);
        watch.set(vec![], &no_edges());
        assert!(watch.ids().is_empty());
        let before = *count.lock().unwrap();
        watch.set(vec![plan("b", http(), 1)], &no_edges());
        assert_eq!([next(&told), next(&told)], ["started b", "degraded b"], "a told nothing more");
        assert!(*count.lock().unwrap() > before);
    }

    #[test]
    fn who_has_not_beaten_yet_is_awaited_for_his_time_and_nobody_is_called_blind() {
        let beat = |max_age| {
            let look = LookPlan::Heartbeat(HeartbeatLook { name: "backup".into(), max_age });
            SetpointLook { of: Box::new(look), value: "age_ms".into(), low: None, high: Some(1) }
        };
        let (_runtime, watch, told, _) = watch("UUUUUUFFF");
        watch.set(vec![plan("a", LookPlan::Setpoint(beat(Span::from_secs(3_600))), 1)], &no_edges());
        assert_eq!([next(&told), next(&told)], ["started a", "degraded a"]);
        let (_other, watch, told, _) = self::watch("UUUUUUFFF");
        watch.set(vec![plan("b", LookPlan::Setpoint(beat(Span::from_ms(0))), 1)], &no_edges());
        assert_eq!([next(&told), next(&told)], ["started b", "blind b"], "its time is over");
    }

    #[test]
    fn a_nudge_looks_at_once_and_one_proof_is_enough() {
        let (_runtime, watch, told, _) = watch("HF");
        let service = |name: &str| LookPlan::Process(ProcessLook::Service(name.to_owned()));
        let declared = LookPlan::Service(ServiceLook { service: "web".into(), of: Box::new(service("web")) });
        // An hour between looks: only the nudges can have led to the edge.
        watch.set(vec![plan("a", declared, 3_600_000), plan("b", service("db"), 3_600_000)], &no_edges());
        let mut starts = [next(&told), next(&told)];
        starts.sort();
        assert_eq!(starts, ["started a", "started b"]);
        let end = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            assert_eq!(watch.nudge("web"), 1);
            if let Some(report) = told.try_iter().find(|r| !matches!(r, SentinelReport::Sees { .. })) {
                assert!(matches!(report, SentinelReport::Degraded { plan, .. } if plan.id == "a"));
                break;
            }
            assert!(std::time::Instant::now() < end);
        }
        assert_eq!((watch.nudge("db"), watch.nudge("other")), (1, 0));
    }

    #[test]
    fn one_that_breaks_down_is_told_and_started_again_with_its_edge() {
        let (_runtime, watch, told, _) = watch("FFFPHH");
        watch.set(vec![plan("a", http(), 1)], &no_edges());
        let expected =
            ["started a", "degraded a", "lost a: it broke down: scripted", "started a", "recovered a"];
        for expected in expected {
            assert_eq!(next(&told), expected);
        }
    }

    #[test]
    fn one_that_hangs_is_told_and_started_again() {
        let (_runtime, watch, told, _) = watch("H.FFF");
        watch.set(vec![plan("a", http(), 1)], &no_edges());
        assert_eq!(next(&told), "started a");
        assert!(next(&told).starts_with("lost a: no look was finished within"));
        assert_eq!([next(&told), next(&told)], ["started a", "degraded a"]);
    }

    #[test]
    fn one_that_goes_on_hanging_is_not_told_as_started_again() {
        let (_runtime, watch, told, _) = watch("H.");
        watch.set(vec![plan("a", http(), 1)], &no_edges());
        assert_eq!(next(&told), "started a");
        assert!(next(&told).starts_with("lost a"));
        assert!(next(&told).starts_with("lost a"), "it has not looked since");
    }
}
