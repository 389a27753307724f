//! What is known of this machine: services, sentinels, lock tokens, tainted targets, frozen runbooks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::locks::Locks;
use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::{AttemptId, Fingerprint, IncidentId, Seq};
use crate::event::degradation::{DegradationRecovered, Source};
use crate::event::{Event, Record};

/// A supervised service as last recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceState {
    /// Digest of the content file it was started from.
    pub digest: FileDigest,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// Start ticks of that process.
    pub start_ticks: u64,
    /// Starts so far.
    pub starts: u64,
    /// How it last ended.
    pub last_exit: Option<String>,
    /// The last entry about it.
    pub seq: Seq,
}

/// A sentinel as last recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SentinelState {
    /// Digest of its content file.
    pub digest: Option<FileDigest>,
    /// Its bad edge, while it stands: the trouble it reported.
    pub degraded: Option<Fingerprint>,
    /// Why it is lost or blind.
    pub trouble: Option<String>,
    /// The last entry about it.
    pub seq: Seq,
}

impl SentinelState {
    /// The code of the trouble that a sentinel cannot tell anything.
    pub const BLIND_CODE: &'static str = "SENTINEL_BLIND";
    const BLIND: &'static str = "blind: ";

    /// Whether it said that it cannot tell, and nothing since.
    pub fn is_blind(&self) -> bool {
        self.trouble.as_deref().is_some_and(|trouble| trouble.starts_with(Self::BLIND))
    }
}

/// What an external sentinel may speak of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Subsystems, literally.
    pub subsystems: Vec<String>,
    /// BLAKE3 of its token.
    pub token: Blake3,
    /// Who signed it.
    pub by: String,
    /// The entry.
    pub seq: Seq,
}

/// A runbook that is frozen for a target (RM-46).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Frozen {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its incident.
    pub incident: Option<IncidentId>,
    /// The runbook.
    pub runbook: String,
    /// The target.
    pub target: String,
    /// Why.
    pub reason: String,
    /// Until when at most, on the journal's clock.
    pub until_elapsed_ms: u64,
}

/// A target that something unknown may be acting on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tainted {
    /// Why.
    pub reason: String,
    /// The entry that says so.
    pub seq: Seq,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// By id.
    pub services: BTreeMap<String, ServiceState>,
    /// By id.
    pub sentinels: BTreeMap<String, SentinelState>,
    /// Resource → last token granted: tokens only grow.
    pub tokens: BTreeMap<String, u64>,
    /// By target.
    pub tainted: BTreeMap<String, Tainted>,
    /// Frozen runbooks, by attempt.
    pub frozen: BTreeMap<AttemptId, Frozen>,
    /// Who holds which lock, and who waits.
    #[serde(default)]
    pub locks: Locks,
    /// Grants of external sentinels, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grants: BTreeMap<String, Grant>,
}

impl Machine {
    /// The freeze that binds a runbook on a target.
    pub fn frozen_for(&self, runbook: &str, target: &str) -> Option<&Frozen> {
        self.frozen.values().find(|f| f.runbook == runbook && f.target == target)
    }

    /// A trouble is verified to be gone, whatever its sentinel has seen since.
    pub fn forget_edge(&mut self, fingerprint: Fingerprint) {
        for sentinel in self.sentinels.values_mut().filter(|s| s.degraded == Some(fingerprint)) {
            sentinel.degraded = None;
        }
    }

    /// Folds what an entry says about the machine.
    pub fn apply(&mut self, record: &Record) {
        let seq = record.seq;
        self.locks.apply(record);
        match &record.event {
            Event::LockGranted(granted) => {
                granted.tokens.iter().for_each(|(resource, token)| self.token(resource, *token))
            }
            Event::LockBroken(broken) => self.token(&broken.resource, broken.token),
            Event::TargetTainted(tainted) => {
                let reason = tainted.reason.clone();
                self.tainted.insert(tainted.target.clone(), Tainted { reason, seq });
            }
            Event::TargetCleared(cleared) => {
                self.tainted.remove(&cleared.target);
            }
            Event::AttemptThawed(thawed) => {
                self.frozen.remove(&thawed.attempt);
            }
            Event::ServiceStarted(_) | Event::ServiceAdopted(_) | Event::ServiceExited(_) => {
                self.service(record)
            }
            Event::SentinelStarted(started) => {
                let state = self.sentinels.entry(started.sentinel.clone()).or_default();
                (state.digest, state.trouble, state.seq) = (Some(started.digest), None, seq);
            }
            Event::SentinelLost(lost) => {
                let state = self.sentinels.entry(lost.sentinel.clone()).or_default();
                (state.trouble, state.seq) = (Some(format!("lost: {}", lost.reason)), seq);
            }
            Event::SentinelBlind(blind) => {
                let state = self.sentinels.entry(blind.sentinel.clone()).or_default();
                (state.trouble, state.seq) =
                    (Some(format!("{}{}", SentinelState::BLIND, blind.evidence)), seq);
            }
            Event::SentinelGranted(granted) => {
                let grant = Grant {
                    subsystems: granted.subsystems.clone(),
                    token: granted.token,
                    by: granted.by.clone(),
                    seq,
                };
                self.grants.insert(granted.sentinel.clone(), grant);
            }
            Event::SentinelGrantRevoked(revoked) => {
                self.grants.remove(&revoked.sentinel);
            }
            Event::DegradationSeen(seen) => self.edge(&seen.source, Some(seen.fingerprint), seq),
            Event::DegradationRecovered(recovered) => {
                self.edge(&recovered.source, None, seq);
                self.sees_again(recovered, seq);
            }
            _ => {}
        }
    }

    /// Tokens of a resource only grow.
    fn token(&mut self, resource: &str, token: u64) {
        let last = self.tokens.entry(resource.to_owned()).or_default();
        *last = (*last).max(token);
    }

    fn edge(&mut self, source: &Source, degraded: Option<Fingerprint>, seq: Seq) {
        if let Source::Sentinel(name) = source {
            let state = self.sentinels.entry(name.clone()).or_default();
            (state.degraded, state.trouble, state.seq) = (degraded, None, seq);
        }
    }

    /// The remediator's own word that a sentinel can tell again.
    fn sees_again(&mut self, recovered: &DegradationRecovered, seq: Seq) {
        let ours = |name: &str| Fingerprint::of("remediator", SentinelState::BLIND_CODE, name);
        if recovered.source == Source::Remediator
            && recovered.fingerprint == ours(&recovered.target)
            && let Some(state) = self.sentinels.get_mut(&recovered.target).filter(|s| s.is_blind())
        {
            (state.trouble, state.seq) = (None, seq);
        }
    }

    fn service(&mut self, record: &Record) {
        match &record.event {
            Event::ServiceStarted(started) => {
                let starts = self.services.get(&started.service).map_or(0, |s| s.starts) + 1;
                let state = ServiceState {
                    digest: started.digest,
                    pid: Some(started.pid),
                    start_ticks: started.start_ticks,
                    starts,
                    last_exit: None,
                    seq: record.seq,
                };
                self.services.insert(started.service.clone(), state);
            }
            Event::ServiceAdopted(adopted) => {
                if let Some(state) = self.services.get_mut(&adopted.service) {
                    (state.pid, state.start_ticks) = (Some(adopted.pid), adopted.start_ticks);
                    state.seq = record.seq;
                }
            }
            Event::ServiceExited(exited) => {
                if let Some(state) = self.services.get_mut(&exited.service)
                    && state.pid == Some(exited.pid)
                {
                    state.pid = None;
                    state.last_exit = Some(describe_exit(exited.code, exited.signal));
                    state.seq = record.seq;
                }
            }
            _ => {}
        }
    }
}

fn describe_exit(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "ended (how is not known)".into(),
    }
}
