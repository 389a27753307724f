//! What the routes ask of the remediator, as a seam: the running one answers it, and tests do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::audit::Audit;
use crate::base::ids::{IncidentId, Seq};
use crate::event::degradation::{DegradationReport, Source};
use crate::ingest::{Mappings, Recovery};
use crate::remediator::{Accepted, ChannelTested, Control, Handle, Readiness, Rejection};

/// An answer that comes when it is durable.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Rejection>> + Send + 'a>>;

/// What one that has no channels and takes nothing in answers.
const STARTING: Rejection = Rejection::NotReady { retry_after_s: 1 };

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
    /// A trouble is over.
    fn recover(&self, _recovery: Recovery, _source: Source) -> Answer<'_, Accepted> {
        Box::pin(std::future::ready(Err(STARTING)))
    }
    /// How what other programs send becomes reports.
    fn ingest(&self) -> Result<Arc<Mappings>, Rejection> {
        Err(STARTING)
    }
    /// Every channel with its kind.
    fn channels(&self) -> Result<Vec<(String, String)>, Rejection> {
        Err(STARTING)
    }
    /// Sends a test through a channel.
    fn test_channel(&self, _channel: String, _by: String) -> Answer<'_, ChannelTested> {
        Box::pin(std::future::ready(Err(STARTING)))
    }
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
    fn recover(&self, recovery: Recovery, source: Source) -> Answer<'_, Accepted> {
        Box::pin(Handle::recover(self, recovery, source))
    }
    fn ingest(&self) -> Result<Arc<Mappings>, Rejection> {
        Handle::ingest(self)
    }
    fn channels(&self) -> Result<Vec<(String, String)>, Rejection> {
        Handle::channels(self)
    }
    fn test_channel(&self, channel: String, by: String) -> Answer<'_, ChannelTested> {
        Box::pin(Handle::test_channel(self, channel, by))
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
