//! Eyes as the journal knows them: their edges, and who may report from outside.

use std::collections::BTreeMap;

use crate::audit::projection::Audit;
use crate::base::digest::Blake3;
use crate::context::{Grant, SentinelState};

impl Audit {
    /// What each sentinel published last, by id.
    pub fn sentinels(&self) -> BTreeMap<String, SentinelState> {
        self.world().machine.sentinels.clone()
    }

    /// Grants of external sentinels, by name.
    pub fn grants(&self) -> BTreeMap<String, Grant> {
        self.world().machine.grants.clone()
    }

    /// Whose token has this hash, and what it may speak of.
    pub fn granted(&self, token: &Blake3) -> Option<(String, Vec<String>)> {
        let world = self.world();
        let found = world.machine.grants.iter().find(|(_, grant)| grant.token == *token);
        found.map(|(name, grant)| (name.clone(), grant.subsystems.clone()))
    }
}
