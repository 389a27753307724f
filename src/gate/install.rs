//! The git hook: written beside what is there already, which runs first, and taken away again without a trace.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::git::{Git, GitError};

/// The hooks: git runs the second, and not the first, for the commit of a merge.
const HOOKS: [&str; 2] = ["pre-commit", "pre-merge-commit"];
/// How the hook that was there before is called while ours stands in its place.
const BEFORE: &str = ".before-runbook-gate";
/// Tells our hook from others.
const MARK: &str = "# runbook-gate hook 1";

/// The hook could not be put in place, or taken away.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// git could not say where hooks lie.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file could not be touched.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// What was attempted.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Somebody else's hook.
    #[error("{0} is not ours, and nothing was changed; `runbook-gate install` puts ours before it")]
    NotOurs(PathBuf),
    /// There is none.
    #[error("there is no hook at {0}; nothing was changed")]
    NotThere(PathBuf),
    /// Two hooks want to be kept under one name.
    #[error("{0} is there from earlier and would be overwritten; look at it, and move it away or back")]
    InTheWay(PathBuf),
}

/// What was done, for people.
pub fn install(git: &Git, program: &Path) -> Result<String, InstallError> {
    let folder = git.path_of("hooks")?;
    fs::create_dir_all(&folder).map_err(|source| file("make", &folder, source))?;
    let mut said = Vec::new();
    for name in HOOKS {
        let (hook, before) = (folder.join(name), folder.join(format!("{name}{BEFORE}")));
        let chained = match read(&hook)? {
            None => false,
            Some(text) if text.contains(MARK) => before.exists(),
            Some(_) if before.exists() => return Err(InstallError::InTheWay(before)),
            Some(_) => {
                fs::rename(&hook, &before).map_err(|source| file("move", &hook, source))?;
                true
            }
        };
        // Beside, then renamed: a commit at this moment sees either hook whole.
        let fresh = hook.with_extension("runbook-gate-new");
        fs::write(&fresh, script(program, name)).map_err(|source| file("write", &fresh, source))?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&fresh, mode).map_err(|source| file("make a program of", &fresh, source))?;
        fs::rename(&fresh, &hook).map_err(|source| file("write", &hook, source))?;
        let then = match chained {
            true => format!("; it runs {} first, which was there before", before.display()),
            false => String::new(),
        };
        said.push(format!("{}{then}", hook.display()));
    }
    let what = "`git commit` and `git merge` are judged from now on (git runs no hook for cherry-pick and rebase: \
                let CI judge the range)";
    Ok(format!("{what}:\n{}", said.join("\n")))
}

/// What was done, for people.
pub fn uninstall(git: &Git) -> Result<String, InstallError> {
    let folder = git.path_of("hooks")?;
    let mut said = Vec::new();
    for name in HOOKS {
        let (hook, before) = (folder.join(name), folder.join(format!("{name}{BEFORE}")));
        match read(&hook)? {
            // Of two that were there before, or of an older version's, one may be gone.
            None if !said.is_empty() => continue,
            Some(text) if !text.contains(MARK) && !said.is_empty() => continue,
            None => return Err(InstallError::NotThere(hook)),
            Some(text) if !text.contains(MARK) => return Err(InstallError::NotOurs(hook)),
            Some(_) => {}
        }
        if before.exists() {
            fs::rename(&before, &hook).map_err(|source| file("put back", &before, source))?;
            said.push(format!("; {} is what it was before", hook.display()));
        } else {
            fs::remove_file(&hook).map_err(|source| file("remove", &hook, source))?;
            said.push(String::new());
        }
    }
    Ok(format!("commits are not judged any more{}", said.concat()))
}

fn read(path: &Path) -> Result<Option<String>, InstallError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file("read", path, error)),
    }
}

fn file(what: &'static str, path: &Path, source: std::io::Error) -> InstallError {
    InstallError::File { what, path: path.to_owned(), source }
}

/// A program that is missing blocks: what cannot be judged does not land.
fn script(program: &Path, name: &str) -> String {
    let quoted = format!("'{}'", program.to_string_lossy().replace('\'', r"'\''"));
    format!(
        r#"#!/bin/sh
{MARK}: `runbook-gate uninstall` takes it away and puts back what was here.
before="$(dirname "$0")/{name}{BEFORE}"
if [ -x "$before" ]; then "$before" "$@" || exit $?; fi
gate={quoted}
[ -x "$gate" ] || gate=$(command -v runbook-gate) || {{
  echo "runbook-gate is not installed any more: install it, or take this hook away: rm $0" >&2
  exit 69
}}
exec "$gate"
"#
    )
}
