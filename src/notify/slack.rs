//! Channel kind `slack`: an incoming webhook of Slack, or of anything that takes the same JSON (Mattermost, Rocket.Chat).
//! Its URL is the secret. Format: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks

use std::time::Duration;

use serde::Deserialize;

use super::{Message, Ports, answer, secrets};
use crate::base::text::clip;
use crate::event::notice::Delivery;

/// A text of a block has at most 3,000 characters; escaping may make five of one.
const TEXT_BYTES_MAX: usize = 2_900;

/// Which webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name of the secret that holds the URL of the webhook.
    pub url_secret: String,
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), String> {
        secrets::check("url_secret", &self.url_secret)
    }

    pub(super) async fn deliver(&self, ports: &Ports, message: &Message, _: Duration) -> Delivery {
        let url = match ports.secrets.read(&self.url_secret) {
            Ok(url) => url,
            Err(reason) => return Delivery::Failed { reason, retry_after_ms: None },
        };
        let request = ports.http.post(url.expose()).header(reqwest::header::CONTENT_TYPE, "application/json");
        answer::send(request.body(body(message).to_string())).await
    }
}

/// Text for notifications, blocks for the screen. Nothing of a notice is markup, a link or a mention.
fn body(message: &Message) -> serde_json::Value {
    let text = escaped(&message.queued.text);
    let mut context = vec![escaped(&message.queued.topic.replace('_', " "))];
    if let Some(about) = &message.queued.about {
        let severity = serde_json::to_value(about.severity).unwrap_or_default();
        context.push(severity.as_str().unwrap_or_default().to_owned());
        context.push(escaped(&format!("{}/{} on {}", about.subsystem, about.code, about.target)));
    }
    if let Some(incident) = message.incident {
        context.push(format!("incident {incident}"));
    }
    let plain = |text: &str| serde_json::json!({"type": "plain_text", "text": text, "emoji": false});
    serde_json::json!({
        "text": text,
        "blocks": [
            {"type": "section", "text": plain(&text)},
            {"type": "context", "elements": [plain(&context.join(" · "))]},
        ],
    })
}

/// The three characters that Slack gives a meaning, as it wants them escaped; never cut inside an escape.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let one = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => {
                if out.len() + c.len_utf8() > TEXT_BYTES_MAX {
                    break;
                }
                out.push(c);
                continue;
            }
        };
        if out.len() + one.len() > TEXT_BYTES_MAX {
            break;
        }
        out.push_str(one);
    }
    clip(&out, TEXT_BYTES_MAX).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::degradation::Severity;
    use crate::notify::tests::message;

    #[test]
    fn nothing_of_a_notice_is_a_mention_or_a_link_and_it_fits() {
        let sent = body(&message("<!channel> a & b <http://evil|here>", Severity::Error));
        assert_eq!(sent["text"], "&lt;!channel&gt; a &amp; b &lt;http://evil|here&gt;");
        assert_eq!(sent["blocks"][0]["text"]["type"], "plain_text");
        assert_eq!(sent["blocks"][1]["elements"][0]["text"], "escalation · error · service/CODE on web");
        let long = body(&message(&"<".repeat(3_000), Severity::Error));
        let text = long["text"].as_str().expect("a text");
        assert!(text.len() <= TEXT_BYTES_MAX && text.ends_with("&lt;"));
    }
}
