//! The regression watch: what was healed is looked at for a while, and a relapse reopens the incident (RM-19).

use super::desk::{Answer, Desk};
use super::{attempt, settle};
use crate::base::ids::{IncidentId, Seq};
use crate::base::time::Span;
use crate::context::IncidentState;
use crate::event::incident::IncidentRelapsed;
use crate::event::verification::{Observation, Verdict};

/// The watch saw something bad, or its time is over.
pub(super) fn observed(
    desk: &mut Desk<'_>,
    id: IncidentId,
    observation: Observation,
    looks: u32,
    over: bool,
) -> Answer {
    let Some(incident) = desk.incident(id).filter(|i| i.state == IncidentState::Watching) else {
        return Answer::Nothing;
    };
    let cause = incident.last_seq;
    match (observation.verdict, over) {
        (Verdict::Failed, _) => relapsed(desk, id, cause, observation.evidence),
        (_, true) => {
            let closure = attempt::closure(desk, id);
            let evidence = format!("{} ({looks} looks during the watch)", observation.evidence);
            attempt::close(desk, id, cause, closure, evidence);
        }
        _ => return Answer::Nothing,
    }
    Answer::Nothing
}

/// It came back.
pub(super) fn relapsed(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, evidence: String) {
    let now = desk.now();
    let Some(watch) = desk.incident(id).and_then(|i| i.watch.as_ref()) else { return };
    let after = Span::from_ms(now.saturating_sub(watch.since_elapsed_ms));
    if let Some(seq) = desk.record(id, cause, IncidentRelapsed { evidence, after }) {
        settle::settle(desk, id, seq);
    }
}
