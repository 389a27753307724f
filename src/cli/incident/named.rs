//! Which incident a person means: its id, or the beginning of it, as with commits. Not for what is said of it.

use super::super::exit::{Exit, Failure, NOT_THERE};
use super::super::reader::Reader;
use crate::audit::{IncidentFilter, IncidentList};
use crate::base::ids::IncidentId;

/// Shorter beginnings fit too easily.
const DIGITS_MIN: usize = 4;
/// The newest ones, among which a beginning is looked for: as many as one page holds.
const LOOKED_AT: usize = 1000;

/// The incident that `text` names.
pub fn incident(reader: &Reader, text: &str) -> Result<IncidentId, Failure> {
    // A narrow terminal may show it cut.
    let text = text.trim().trim_end_matches('…');
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    if !is_beginning(text) {
        let what = format!("`{}` is not the id of an incident", super::super::out::cut(text, 80));
        return Err(Failure::new(Exit::Usage, what)
            .hint("`remediator incidents` lists them; the first digits are enough, from four on"));
    }
    let filter = IncidentFilter { limit: LOOKED_AT, ..IncidentFilter::default() };
    let list = reader.view(&format!("/v1/incidents?limit={LOOKED_AT}"), |audit| audit.incidents(&filter))?;
    one_of(&list.view, text)
}

/// Whether it can be the beginning of an id.
pub fn is_beginning(text: &str) -> bool {
    text.len() >= DIGITS_MIN && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

fn one_of(list: &IncidentList, beginning: &str) -> Result<IncidentId, Failure> {
    let beginning = beginning.to_ascii_lowercase();
    let mut fitting = list.incidents.iter().map(|i| i.id).filter(|id| id.to_string().starts_with(&beginning));
    match (fitting.next(), fitting.count()) {
        (Some(id), 0) => Ok(id),
        (Some(_), more) => {
            let what = format!("`{beginning}` is the beginning of {} incidents' ids", more + 1);
            Err(Failure::new(Exit::Usage, what).hint("write more of it"))
        }
        (None, _) => {
            let what = format!("no incident's id begins with `{beginning}`");
            Err(Failure::new(Exit::Findings, what).hint(NOT_THERE))
        }
    }
}
