//! The demo's folder: a temporary one, or one that the caller names (empty, or made by an earlier demo). Holds a
//! real home, made the way `init` makes every home, with fresh keys that are good for nothing else.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::base::sshsig::SshPrivateKey;
use crate::cli::init::{files, home, sample};
use crate::runbook::LiveEvidence;

/// Says that a folder is a demo's and may be emptied by the next one.
const MARK: &str = ".remediator-demo";
const MARK_TEXT: &str = "made by `remediator demo`; the next demo may empty this folder";
/// The demo's person.
pub const PERSON: &str = "demo-operator";

/// A made folder.
pub struct Folder {
    /// The home.
    pub home: PathBuf,
    /// The person's token.
    pub token: String,
    /// `127.0.0.1:PORT` for the daemon.
    pub listen: String,
    /// Port of the service.
    pub service_port: u16,
    temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// Makes it. Runbooks approved on the way are handed to `show`.
    pub fn make(
        wish: Option<&Path>,
        program: &Path,
        show: &mut dyn FnMut(&home::Shown),
    ) -> anyhow::Result<Self> {
        let (place, temporary) = match wish {
            Some(folder) => (emptied(folder)?, None),
            None => {
                let folder = tempfile::Builder::new().prefix("remediator-demo-").tempdir();
                let folder = folder.context("cannot make a temporary folder (is TMPDIR writable?)")?;
                (folder.path().join("home"), Some(folder))
            }
        };
        let (api_port, service_port) = free_ports()?;
        let listen = format!("127.0.0.1:{api_port}");
        let program_text = program.to_str().context("the path of this program is not UTF-8")?;
        let key = SshPrivateKey::generate("remediator demo, good for nothing else")?;
        let keys = tempfile::tempdir().context("cannot make a temporary folder for the demo's key")?;
        let key_path = keys.path().join(PERSON);
        files::write_private(&key_path, key.to_openssh()?.as_bytes())?;
        let wish = home::Wish {
            home: place.clone(),
            principal: PERSON.to_owned(),
            key: key_path.clone(),
            solo: true,
            evidence: LiveEvidence::None,
            listen: listen.clone(),
            sample: Some(sample::Facts { program: program_text, port: service_port }),
        };
        let made = home::make(&wish, &mut |shown| {
            shown.iter().for_each(&mut *show);
            Ok(home::Answer::Approved)
        })?;
        // The key moves into the demo's folder, so that what is printed at the end (resume, sign) can be tried.
        let kept = place.join("keys");
        std::fs::create_dir(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
        for name in [PERSON.to_owned(), format!("{PERSON}.pub")] {
            let from = keys.path().join(&name);
            if let Ok(bytes) = std::fs::read(&from) {
                files::write_private(&kept.join(&name), &bytes)?;
            }
        }
        std::fs::write(place.join(MARK), format!("{MARK_TEXT}\n"))?;
        Ok(Self { home: place, token: made.token, listen, service_port, temporary })
    }

    /// Keeps a temporary folder, and remembers who runs in it.
    pub fn keep(&mut self, daemon: Option<u32>) -> anyhow::Result<()> {
        if let Some(pid) = daemon {
            std::fs::write(self.home.join(MARK), format!("{MARK_TEXT}\n{pid}\n"))?;
        }
        if let Some(folder) = self.temporary.take() {
            let _ = folder.keep();
        }
        Ok(())
    }
}

/// The folder, without what an earlier demo left in it.
fn emptied(folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    let Ok(mut entries) = std::fs::read_dir(&folder) else { return Ok(folder) };
    if entries.next().is_none() {
        return Ok(folder);
    }
    if !folder.join(MARK).is_file() {
        bail!("{} is not empty and was not made by an earlier demo; name another folder", folder.display());
    }
    if let Some(pid) = daemon_of(&folder) {
        bail!("the daemon of an earlier demo still runs in {} (pid {pid}): kill {pid}", folder.display());
    }
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("cannot empty {} of the earlier demo", folder.display()))?;
    Ok(folder)
}

/// The daemon that an earlier demo left running in a folder.
fn daemon_of(folder: &Path) -> Option<i32> {
    let pid = std::fs::read_to_string(folder.join(MARK)).ok()?.lines().nth(1)?.parse().ok()?;
    let command = procfs::process::Process::new(pid).ok()?.cmdline().ok()?;
    (command.iter().any(|arg| arg == "serve") && command.iter().any(|arg| Path::new(arg) == folder))
        .then_some(pid)
}

/// Two free ports. Held together, so that they differ; somebody else may still take one before we do, which the
/// daemon then says.
fn free_ports() -> anyhow::Result<(u16, u16)> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1");
    let (one, two) = (bind()?, bind()?);
    Ok((one.local_addr()?.port(), two.local_addr()?.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_elses_folder_is_left_alone_and_a_demos_own_is_emptied() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("thesis.txt"), "years of work").expect("a file");
        let refused = emptied(folder.path()).expect_err("not ours").to_string();
        assert!(refused.contains("not empty"), "{refused}");
        assert!(folder.path().join("thesis.txt").exists());
        std::fs::write(folder.path().join(MARK), "").expect("a file");
        assert!(emptied(folder.path()).is_ok() && !folder.path().join("thesis.txt").exists());
    }

    #[test]
    fn ports_differ() {
        let (one, two) = free_ports().expect("free ports");
        assert_ne!(one, two);
    }
}
