//! What the journal says of itself. Written by `journal` only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::{NodeId, Seq};
use crate::base::sign::{KeyId, PublicKey};

/// First entry of a journal: whose it is and which key to believe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Version of the journal format.
    pub format: u32,
    /// The machine.
    pub node: NodeId,
    /// The key that signs from here on (also this entry).
    pub public_key: PublicKey,
    /// Trust files in force from the start: name under `proposals/trust/` → digest; each is also a blob.
    pub trust: BTreeMap<String, FileDigest>,
    /// The blobs holding those files' bytes: name → blob.
    pub trust_blobs: BTreeMap<String, Blake3>,
    /// What this journal continues (after `journal fork`).
    pub continues: Option<Continues>,
}

/// The end of an earlier journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Continues {
    /// Last good seq there.
    pub seq: Seq,
    /// Chain hash of that entry.
    pub hash: Blake3,
    /// Why the fork was made.
    pub reason: String,
}

/// First entry of every segment but the first: seals the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentOpened {
    /// First seq of the segment before.
    pub previous_first: Seq,
    /// Its last seq.
    pub previous_last: Seq,
    /// Its length in bytes, LFs included, padding excluded.
    pub previous_bytes: u64,
    /// BLAKE3 of those bytes.
    pub previous_blake3: Blake3,
}

/// A damaged line was restored from the other store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineRepaired {
    /// Which entry.
    pub seq: Seq,
    /// In which segment (first seq) it was damaged, and at which byte it starts there.
    pub segment: Seq,
    /// Byte offset of the line in that segment.
    pub byte: u64,
    /// What was wrong.
    pub damage: String,
    /// The store that still had it: `sled`, `segments` or `export`.
    pub from: String,
}

/// Bytes after the last durable entry were not an entry and were set aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TailCut {
    /// First seq that was not there.
    pub seq: Seq,
    /// Segment (first seq) that was cut.
    pub segment: Seq,
    /// Byte offset of the cut.
    pub byte: u64,
    /// How many bytes were set aside.
    pub bytes: u64,
    /// File name, in the journal's `aside` folder, that holds them.
    pub kept_as: String,
}

/// sled was thrown away and built anew from the segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexRebuilt {
    /// Why the old one was not believed.
    pub reason: String,
    /// The folder that is now used.
    pub folder: String,
}

/// A snapshot of the fold was written; only one that this entry names is ever used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotTaken {
    /// The last entry folded into it.
    pub seq: Seq,
    /// Version of the fold that made it.
    pub fold_version: u32,
    /// BLAKE3 of the snapshot's bytes.
    pub state_hash: Blake3,
    /// Size of those bytes.
    pub bytes: u64,
}

/// The signing key changed. This entry is signed by the old key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotated {
    /// The new key: it signs from the next entry on.
    pub public_key: PublicKey,
    /// Id of the key that signs this entry and none after it.
    pub retires: KeyId,
    /// Padded base64 signature of the new key over `remediator key rotation v1\n` + node + `\n` + new key's base64.
    pub possession: String,
}

/// Entries below a seq were taken out of the live journal: what they said is in an archive, byte for byte, that was
/// verified right before. Written before anything is removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pruned {
    /// The first seq that is kept: the journal's minimum from here on.
    pub minimum: Seq,
    /// Chain hash of the entry before it, which the first kept entry follows.
    pub hash: Blake3,
    /// BLAKE3 of the lines from below that are kept beside the segments (genesis, changes of key, names of the log), each
    /// with its LF.
    pub kept: Blake3,
    /// The state after the last pruned entry, a blob: what is folded from the minimum on begins with it.
    pub state: Blake3,
    /// Version of the fold that made it.
    pub fold_version: u32,
    /// Digest of the archive's manifest.
    pub archive: FileDigest,
    /// Where the archive was, for people.
    pub place: String,
}

/// Pruned entries were put back from an archive, byte for byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveRestored {
    /// The first of them: the journal's minimum from here on.
    pub first: Seq,
    /// The last of them.
    pub last: Seq,
    /// Digest of the archive's manifest.
    pub archive: FileDigest,
}
