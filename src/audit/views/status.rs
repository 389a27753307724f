//! How things are now, in one answer.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::V;
use crate::audit::entries::{Error, Health};
use crate::audit::projection::Audit;
use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::{NodeId, Seq};
use crate::base::sign::KeyId;
use crate::base::time::rfc3339;
use crate::context::{
    Alarm, Control, Drain, Frozen, SentinelState, ServiceState, SigningKey, Tainted, Trust, World,
};
use crate::event::content::Standing;

/// How things are now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatusView {
    /// Version of this shape.
    pub v: u32,
    /// The machine.
    pub node: Option<NodeId>,
    /// Version of the program that answers.
    pub version: String,
    /// The last entry.
    pub head: Option<HeadView>,
    /// The first entry there is: those below it were pruned, and are in an archive.
    #[serde(default)]
    pub minimum: Seq,
    /// The journal's own clock.
    pub elapsed_ms: u64,
    /// Whether the last process stopped in order, while none runs.
    pub stopped_cleanly: bool,
    /// Who paused it and why.
    pub paused: Option<PausedView>,
    /// A drain in force.
    #[serde(default)]
    pub draining: Option<DrainView>,
    /// The journal's key.
    #[serde(default)]
    pub key: Option<KeyView>,
    /// Why it runs observe-only.
    pub observe_only: Option<String>,
    /// Trust files in force.
    pub trust: TrustView,
    /// What the content folder holds.
    pub catalog: CatalogView,
    /// Supervised services.
    pub services: BTreeMap<String, ServiceState>,
    /// Eyes.
    pub sentinels: BTreeMap<String, SentinelState>,
    /// Open incidents by state.
    pub incidents: BTreeMap<String, u64>,
    /// Notices that were not delivered yet.
    pub outbox_waiting: usize,
    /// Notices that were given up.
    pub outbox_given_up: u64,
    /// Targets that something unknown may be acting on.
    pub tainted: BTreeMap<String, Tainted>,
    /// Runbooks that are frozen for a target.
    pub frozen: Vec<Frozen>,
    /// Entries that their lifecycle did not allow.
    pub alarms: Vec<Alarm>,
    /// How the journal itself is.
    pub journal: Health,
}

/// The last entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeadView {
    /// Its seq.
    pub seq: Seq,
    /// Its chain hash.
    pub hash: Blake3,
    /// When, RFC 3339.
    pub at: String,
}

/// A pause in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PausedView {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The entry.
    pub seq: Option<Seq>,
}

/// A drain in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrainView {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The entry that started it.
    pub seq: Seq,
    /// Attempts that are still under way.
    pub running: usize,
    /// The entry that says that nothing runs any more.
    pub drained: Option<Seq>,
}

/// The journal's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// The entry that brought it into force.
    pub since: Seq,
    /// The last order for another one that came to nothing, if none has succeeded since.
    pub refused: Option<KeyRefusedView>,
}

/// An order for another key that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyRefusedView {
    /// The entry that says so.
    pub seq: Seq,
    /// Why.
    pub reason: String,
}

/// Trust files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrustView {
    /// Name → digest in force.
    pub files: BTreeMap<String, FileDigest>,
    /// Why what is on disk is not in force.
    pub refused: Option<String>,
}

/// What the content folder holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CatalogView {
    /// The entry that loaded it.
    pub seq: Option<Seq>,
    /// Files that may act.
    pub live: usize,
    /// Files that are only watched.
    pub observe_only: usize,
    /// Files that do not parse or lint.
    pub refused: usize,
    /// Every file that is not live, with why and what mends it.
    pub not_live: Vec<ContentView>,
    /// Files that the entry had no room to list.
    pub not_listed: u32,
}

/// One content file that is not live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContentView {
    /// `kind/id`, or its path when it has no readable id.
    pub content: String,
    /// What it may do.
    pub standing: Standing,
    /// Why, with the command that mends it.
    pub reason: String,
}

impl Audit {
    /// How things are now.
    pub fn status(&self) -> Result<StatusView, Error> {
        self.fresh()?;
        let head = self.entries().head()?;
        let last = head.map(|h| self.record(h.seq)).transpose()?;
        let at = last.map(|r| rfc3339(r.at.time_us)).unwrap_or_default();
        let journal = self.entries().health();
        let world = self.world();
        Ok(StatusView {
            v: V,
            node: world.node,
            version: env!("CARGO_PKG_VERSION").into(),
            head: head.map(|h| HeadView { seq: h.seq, hash: h.hash, at }),
            minimum: self.entries().minimum(),
            elapsed_ms: world.elapsed_ms(),
            stopped_cleanly: world.stopped_cleanly,
            paused: paused(&world.control),
            draining: draining(&world),
            key: key(&world.control.key),
            observe_only: world.observe_only.clone(),
            trust: trust(&world.trust),
            catalog: catalog(&world),
            services: world.machine.services.clone(),
            sentinels: world.machine.sentinels.clone(),
            incidents: by_state(&world),
            outbox_waiting: world.outbox.waiting.len(),
            outbox_given_up: world.outbox.given_up,
            tainted: world.machine.tainted.clone(),
            frozen: world.machine.frozen.values().cloned().collect(),
            alarms: world.alarms.iter().cloned().collect(),
            journal,
        })
    }

    /// Whose journal it is.
    pub fn node(&self) -> Option<NodeId> {
        self.world().node
    }
}

fn paused(control: &Control) -> Option<PausedView> {
    let (by, reason) = control.paused.clone()?;
    Some(PausedView { by, reason, seq: control.seq })
}

fn draining(world: &World) -> Option<DrainView> {
    let Drain { by, reason, seq, drained } = world.control.drain.clone()?;
    Some(DrainView { by, reason, seq, running: world.active_attempts(), drained })
}

fn key(key: &SigningKey) -> Option<KeyView> {
    let refused = key.refused.clone().map(|(seq, reason)| KeyRefusedView { seq, reason });
    key.id.map(|id| KeyView { id, since: key.since, refused })
}

fn trust(trust: &Trust) -> TrustView {
    TrustView { files: trust.files.clone(), refused: trust.refused.as_ref().map(|r| r.1.clone()) }
}

fn catalog(world: &World) -> CatalogView {
    let Some((seq, loaded)) = &world.catalog else { return CatalogView::default() };
    let count = |standing| loaded.counts.get(&standing).map_or(0, |n| *n as usize);
    let known = loaded.contents.iter().filter(|(_, c)| c.standing != Standing::Live).map(|(name, c)| {
        let reason = c.reason.clone().unwrap_or_default();
        ContentView { content: name.clone(), standing: c.standing, reason }
    });
    let unreadable = loaded.unreadable.iter().map(|(path, error)| ContentView {
        content: path.clone(),
        standing: Standing::Refused,
        reason: error.clone(),
    });
    CatalogView {
        seq: Some(*seq),
        live: count(Standing::Live),
        observe_only: count(Standing::ObserveOnly),
        refused: count(Standing::Refused),
        not_live: known.chain(unreadable).collect(),
        not_listed: loaded.more,
    }
}

fn by_state(world: &World) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for incident in world.open_incidents() {
        let state = super::incident::state_word(incident.state);
        *counts.entry(state.to_owned()).or_default() += 1;
    }
    counts
}
