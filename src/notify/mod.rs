//! Delivery to people, one file per channel and one line in [`deliver`]. Not for: deciding what is told, or
//! when it is tried again (policy); a channel tries once and says how it went.

mod log;

/// One notice, ready to be told.
#[derive(Debug, Clone)]
pub struct Message {
    /// Seq of its `notice.queued` entry: receivers may see it twice and can tell by this.
    pub notice: crate::base::ids::Seq,
    /// The incident it is about.
    pub incident: Option<crate::base::ids::IncidentId>,
    /// What it is about, a stable word.
    pub topic: String,
    /// What it says.
    pub text: String,
}

/// A channel that did not take a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such channel.
    #[error("no channel `{0}` is known: this version has {known}", known = CHANNELS.join(", "))]
    UnknownChannel(String),
}

/// Every channel by name.
pub const CHANNELS: &[&str] = &["log"];

/// Hands a message to its channel, once.
pub fn deliver(channel: &str, message: &Message) -> Result<(), Error> {
    match channel {
        "log" => log::deliver(message),
        other => return Err(Error::UnknownChannel(other.to_owned())),
    }
    Ok(())
}
