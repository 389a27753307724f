//! Channel kind `ntfy`: publishes to a topic of an ntfy server (ntfy.sh or one's own), louder the worse it is.
//! Format: https://docs.ntfy.sh/publish/#publish-as-json

use std::time::Duration;

use serde::Deserialize;

use super::{Message, Ports, answer, secrets};
use crate::base::text::clip;
use crate::event::degradation::Severity;
use crate::event::notice::Delivery;

/// ntfy turns a longer message into an attachment.
const TEXT_BYTES_MAX: usize = 4_000;

/// Which topic where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// URL of the server. Default https://ntfy.sh.
    #[serde(default)]
    pub server: Option<String>,
    /// The topic. Exactly one of `topic` and `topic_secret`: whoever knows it can read along.
    #[serde(default)]
    pub topic: Option<String>,
    /// Name of the secret that holds the topic.
    #[serde(default)]
    pub topic_secret: Option<String>,
    /// Name of the secret that holds an access token.
    #[serde(default)]
    pub token_secret: Option<String>,
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(server) = &self.server {
            answer::check_url("server", server)?;
        }
        if let Some(name) = &self.token_secret {
            secrets::check("token_secret", name)?;
        }
        match (&self.topic, &self.topic_secret) {
            (Some(topic), None) if is_topic(topic) => Ok(()),
            (Some(_), None) => Err("topic must match ^[-_A-Za-z0-9]{1,64}$".into()),
            (None, Some(name)) => secrets::check("topic_secret", name),
            _ => Err("write exactly one of topic and topic_secret".into()),
        }
    }

    pub(super) async fn deliver(&self, ports: &Ports, message: &Message, _: Duration) -> Delivery {
        let topic = self.topic_secret.as_ref().map(|name| ports.secrets.read(name)).transpose();
        let token = self.token_secret.as_ref().map(|name| ports.secrets.read(name)).transpose();
        let (topic, token) = match (topic, token) {
            (Ok(topic), Ok(token)) => (topic, token),
            (Err(reason), _) | (_, Err(reason)) => return Delivery::Failed { reason, retry_after_ms: None },
        };
        let topic = topic.as_ref().map(|s| s.expose().as_str()).or(self.topic.as_deref()).unwrap_or_default();
        let body = body(topic, message).to_string();
        let server = self.server.as_deref().unwrap_or("https://ntfy.sh");
        let mut request = ports.http.post(server).header(reqwest::header::CONTENT_TYPE, "application/json");
        if let Some(token) = &token {
            request = request.bearer_auth(token.expose());
        }
        answer::send(request.body(body)).await
    }
}

fn is_topic(topic: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&topic.len()) && topic.bytes().all(fits)
}

fn body(topic: &str, message: &Message) -> serde_json::Value {
    // 1 to 5; 3 is what ntfy takes for granted.
    let priority = match message.queued.about.as_ref().map(|about| about.severity) {
        Some(Severity::Critical) => 5,
        Some(Severity::Error) => 4,
        Some(Severity::Info) => 2,
        Some(Severity::Warning) | None => 3,
    };
    let title = message.queued.about.as_ref().map_or_else(
        || message.queued.topic.replace('_', " "),
        |about| format!("{} on {}", about.code, about.target),
    );
    serde_json::json!({
        "topic": topic,
        "title": title,
        "message": clip(&message.queued.text, TEXT_BYTES_MAX),
        "priority": priority,
        "tags": [message.queued.topic],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::message;

    #[test]
    fn the_priority_follows_the_severity_and_topics_are_checked() {
        let priority = |severity| body("t", &message("text", severity))["priority"].clone();
        let all = [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical];
        assert_eq!(all.map(priority), [2, 3, 4, 5]);
        let one = body("t", &message(&"ä".repeat(5_000), Severity::Error));
        assert_eq!(
            (&one["title"], one["message"].as_str().map(str::len)),
            (&"CODE on web".into(), Some(4_000))
        );
        assert!(is_topic("my-topic_1") && !is_topic("a/b") && !is_topic("") && !is_topic(&"x".repeat(65)));
    }
}
