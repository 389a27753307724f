//! The transparency log of the daemon's journal and its work as a witness: their keys, and the threads that keep them.
//! Neither is needed for anything else: what is wrong with them is said, and everything goes on.
//! Not for the log itself (`tlog`).

use crate::base::digest::Blake3;
use crate::base::ids::NodeId;
use crate::base::sign::{JournalKey, signature_text};
use crate::event::log::LogNamed;
use crate::journal::IntentJournal;
use crate::tlog::checkpoint::{origin_of, possession_statement};
use crate::tlog::{HEARTBEAT, Keeper, Log, Options, Witness};

use super::bootstrap::Parts;
use super::keys::{self, KeyError};

/// Names of the key files.
const LOG: &str = "log";
const WITNESS: &str = "witness";

/// The log's key, and the entry that names it while the journal does not.
pub(super) struct Named {
    origin: String,
    key: JournalKey,
    pub entry: Option<LogNamed>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the key of the log is gone: put state/keys/log.key back from a backup")]
    Lost,
    #[error("state/keys/log.key is another key than the journal names: put the right one back from a backup")]
    Other,
    #[error("cannot make a key: {0}")]
    Randomness(String),
}

/// Finds the log's key, or makes it where there never was one.
pub(super) fn name(
    parts: &Parts,
    node: NodeId,
    genesis: &Blake3,
    known: Option<&(String, crate::base::sign::PublicKey)>,
) -> Result<Named, LogError> {
    let at_hand = keys::read_named(&parts.state, LOG)?;
    if let Some((origin, public_key)) = known {
        let key = at_hand.ok_or(LogError::Lost)?;
        return match key.public() == *public_key {
            true => Ok(Named { origin: origin.clone(), key, entry: None }),
            false => Err(LogError::Other),
        };
    }
    let key = match at_hand {
        Some(key) => key,
        None => made(parts, LOG)?,
    };
    let origin = origin_of(node, genesis);
    let statement = possession_statement(node, &origin, &key.public().to_string());
    let possession = signature_text(&key.sign(statement.as_bytes()));
    let entry = Some(LogNamed { origin: origin.clone(), public_key: key.public(), possession });
    Ok(Named { origin, key, entry })
}

fn made(parts: &Parts, name: &str) -> Result<JournalKey, LogError> {
    let key = JournalKey::generate().map_err(|e| LogError::Randomness(e.to_string()))?;
    keys::write_named(&parts.state, name, &key)?;
    Ok(key)
}

/// Opens the log, with what keeps it up.
pub(super) fn open(
    parts: &Parts,
    journal: &IntentJournal,
    named: Named,
) -> Result<(Log, Keeper), crate::tlog::Error> {
    Log::open(Options {
        folder: parts.state.join("tlog"),
        journal: journal.clone(),
        origin: named.origin,
        key: named.key,
        clock: std::sync::Arc::clone(&parts.clock),
        heartbeat: HEARTBEAT,
    })
}

/// The witness of other logs: with a key from the moment on in which it knows one.
pub(super) fn witness(parts: &Parts, node: NodeId) -> Result<Option<Witness>, LogError> {
    let key = match keys::read_named(&parts.state, WITNESS)? {
        Some(key) => key,
        None if parts.config.witnessed.is_empty() => return Ok(None),
        None => made(parts, WITNESS)?,
    };
    let name = format!("{node}.remediator.internal/witness");
    let witness = Witness::new(parts.state.join("witness"), name, key, std::sync::Arc::clone(&parts.clock));
    witness.know(parts.config.witnessed.clone());
    Ok(Some(witness))
}
