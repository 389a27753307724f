//! What the routes ask of the remediator, as a seam: the running one answers it, and tests do.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::audit::Audit;
use crate::base::ids::{IncidentId, Seq};
use crate::event::degradation::{DegradationReport, Source};
use crate::ingest::{Mappings, Recovery};
use crate::remediator::{
    Accepted, BeatRefused, ChannelTested, ContentList, ContentShown, Control, Forgotten, Handle, Heard, Live,
    ProposalList, Readiness, Rejection,
};
use crate::tlog::{self, Log, Witness};

/// An answer that comes when it is durable.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Rejection>> + Send + 'a>>;

/// What a heartbeat has led to.
pub type Beat<'a> = Pin<Box<dyn Future<Output = Result<Heard, BeatRefused>> + Send + 'a>>;

/// What one without eyes or channels answers where they are asked for: the methods about them need not be given.
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
    /// A person does not let a runbook act that asked for more trust.
    fn refuse_elevation(&self, _incident: IncidentId, _by: String, _reason: String) -> Answer<'_, Seq> {
        Box::pin(std::future::ready(Err(STARTING)))
    }
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
    /// A subject is forgotten.
    fn erase(&self, _subject: String, _by: String, _reason: String) -> Answer<'_, Forgotten> {
        Box::pin(std::future::ready(Err(STARTING)))
    }
    /// A person takes the grant of an external sentinel back.
    fn revoke_grant(&self, _sentinel: String, _by: String, _reason: String) -> Answer<'_, Seq> {
        Box::pin(std::future::ready(Err(STARTING)))
    }
    /// What is reported by the sentinels that expect a heartbeat.
    fn heartbeat_subsystems(&self, _name: &str) -> Result<Option<BTreeSet<String>>, Rejection> {
        Err(STARTING)
    }
    /// Takes a heartbeat in.
    fn heartbeat(&self, name: String, _by: Source, _at_ms: u64) -> Beat<'_> {
        Box::pin(std::future::ready(Err(BeatRefused::NotExpected(name))))
    }
    /// Every content file in force.
    fn content(&self) -> Result<ContentList, Rejection> {
        Err(STARTING)
    }
    /// One content file in force.
    fn content_file(&self, _name: &str) -> Result<ContentShown, Rejection> {
        Err(STARTING)
    }
    /// Every proposal in force.
    fn proposals(&self) -> Result<ProposalList, Rejection> {
        Err(STARTING)
    }
    /// What every sentinel sees just now.
    fn sentinels(&self) -> Result<Vec<Live>, Rejection> {
        Err(STARTING)
    }
    /// The journal as a transparency log.
    fn log(&self) -> Result<Log, tlog::Error> {
        Err(tlog::Error::NotYet { retry_after_s: 1 })
    }
    /// The witness of other logs; none when it knows no log.
    fn witness(&self) -> Result<Option<Witness>, Rejection> {
        Err(STARTING)
    }
    /// Which folder it serves, where that can be told.
    fn home(&self) -> Option<&str> {
        None
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
    fn refuse_elevation(&self, incident: IncidentId, by: String, reason: String) -> Answer<'_, Seq> {
        Box::pin(Handle::refuse_elevation(self, incident, by, reason))
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
    fn erase(&self, subject: String, by: String, reason: String) -> Answer<'_, Forgotten> {
        Box::pin(Handle::erase(self, subject, by, reason))
    }
    fn revoke_grant(&self, sentinel: String, by: String, reason: String) -> Answer<'_, Seq> {
        Box::pin(Handle::revoke_grant(self, sentinel, by, reason))
    }
    fn heartbeat_subsystems(&self, name: &str) -> Result<Option<BTreeSet<String>>, Rejection> {
        Handle::heartbeat_subsystems(self, name)
    }
    fn heartbeat(&self, name: String, by: Source, at_ms: u64) -> Beat<'_> {
        Box::pin(Handle::heartbeat(self, name, by, at_ms))
    }
    fn content(&self) -> Result<ContentList, Rejection> {
        Handle::content(self)
    }
    fn content_file(&self, name: &str) -> Result<ContentShown, Rejection> {
        Handle::content_file(self, name)
    }
    fn proposals(&self) -> Result<ProposalList, Rejection> {
        Handle::proposals(self)
    }
    fn sentinels(&self) -> Result<Vec<Live>, Rejection> {
        Handle::sentinels(self)
    }
    fn log(&self) -> Result<Log, tlog::Error> {
        Handle::log(self)
    }
    fn witness(&self) -> Result<Option<Witness>, Rejection> {
        Handle::witness(self)
    }
    fn home(&self) -> Option<&str> {
        Handle::home(self)
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
