//! What the journal of the home knows of a kind of trouble: its newest incidents, as lines of evidence.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use crate::base::time::rfc3339;
use crate::cli::{Global, Home, out};
use crate::event::Event;
use crate::journal;

/// So many incidents at most.
const INCIDENTS_MAX: usize = 5;

/// The newest incidents with this subsystem and code, newest first; none without a home or a journal.
pub fn incidents(global: &Global, subsystem: &str, code: &str) -> Vec<String> {
    let Ok(home) = Home::existing(global) else { return Vec::new() };
    let mut newest: VecDeque<String> = VecDeque::new();
    let read = journal::read_offline(&home.state()).and_then(|journal| {
        journal.records(None, &mut |record| {
            if let (Event::IncidentOpened(opened), Some(id)) = (&record.event, record.incident)
                && opened.subsystem == subsystem
                && opened.code == code
            {
                newest.truncate(INCIDENTS_MAX - 1);
                newest.push_front(format!(
                    "incident {id}: {} on {}, entry {}, fingerprint {}, {}",
                    opened.code,
                    opened.target,
                    record.seq,
                    opened.fingerprint,
                    out::short(&rfc3339(record.at.time_us))
                ));
            }
            ControlFlow::Continue(())
        })
    });
    if let Err(error) = read {
        anstream::eprintln!("note: the journal cannot be read, so there is no evidence from it: {error}");
    }
    newest.into()
}
