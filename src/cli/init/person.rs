//! The person's SSH key: the one they name, else the first ed25519 key of their agent or `~/.ssh`, else a fresh one
//! in their own config folder. Never in the home: who can write the home must not be able to sign for a person.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::files;
use crate::base::sshsig::{SshPrivateKey, SshPublicKey};

/// Where the key came from, for the person to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Named on the command line.
    Named,
    /// Held by their agent.
    Agent,
    /// In `~/.ssh`.
    SshFolder,
    /// Made now.
    Fresh,
    /// Made by an earlier `init`.
    Ours,
}

/// A key that can sign: the path that `ssh-keygen -Y sign -f` takes (private, or public with an agent).
#[derive(Debug, Clone)]
pub struct Key {
    /// Path for signing.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: Origin,
}

/// The places where keys are looked for; all of them from the environment, so that tests can move them.
pub struct Places {
    /// `$HOME/.ssh`.
    pub ssh: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME/remediator/keys`, else `$HOME/.config/remediator/keys`.
    pub own: Option<PathBuf>,
    /// Whether an agent may be asked.
    pub agent: bool,
}

impl Places {
    /// Of the person who runs this. Relative XDG values are ignored.
    pub fn of_environment() -> Self {
        let absolute =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let config = absolute("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|h| h.join(".config")));
        Self {
            ssh: home.map(|h| h.join(".ssh")),
            own: config.map(|c| c.join("remediator").join("keys")),
            agent: std::env::var_os("SSH_AUTH_SOCK").is_some(),
        }
    }
}

/// Finds or makes the key of a principal.
pub fn key(named: Option<&Path>, principal: &str, places: &Places) -> anyhow::Result<Key> {
    if let Some(path) = named {
        public_of(path)?;
        return Ok(Key { path: path.to_owned(), origin: Origin::Named });
    }
    let own = places.own.as_deref().map(|own| own.join(principal));
    let found = candidates(places).into_iter().find(|key| {
        // Of the keys that earlier inits made only the one of this principal.
        key.origin != Origin::Ours || own.as_deref() == Some(key.path.as_path())
    });
    match (found, &places.own) {
        (Some(key), _) => Ok(key),
        (None, Some(own)) => generate(own, principal),
        (None, None) => {
            bail!("no SSH key found and no place for a new one: set HOME, or name a key with --key PATH")
        }
    }
}

/// Every key that could sign without being named: of the agent, of `~/.ssh`, made by earlier inits.
pub fn candidates(places: &Places) -> Vec<Key> {
    let of = |origin| move |path| Key { path, origin };
    let agent = from_agent(places).into_iter().map(of(Origin::Agent));
    let ssh = places.ssh.as_deref().map(pairs_in).unwrap_or_default().into_iter().map(of(Origin::SshFolder));
    let own = places.own.as_deref().map(pairs_in).unwrap_or_default().into_iter().map(of(Origin::Ours));
    agent.chain(ssh).chain(own).collect()
}

/// A fresh key in the person's config folder.
fn generate(own: &Path, principal: &str) -> anyhow::Result<Key> {
    files::private_folder(own)?;
    let path = own.join(principal);
    let key = SshPrivateKey::generate(principal)?;
    files::write_private(&path, key.to_openssh()?.as_bytes())?;
    let public = format!("{} {principal}\n", key.public()?);
    files::write_new(&path.with_added_extension("pub"), public.as_bytes())?;
    files::sync_folder(own)?;
    Ok(Key { path, origin: Origin::Fresh })
}

/// The public half that belongs to a path for signing.
pub fn public_of(path: &Path) -> anyhow::Result<SshPublicKey> {
    let read = |path: &Path| std::fs::read_to_string(path);
    let beside = path.with_added_extension("pub");
    let (at, text) = match read(&beside) {
        Ok(text) => (beside, text),
        Err(_) => {
            (path.to_owned(), read(path).with_context(|| format!("cannot read the key {}", path.display()))?)
        }
    };
    if text.contains("PRIVATE KEY") {
        let key = SshPrivateKey::parse(&text).with_context(|| {
            format!("cannot use the key {} (put its public half beside it: ssh-keygen -y)", at.display())
        })?;
        return Ok(key.public()?);
    }
    SshPublicKey::parse(&text).with_context(|| format!("cannot use the key {}", at.display()))
}

/// The ed25519 keys of the agent; their public halves are kept in the config folder, because signing asks for a path.
fn from_agent(places: &Places) -> Vec<PathBuf> {
    let (true, Some(own)) = (places.agent, &places.own) else { return Vec::new() };
    let listed = Command::new("ssh-add").arg("-L").stdin(Stdio::null()).stderr(Stdio::null()).output();
    // No ssh-add, no agent behind the socket, no keys in it: then there is none here.
    let Ok(listed) = listed else { return Vec::new() };
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let publics = text.lines().filter_map(|line| SshPublicKey::parse(line).ok());
    publics.enumerate().filter_map(|(n, public)| keep_public(&own.join("agent"), n, &public).ok()).collect()
}

fn keep_public(folder: &Path, n: usize, public: &SshPublicKey) -> anyhow::Result<PathBuf> {
    files::private_folder(folder)?;
    let path = folder.join(format!("{n}.pub"));
    std::fs::write(&path, format!("{public}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The ed25519 key pairs of a folder: `id_ed25519` before others, the others by name.
fn pairs_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort_by_key(|path| (!path.ends_with("id_ed25519.pub"), path.clone()));
    let publics = paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "pub"));
    publics
        .filter(|path| std::fs::read_to_string(path).is_ok_and(|text| SshPublicKey::parse(&text).is_ok()))
        .map(|path| path.with_extension(""))
        .filter(|private| private.is_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(folder: &Path) -> Places {
        Places { ssh: Some(folder.join("ssh")), own: Some(folder.join("own")), agent: false }
    }

    #[test]
    fn a_key_in_the_ssh_folder_is_used_and_otherwise_one_is_made_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = places(folder.path());
        let fresh = key(None, "ada", &places).expect("a fresh key");
        assert_eq!(fresh.origin, Origin::Fresh);
        let again = key(None, "ada", &places).expect("the same key");
        assert_eq!((again.origin, &again.path), (Origin::Ours, &fresh.path));
        std::fs::create_dir(folder.path().join("ssh")).expect("a folder");
        for (from, to) in [("ada", "id_work"), ("ada.pub", "id_work.pub")] {
            std::fs::copy(folder.path().join("own").join(from), folder.path().join("ssh").join(to))
                .expect("copied");
        }
        let found = key(None, "ada", &places).expect("a key");
        assert_eq!((found.origin, found.path), (Origin::SshFolder, folder.path().join("ssh/id_work")));
    }

    #[test]
    fn a_named_key_must_be_usable() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = places(folder.path());
        let absent = key(Some(&folder.path().join("absent")), "ada", &places).expect_err("absent");
        assert!(format!("{absent:#}").contains("absent"));
        std::fs::write(folder.path().join("rubbish"), "rubbish").expect("written");
        assert!(key(Some(&folder.path().join("rubbish")), "ada", &places).is_err());
    }
}
