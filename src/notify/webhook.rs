//! Channel kind `webhook`: a POST of JSON with a timestamp, a signature over both and the notice's id. A receiver
//! checks the signature, refuses old timestamps, and forgets what it has seen by the id.

use std::time::{Duration, SystemTime};

use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use sha2::Sha256;

use super::{Message, Ports, answer, secrets};
use crate::base::secret::Secret;
use crate::event::notice::Delivery;

/// Unix seconds at which this try was made.
const TIMESTAMP: &str = "X-Remediator-Timestamp";
/// `v1=` and the lower hex of HMAC-SHA256 over timestamp, `.` and body.
const SIGNATURE: &str = "X-Remediator-Signature";

/// Which receiver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it is. Exactly one of `url` and `url_secret`.
    #[serde(default)]
    pub url: Option<String>,
    /// Name of the secret that holds the URL, for one that must not be known.
    #[serde(default)]
    pub url_secret: Option<String>,
    /// Name of the secret that both sides know. Without it nothing is signed.
    #[serde(default)]
    pub sign_secret: Option<String>,
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(name) = &self.sign_secret {
            secrets::check("sign_secret", name)?;
        }
        match (&self.url, &self.url_secret) {
            (Some(url), None) => answer::check_url("url", url),
            (None, Some(name)) => secrets::check("url_secret", name),
            _ => Err("write exactly one of url and url_secret".into()),
        }
    }

    pub(super) async fn deliver(&self, ports: &Ports, message: &Message, _: Duration) -> Delivery {
        let body = message.json().to_string();
        let secret = |name: &String| ports.secrets.read(name);
        let (url, key) = match (
            self.url_secret.as_ref().map(secret).transpose(),
            self.sign_secret.as_ref().map(secret).transpose(),
        ) {
            (Ok(url), Ok(key)) => (url, key),
            (Err(reason), _) | (_, Err(reason)) => return Delivery::Failed { reason, retry_after_ms: None },
        };
        let url = url.as_ref().map(|s| s.expose().as_str()).or(self.url.as_deref()).unwrap_or_default();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let timestamp = now.to_string();
        let mut request = ports
            .http
            .post(url)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", message.id())
            .header(TIMESTAMP, &timestamp);
        if let Some(key) = &key {
            request = request.header(SIGNATURE, format!("v1={}", sign(key, &timestamp, &body)));
        }
        answer::send(request.body(body)).await
    }
}

fn sign(key: &Secret<String>, timestamp: &str, body: &str) -> String {
    // A key of any length is legal.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else { return String::new() };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_openssl_computes() {
        // printf '1700000000.{"v":1}' | openssl dgst -sha256 -hmac key
        let signature = sign(&Secret::new("key".into()), "1700000000", r#"{"v":1}"#);
        assert_eq!(signature, "afc180db7100385a559c0f5c5e3d6a432cd1ec1049002cc3920aac6cc071a1ec");
    }
}
