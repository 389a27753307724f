//! The keys that signed the journal, each with the entries that it signed (RM-25).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::base::ids::Seq;
use crate::base::sign::{KeyId, PublicKey};
use crate::event::journal::{Genesis, KeyRotated};
use crate::event::{Event, Kind as _};

/// A key of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SigningKeyView {
    /// Its id.
    pub id: KeyId,
    /// Its public half.
    pub public_key: PublicKey,
    /// First entry that it signs.
    pub from: Seq,
    /// Last entry that it signs; absent for the one in force.
    pub until: Option<Seq>,
}

impl Audit {
    /// Every key, in the order in which they came into force.
    pub fn signing_keys(&self) -> Result<Vec<SigningKeyView>, Error> {
        let mut seqs = self.entries().by_kind(Genesis::KIND)?;
        seqs.extend(self.entries().by_kind(KeyRotated::KIND)?);
        let mut records = self.entries().below();
        for seq in seqs {
            records.extend(self.entries().record(seq)?);
        }
        let mut keys: Vec<SigningKeyView> = Vec::new();
        for record in records {
            let (public_key, from) = match record.event {
                Event::Genesis(genesis) => (genesis.public_key, record.seq),
                Event::KeyRotated(rotated) => (rotated.public_key, record.seq + 1),
                _ => continue,
            };
            if let Some(last) = keys.last_mut() {
                last.until = Some(from - 1);
            }
            keys.push(SigningKeyView { id: public_key.id(), public_key, from, until: None });
        }
        Ok(keys)
    }
}
