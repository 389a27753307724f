//! The channel that is always there: the daemon's own log.

use super::Message;
use crate::event::notice::Delivery;

/// Writes the message as a warning with its incident.
pub(super) fn deliver(message: &Message) -> Delivery {
    let incident = message.incident.map(|id| id.to_string()).unwrap_or_default();
    tracing::warn!(
        incident,
        topic = message.queued.topic,
        notice = message.notice,
        "{}",
        message.queued.text
    );
    Delivery::Delivered { said: String::new() }
}
