//! Signed statements: what gives the remediator more power again is signed by a person (RM-44).

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::client::{Client, NoAnswer};
use super::exit::Failure;
use super::{Exit, Home, out, signing};
use crate::audit::StatusView;
use crate::base::ids::Receipt;
use crate::base::time::rfc3339;
use crate::remediator::Control;

/// What every command that signs a statement takes.
#[derive(Debug, clap::Args)]
pub struct Signing {
    /// Why; it stands in the journal.
    #[arg(long)]
    reason: String,
    /// Your SSH key (ed25519): the private key, or the public one of a key that an agent holds.
    #[arg(long, value_name = "PATH")]
    key: Option<PathBuf>,
}

impl Signing {
    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Signs a statement and hands it to the daemon; its answer.
pub fn send(
    home: &Home,
    control: Control,
    subject: Option<&str>,
    signing: Signing,
) -> Result<String, Failure> {
    send_with(home, control, subject, None, signing)
}

/// The same with a further member, which is signed with the rest.
pub fn send_with(
    home: &Home,
    control: Control,
    subject: Option<&str>,
    further: Option<(&str, Value)>,
    signing: Signing,
) -> Result<String, Failure> {
    let reason = signing.reason.trim();
    if reason.is_empty() {
        return Err(Failure::new(Exit::Usage, "a statement needs a reason").hint("--reason \"why\""));
    }
    let client = Client::new(home)?;
    let status = client.get("/v1/status").map_err(NoAnswer::into_failure)?;
    let status: StatusView = serde_json::from_str(&status).map_err(|e| {
        Failure::new(Exit::Unavailable, "the daemon's answer cannot be understood").because(e)
    })?;
    let mut statement = json!({
        "v": 1, "action": control.word(), "node": status.node, "subject": subject, "reason": reason,
        // Unpredictable enough: a statement is good once, and it is signed.
        "nonce": Receipt::fresh(), "issued_at": rfc3339(out::now_us()),
    });
    if let Some((name, value)) = further {
        statement[name] = value;
    }
    let statement = statement.to_string().into_bytes();
    let key = signing::key(home, signing.key)?;
    let signature = signing::sign(&key, control.role().namespace(), &statement)?;
    let body = json!({"statement": STANDARD.encode(&statement), "signature": signature});
    let path = format!("/v1/control/{}", control.word());
    client.post(&path, body.to_string()).map_err(NoAnswer::into_failure)
}
