//! Trust levels (RM-30, RM-31): whether a runbook may act at the level that the policy gives, what it may ask for, who
//! answers, and what follows from that. Not for: who may sign an answer (the daemon's edge).

use super::desk::{Answer, Desk};
use super::runbooks::Offer;
use super::{held, notices, people, settle};
use crate::base::digest::FileDigest;
use crate::base::ids::{IncidentId, Seq};
use crate::base::text::clip;
use crate::base::time::Span;
use crate::context::{DECIDER, Elevation, ElevationState, IncidentState, RemediationContext};
use crate::event::control::SignedStatement;
use crate::event::elevation::{
    DeciderAbstained, DeciderPlan, ElevationExpired, ElevationGranted, ElevationRefused, ElevationRequested,
    TrackRecord, TrustLevel,
};

/// Behind the name of somebody who lets what they signed themselves, under the solo policy.
pub const SELF_APPROVED: &str = " (self-approved)";
/// Topic of a notice that somebody is asked.
const ELEVATION: &str = "elevation";
/// Successes from which on a record without a stain lets a runbook ask for one level more …
const GOOD: u32 = 20;
/// … and for two.
const VERY_GOOD: u32 = 100;
/// So many successes make up for one failure or override.
const MAKE_UP_FOR_ONE: u32 = 10;
/// So many of those that are left lower it by a level: one of them may be chance.
const STAINS_OF_A_LEVEL: u32 = 2;

/// What the policy in force says of trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// What runbooks may do without anybody being asked.
    pub level: TrustLevel,
    /// How long a request waits for its answer.
    pub answer_within: Span,
    /// How long a grant can be used.
    pub good_for: Span,
    /// One person may both write a runbook and let it.
    pub solo: bool,
    /// The program that is asked before people are.
    pub decider: Option<DeciderPlan>,
}

impl Default for Authority {
    /// What holds where the policy says nothing.
    fn default() -> Self {
        Self {
            level: TrustLevel::default(),
            answer_within: Span::from_secs(30 * 60),
            good_for: Span::from_secs(3600),
            solo: false,
            decider: None,
        }
    }
}

/// The most that a runbook may ask for: one level above what the policy gives, one more from 20 successes on and another
/// from 100; one less for every two failures or overrides that successes do not make up for, ten for each. While there is
/// one that they do not make up for, successes raise nothing. docs/trust-levels.md shows it as a table.
pub fn may_ask(given: TrustLevel, record: &TrackRecord) -> TrustLevel {
    let stains = record.failures.saturating_add(record.overrides);
    let stains = stains.saturating_sub(record.successes / MAKE_UP_FOR_ONE);
    let good = stains == 0 && record.successes >= GOOD;
    let very_good = stains == 0 && record.successes >= VERY_GOOD;
    given.moved(1 + i64::from(good) + i64::from(very_good) - i64::from(stains / STAINS_OF_A_LEVEL))
}

/// Whether a runbook that nothing else holds may act on an incident.
pub(super) enum Trusted {
    /// It may: within the policy's level, or by this grant.
    Yes(Option<Seq>),
    /// It has asked, and the answer can come until then.
    Waiting(u64, String),
    /// It may ask.
    Ask(String),
    /// It may not, and may not ask.
    No(&'static str, String),
}

pub(super) fn judge(desk: &Desk<'_>, incident: &RemediationContext, offer: &Offer) -> Trusted {
    let (given, needed) = (desk.runbooks.authority().level, offer.trust_level);
    if needed <= given {
        return Trusted::Yes(None);
    }
    let needs = format!("needs the trust level {needed}, the policy gives {given}");
    let before = incident.elevation(offer.digest);
    match before.map(|before| (&before.state, before.asked.until_elapsed_ms)) {
        Some((ElevationState::Granted { seq, until_elapsed_ms, .. }, _))
            if *until_elapsed_ms > desk.now() =>
        {
            Trusted::Yes(Some(*seq))
        }
        // Its end is recorded when the incident is next decided; it is of no use before that, either.
        Some((ElevationState::Granted { .. }, _)) => {
            Trusted::No("elevation_expired", format!("{needs}; what was granted was not used in time"))
        }
        Some((ElevationState::Waiting, until)) => {
            Trusted::Waiting(until, format!("{needs}; asked, and nobody has answered yet"))
        }
        Some((ElevationState::Refused { by, reason }, _)) => {
            Trusted::No("elevation_refused", format!("{needs}; {by} refused it: {reason}"))
        }
        Some((ElevationState::Expired, _)) => {
            Trusted::No("elevation_expired", format!("{needs}; asked, and nobody answered in time"))
        }
        // Who has said no, or has not answered, is not asked again about the same trouble.
        Some((ElevationState::Used { .. }, _)) | None if incident.elevations.iter().any(is_no) => {
            let detail =
                format!("{needs}; for this incident another was refused, or nobody answered in time");
            Trusted::No("elevation_refused", detail)
        }
        Some((ElevationState::Used { .. }, _)) | None => ceiling(desk, given, offer, &needs),
    }
}

fn is_no(elevation: &Elevation) -> bool {
    matches!(elevation.state, ElevationState::Refused { .. } | ElevationState::Expired)
}

fn ceiling(desk: &Desk<'_>, given: TrustLevel, offer: &Offer, needs: &str) -> Trusted {
    let record = desk.world.records.of(offer.digest, desk.now());
    let most = may_ask(given, &record);
    if offer.trust_level <= most {
        return Trusted::Ask(format!("{needs}: people are asked"));
    }
    let TrackRecord { successes, failures, overrides } = record;
    let detail = format!(
        "{needs}, and with {successes} successes, {failures} failures and {overrides} overrides it may ask for {most} \
         at most"
    );
    Trusted::No("trust_level", detail)
}

/// Asks: the request, why nothing is done now, and people told.
pub(super) fn ask(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, offer: &Offer) {
    let Some(incident) = desk.incident(id) else { return };
    let target = incident.signal.first.target.clone();
    let (authority, now) = (desk.runbooks.authority(), desk.now());
    let record = desk.world.records.of(offer.digest, now);
    let needed = offer.trust_level;
    let until_elapsed_ms = now + authority.answer_within.ms();
    let asked = ElevationRequested {
        runbook: offer.runbook.clone(),
        digest: offer.digest,
        target: target.clone(),
        needed,
        given: authority.level,
        may_ask: may_ask(authority.level, &record),
        record,
        until_elapsed_ms,
        decider: authority.decider.filter(|decider| needed <= decider.up_to),
    };
    let by_program = asked.decider.is_some();
    let Some(seq) = desk.record(id, cause, asked) else { return };
    let within = authority.answer_within;
    let detail = format!(
        "`{}` needs the trust level {needed} for `{target}` and may act once somebody lets it within {within}: \
         `remediator incident elevate {id} --reason …`, or `remediator incident refuse {id} --reason …`",
        offer.runbook
    );
    settle::hold(desk, id, seq, held::ELEVATION, detail.clone(), Some(until_elapsed_ms));
    // Where a program answers, people are told when it does not.
    if !by_program {
        notices::queue(desk, Some(id), seq, ELEVATION, detail);
    }
}

/// What somebody who may let it has signed.
#[derive(Debug, Clone)]
pub struct Elevate {
    /// Which incident.
    pub incident: IncidentId,
    /// The request that was read.
    pub request: Seq,
    /// The runbook that was read.
    pub digest: FileDigest,
    /// The principal.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What was signed.
    pub statement: SignedStatement,
}

/// Somebody who may lets it.
pub(super) fn elevated(desk: &mut Desk<'_>, word: Elevate) -> Answer {
    let Elevate { incident: id, request, digest, mut by, reason, statement } = word;
    if people::used(desk, &statement) {
        return Answer::Nothing;
    }
    let waiting = match asking(desk, id) {
        Ok(waiting) if waiting.request == request && waiting.asked.digest == digest => waiting.clone(),
        Ok(_) => return Answer::NotNow("another request waits by now than the one that was signed for"),
        Err(why) => return Answer::NotNow(why),
    };
    let authority = desk.runbooks.authority();
    let Some(incident) = desk.incident(id) else { return Answer::Nothing };
    let planned = desk.runbooks.plan(&waiting.asked.runbook, &incident.signal.first, false);
    let Ok(planned) = planned else {
        return Answer::NotNow("its runbook cannot be resolved any more: try `remediator runbook test`");
    };
    if planned.signer == by {
        if !authority.solo {
            return Answer::NotNow(
                "who signed a runbook does not let it as well, unless the policy says solo",
            );
        }
        by.push_str(SELF_APPROVED);
    }
    let until_elapsed_ms = desk.now() + authority.good_for.ms();
    grant(desk, id, ElevationGranted { request, by, reason, statement: Some(statement), until_elapsed_ms })
}

fn grant(desk: &mut Desk<'_>, id: IncidentId, granted: ElevationGranted) -> Answer {
    let request = granted.request;
    let Some(seq) = desk.record(id, request, granted) else { return Answer::Nothing };
    settle::settle(desk, id, seq);
    Answer::Recorded(seq)
}

/// Somebody refuses it, or takes back what was granted and not yet used.
pub(super) fn refused(desk: &mut Desk<'_>, id: IncidentId, by: String, reason: String) -> Answer {
    let Some(incident) = desk.incident(id) else { return Answer::Nothing };
    let open = |e: &&Elevation| e.is_open() && at_rest(incident);
    let Some(request) = incident.elevations.iter().rev().find(open).map(|e| e.request) else {
        return Answer::Nothing;
    };
    refuse(desk, id, ElevationRefused { request, by, reason })
}

fn refuse(desk: &mut Desk<'_>, id: IncidentId, refused: ElevationRefused) -> Answer {
    let request = refused.request;
    let Some(seq) = desk.record(id, request, refused) else { return Answer::Nothing };
    settle::settle(desk, id, seq);
    Answer::Recorded(seq)
}

/// What the program said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It may.
    Grant(String),
    /// It may not.
    Refuse(String),
    /// It cannot tell, or did not answer so that it counts.
    Abstain(String),
}

/// The program answered. What comes too late, or for an older question, is ignored.
pub(super) fn decided(desk: &mut Desk<'_>, id: IncidentId, request: Seq, decided: Decided) -> Answer {
    let Some(waiting) = asking(desk, id).ok().filter(|e| e.request == request).cloned() else {
        return Answer::Nothing;
    };
    let by = DECIDER.to_owned();
    match decided {
        Decided::Grant(reason) => {
            let until_elapsed_ms = desk.now() + desk.runbooks.authority().good_for.ms();
            grant(desk, id, ElevationGranted { request, by, reason, statement: None, until_elapsed_ms })
        }
        Decided::Refuse(reason) => refuse(desk, id, ElevationRefused { request, by, reason }),
        Decided::Abstain(reason) => {
            let abstained = DeciderAbstained { request, reason: clip(&reason, 512).to_owned() };
            let Some(seq) = desk.record(id, request, abstained) else { return Answer::Nothing };
            let text = format!(
                "`{}` asks for the trust level {}, and the decider does not answer ({reason}): `remediator incident \
                 elevate {id} --reason …`, or `remediator incident refuse {id} --reason …`",
                waiting.asked.runbook, waiting.asked.needed
            );
            notices::queue(desk, Some(id), seq, ELEVATION, text);
            Answer::Recorded(seq)
        }
    }
}

/// The request that can be answered now.
fn asking<'a>(desk: &'a Desk<'_>, id: IncidentId) -> Result<&'a Elevation, &'static str> {
    let incident = desk.incident(id).ok_or("there is no such incident")?;
    let waiting = incident.asking().filter(|_| at_rest(incident));
    let waiting = waiting.ok_or("nothing of it waits to be let")?;
    match waiting.asked.until_elapsed_ms > desk.now() {
        true => Ok(waiting),
        false => Err("the time to answer is over"),
    }
}

fn at_rest(incident: &RemediationContext) -> bool {
    incident.alarm.is_none()
        && matches!(incident.state, IncidentState::Open | IncidentState::Held | IncidentState::Escalated)
}

/// Before an incident is decided anew: requests and grants whose time is over are.
pub(super) fn expire(desk: &mut Desk<'_>, id: IncidentId, cause: Seq) -> Seq {
    let now = desk.now();
    let Some(incident) = desk.incident(id) else { return cause };
    let over = |e: &Elevation| match &e.state {
        ElevationState::Waiting => (e.asked.until_elapsed_ms <= now)
            .then_some(ElevationExpired { request: e.request, granted: None }),
        ElevationState::Granted { seq, until_elapsed_ms, .. } => {
            (*until_elapsed_ms <= now).then_some(ElevationExpired { request: e.request, granted: Some(*seq) })
        }
        _ => None,
    };
    let expired: Vec<_> = incident.elevations.iter().filter_map(over).collect();
    expired.into_iter().fold(cause, |cause, expired| desk.record(id, cause, expired).unwrap_or(cause))
}

/// After a start: what the program was asked is asked again while there is time, as nobody knows whether it heard.
pub(super) fn booted(desk: &mut Desk<'_>, id: IncidentId) {
    let waiting = desk.incident(id).filter(|incident| at_rest(incident)).and_then(RemediationContext::asking);
    let Some((request, asked)) = waiting.map(|e| (e.request, e.asked.clone())) else { return };
    if asked.decider.is_some() && asked.until_elapsed_ms > desk.now() {
        desk.record(id, request, asked);
    }
}
