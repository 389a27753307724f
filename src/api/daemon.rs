//! What the routes ask of the remediator, as a seam: the running one answers it, and tests do.

use std::future::Future;
use std::pin::Pin;

use crate::audit::Audit;
use crate::base::ids::{IncidentId, Seq};
use crate::event::degradation::{DegradationReport, Source};
use crate::remediator::{Accepted, Control, Handle, Readiness, Rejection};

/// An answer that comes when it is durable.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Rejection>> + Send + 'a>>;

/// See the module. What each does is said at [`Handle`].
pub trait Daemon: Send + Sync {
    /// Accepts a report.
    fn report(&self, report: DegradationReport, source: Source) -> Answer<'_, Accepted>;
    /// Keeps refused input as evidence.
    fn refuse(&self, source: Source, code: &'static str, said: String) -> Answer<'_, ()>;
    /// No new attempt starts.
    fn pause(&self, by: String, reason: String) -> Answer<'_, Seq>;
    /// No new attempt starts, and the end of the last one is recorded.
    fn drain(&self, by: String, reason: String) -> Answer<'_, Seq>;
    /// Power is given back by a signed statement.
    fn control(&self, control: Control, statement: Vec<u8>, signature: String) -> Answer<'_, Seq>;
    /// An incident is over on a person's word.
    fn close(&self, incident: IncidentId, by: String, reason: String) -> Answer<'_, Seq>;
    /// How far the start has come.
    fn readiness(&self) -> Readiness;
    /// The read model, once the journal is open.
    fn audit(&self) -> Option<Audit>;
    /// The turn makes progress and the journal is not sealed.
    fn live(&self) -> bool;
}

impl Daemon for Handle {
    fn report(&self, report: DegradationReport, source: Source) -> Answer<'_, Accepted> {
        Box::pin(Handle::report(self, report, source))
    }
    fn refuse(&self, source: Source, code: &'static str, said: String) -> Answer<'_, ()> {
        Box::pin(Handle::refuse(self, source, code, said))
    }
    fn pause(&self, by: String, reason: String) -> Answer<'_, Seq> {
        Box::pin(Handle::pause(self, by, reason))
    }
    fn drain(&self, by: String, reason: String) -> Answer<'_, Seq> {
        Box::pin(Handle::drain(self, by, reason))
    }
    fn control(&self, control: Control, statement: Vec<u8>, signature: String) -> Answer<'_, Seq> {
        Box::pin(Handle::control(self, control, statement, signature))
    }
    fn close(&self, incident: IncidentId, by: String, reason: String) -> Answer<'_, Seq> {
        Box::pin(Handle::close(self, incident, by, reason))
    }
    fn readiness(&self) -> Readiness {
        Handle::readiness(self)
    }
    fn audit(&self) -> Option<Audit> {
        Handle::audit(self)
    }
    fn live(&self) -> bool {
        Handle::live(self)
    }
}
