//! The channel that is always there: the daemon's own log.

use super::Message;

/// Writes the message as a warning with its incident.
pub(super) fn deliver(message: &Message) {
    let incident = message.incident.map(|id| id.to_string()).unwrap_or_default();
    tracing::warn!(incident, topic = message.topic, notice = message.notice, "{}", message.text);
}
