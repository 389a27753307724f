//! Homes for benchmarks: made by `remediator init`, with content of their own that is signed and approved the same
//! way as anybody's.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Done, Run};

/// The program that is measured.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_remediator");
/// The person of these homes.
const PERSON: &str = "bench";

/// A home on disk.
pub struct Home {
    pub root: PathBuf,
    key: PathBuf,
}

impl Home {
    /// Made by `init`; `files` (path → text, the proposal among them) are signed and approved; limits are lifted.
    pub fn make(run: &Run, files: &[(String, String)]) -> Done<Self> {
        let folder = run.folder("home")?;
        let key = folder.join("key");
        let quiet = ["-q", "-t", "ed25519", "-N", "", "-C", PERSON, "-f"];
        succeed(Command::new("ssh-keygen").args(quiet).arg(&key))?;
        let home = Self { root: folder.join("home"), key };
        let key = home.key.to_string_lossy().into_owned();
        let evidence = ["--live-evidence", "none"];
        home.command(
            &[&["init", "--approve-shipped", "--name", PERSON, "--key", &key], &evidence[..]].concat(),
        )?;
        let config = home.root.join("remediator.yaml");
        let lifted = std::fs::read_to_string(&config)?.replace("limits:\n", "limits:\n  lifted: true\n");
        std::fs::write(config, lifted)?;
        home.add(files)?;
        Ok(home)
    }

    fn add(&self, files: &[(String, String)]) -> Done {
        for (path, text) in files {
            let file = self.root.join(path);
            std::fs::create_dir_all(file.parent().unwrap_or(&self.root))?;
            std::fs::write(&file, text)?;
            self.command(&[
                "runbook",
                "sign",
                "--key",
                &self.key.to_string_lossy(),
                &file.to_string_lossy(),
            ])?;
        }
        for (path, _) in files {
            if let Some(id) = path.strip_prefix("proposals/").and_then(|p| p.strip_suffix("/proposal.yaml")) {
                self.command(&["runbook", "approve", id, "--yes", "--key", &self.key.to_string_lossy()])?;
            }
        }
        Ok(())
    }

    fn command(&self, args: &[&str]) -> Done {
        let mut command = Command::new(PROGRAM);
        succeed(command.args(args).env("REMEDIATOR_HOME", &self.root).env_remove("SSH_AUTH_SOCK"))
    }

    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }
    pub fn token(&self) -> Done<String> {
        Ok(std::fs::read_to_string(self.state().join("token"))?.trim().to_owned())
    }
}

fn succeed(command: &mut Command) -> Done {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{command:?} ended with {}: {said}", output.status).into())
}

/// Size of all files below a folder, in bytes.
pub fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// A proposal that allows what benchmarks do.
pub fn proposal(id: &str) -> (String, String) {
    let text = format!(
        "v: 1\nid: {id}\ntitle: Benchmarks\nfailure_class: A benchmark says so\nevidence: [it is there to be measured]\n\
         may: {{steps: [run, service], targets: ['*'], blast_radius: machine}}\nrisks: [none]\nundo: Delete the folder.\n"
    );
    (format!("proposals/{id}/proposal.yaml"), text)
}
