//! Catalog and trust changing: what was held for want of them is looked at again.

use super::desk::{Answer, Desk};
use super::{notices, settle};
use crate::base::digest::FileDigest;
use crate::context::IncidentState;
use crate::event::content::{CatalogLoaded, ContentAdopted, TrustRefused};

/// Another catalog is in force: incidents that wait or were escalated may have a runbook now.
pub(super) fn catalog_loaded(desk: &mut Desk<'_>, catalog: CatalogLoaded, live: Vec<FileDigest>) -> Answer {
    let news: Vec<_> = live.into_iter().filter(|digest| !desk.world.adopted.contains_key(digest)).collect();
    for digests in news.chunks(ContentAdopted::DIGESTS_MAX) {
        desk.put(None, None, ContentAdopted { digests: digests.to_vec() }.into());
    }
    let Some(seq) = desk.put(None, None, catalog.into()) else { return Answer::Nothing };
    let mut waiting: Vec<_> = desk
        .world
        .open_incidents()
        .filter(|i| matches!(i.state, IncidentState::Held | IncidentState::Escalated))
        .map(|i| (i.opened_seq, i.id))
        .collect();
    waiting.sort();
    for (_, id) in waiting {
        settle::settle_quietly(desk, id, seq);
    }
    Answer::Recorded(seq)
}

/// Trust files on disk are not believed; the version before stays in force, loudly.
pub(super) fn trust_refused(desk: &mut Desk<'_>, refused: TrustRefused) -> Answer {
    let text = format!("changed trust files are not in force: {}", refused.reason);
    let Some(seq) = desk.put(None, None, refused.into()) else { return Answer::Nothing };
    notices::queue(desk, None, seq, "trust", text);
    Answer::Recorded(seq)
}
