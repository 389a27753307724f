//! What HTTP receivers answer, as one of the three answers of a delivery. Shared by every channel that speaks HTTP.

use std::error::Error as _;

use crate::base::limits::RECEIPT_BYTES_MAX;
use crate::base::redact::redact;
use crate::base::text::{clean, clip};
use crate::event::notice::Delivery;

/// Bytes of an answer that are read at all.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// No redirects (a receiver is who was named), no proxy, no kept connections (each try stands alone).
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    // An error means that a provider is there already, and it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .user_agent(concat!("remediator/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends and judges. 2xx is delivered; 408, 425, 429 and 5xx may go away; every other answer will not.
pub(super) async fn send(request: reqwest::RequestBuilder) -> Delivery {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return failed(&error),
    };
    let status = response.status();
    let retry_after_ms = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|v| v.to_str().ok()?.trim().parse::<u64>().ok())
        .map(|seconds| seconds.saturating_mul(1_000));
    let mut body = Vec::new();
    while body.len() < ANSWER_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES_MAX - body.len())])
            }
            Ok(None) => break,
            // The status counts; a text that breaks off is as much of it as there is.
            Err(_) => break,
        }
    }
    let said = words(&format!("HTTP {} {}", status.as_u16(), String::from_utf8_lossy(&body)));
    match status.as_u16() {
        200..=299 => Delivery::Delivered { said },
        408 | 425 | 429 | 500..=599 => Delivery::Failed { reason: said, retry_after_ms },
        300..=399 => {
            Delivery::Refused { reason: format!("{said} (redirects are not followed: write where it leads)") }
        }
        _ => Delivery::Refused { reason: said },
    }
}

/// One line, clean, redacted, bounded.
pub(super) fn words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    clip(&redact(&clean(&line)), RECEIPT_BYTES_MAX).to_owned()
}

/// The causes say what happened; the first words would only repeat the URL, which may be a secret.
fn failed(error: &reqwest::Error) -> Delivery {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    let reason = match causes.is_empty() {
        true if error.is_builder() => "the URL cannot be used".to_owned(),
        true => "the request could not be sent".to_owned(),
        false => words(&causes.join(": ")),
    };
    match error.is_builder() {
        true => Delivery::Refused { reason },
        false => Delivery::Failed { reason, retry_after_ms: None },
    }
}

/// An http or https URL without user and password.
pub(super) fn check_url(member: &str, url: &str) -> Result<(), String> {
    let parsed = reqwest::Url::parse(url).map_err(|e| format!("{member} is not a URL: {e}"))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none_or(str::is_empty) {
        return Err(format!("{member} must be an http:// or https:// URL"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(format!("{member} holds a user or password: refer to a secret instead"));
    }
    Ok(())
}
