//! A person's SSH key: found, and used through our own signer or, for keys that an agent or a passphrase holds,
//! through `ssh-keygen -Y sign`. Keys are never in the home.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Home;
use super::exit::{Exit, Failure};
use crate::api::{Bearer, Tokens};
use crate::base::sshsig::SshPrivateKey;

/// The key: as said, else the one that `init` made for the home's owner, else the usual one.
pub fn key(home: &Home, said: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(path) = said {
        return Ok(path);
    }
    let mut places = Vec::new();
    let user = std::env::var_os("HOME").map(PathBuf::from);
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let config = config.or_else(|| user.as_ref().map(|h| h.join(".config")));
    let token = std::fs::read_to_string(home.token()).unwrap_or_default();
    if let (Some(config), Ok(tokens)) = (config, Tokens::load(&home.tokens()))
        && let Some(Bearer::Person { name, .. }) = tokens.verify(token.trim())
    {
        places.push(config.join("remediator/keys").join(name));
    }
    if let Some(user) = user {
        places.push(user.join(".ssh/id_ed25519"));
    }
    let found = places.iter().find(|p| p.exists()).cloned();
    found.ok_or_else(|| {
        let looked: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
        Failure::new(
            Exit::Usage,
            format!("there is no SSH key to sign with (looked at {})", looked.join(", ")),
        )
        .hint("say which with --key PATH")
    })
}

/// An armored signature of `message` for `namespace`.
pub fn sign(key: &Path, namespace: &str, message: &[u8]) -> Result<String, Failure> {
    let cannot =
        |why: String| Failure::new(Exit::Usage, format!("cannot sign with {}: {why}", key.display()));
    let text = std::fs::read_to_string(key).map_err(|e| cannot(e.to_string()))?;
    if let Ok(private) = SshPrivateKey::parse(&text) {
        return private.sign(namespace, message).map_err(|e| cannot(e.to_string()));
    }
    // A public key, or a private one with a passphrase: ssh-keygen asks the agent or the person.
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", namespace, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| {
            cannot(format!("ssh-keygen could not be started: {e}")).hint("install openssh-client")
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(message).map_err(|e| cannot(e.to_string()))?;
    }
    let done = child.wait_with_output().map_err(|e| cannot(e.to_string()))?;
    if !done.status.success() {
        return Err(cannot("ssh-keygen refused (see above)".into())
            .hint("an ed25519 key is needed: its private file, or its .pub while an agent holds it"));
    }
    String::from_utf8(done.stdout).map_err(|e| cannot(e.to_string()))
}
