//! The home and the paths in it. Not for making one (`init`).

use std::env;
use std::path::{Path, PathBuf};

use super::Global;
use super::exit::{Exit, Failure};

/// A home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// Where the home is or would be: `--home` or `REMEDIATOR_HOME`, else `$STATE_DIRECTORY`, else XDG state.
    pub fn locate(global: &Global) -> Result<Self, Failure> {
        let root = choose(
            global.home.clone(),
            env::var_os("STATE_DIRECTORY").map(PathBuf::from),
            env::var_os("XDG_STATE_HOME").map(PathBuf::from),
            env::var_os("HOME").map(PathBuf::from),
        );
        let root = root.ok_or_else(|| {
            Failure::new(Exit::Usage, "there is no place for a home: HOME is not set")
                .hint("say which with --home DIR or REMEDIATOR_HOME")
        })?;
        let root = std::path::absolute(&root)
            .map_err(|e| Failure::new(Exit::Usage, format!("not a path: {}", root.display())).because(e))?;
        Ok(Self { root })
    }

    /// A home that was made.
    pub fn existing(global: &Global) -> Result<Self, Failure> {
        let home = Self::locate(global)?;
        match std::fs::metadata(home.state()) {
            Ok(state) if state.is_dir() => return Ok(home),
            // It may well be there.
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                let what = format!("cannot look into the home at {}", home.root.display());
                return Err(Failure::new(Exit::Refused, what).hint("run as its owner").because(e));
            }
            _ => {}
        }
        let what = format!("there is no home at {}", home.root.display());
        Err(Failure::new(Exit::Unavailable, what)
            .hint("make one with `remediator init`, or say where yours is with --home DIR"))
    }

    /// One whose state this user may read: what is not allowed must not look like what is not there.
    pub fn readable(global: &Global) -> Result<Self, Failure> {
        let home = Self::existing(global)?;
        let state = home.state();
        let Err(error) = std::fs::read_dir(&state) else { return Ok(home) };
        let owner = std::fs::metadata(&state).map(|folder| std::os::unix::fs::MetadataExt::uid(&folder)).ok();
        let own = rustix::process::geteuid().as_raw();
        let what = format!("{} cannot be read by this user ({own})", state.display());
        let hint = match owner {
            Some(owner) if owner != own => {
                format!(
                    "it belongs to user {owner}: run this as its owner, such as `sudo -u '#{owner}' remediator …`"
                )
            }
            _ => format!("`ls -ld {}` says why", state.display()),
        };
        Err(Failure::new(Exit::Refused, what).hint(hint).because(error))
    }

    /// One that was made to act: its daemon runs or can run. A home made from an export is refused here.
    pub fn acting(global: &Global) -> Result<Self, Failure> {
        let home = Self::readable(global)?;
        if !home.is_imported() {
            return Ok(home);
        }
        let what = format!("{} was made from an export: it is read-only", home.root.display());
        Err(Failure::new(Exit::Refused, what)
            .hint("say where the home is that the export came from with --home DIR, or make one with `remediator init`"))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// Journal, keys, tokens, spool.
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }
    /// Name, in the state folder, of what says that this home was made from an export: it is read, never served.
    pub const IMPORTED: &str = "imported.json";

    /// See [`Self::IMPORTED`].
    pub fn is_imported(&self) -> bool {
        self.state().join(Self::IMPORTED).exists()
    }
    /// The person's token.
    pub fn token(&self) -> PathBuf {
        self.state().join("token")
    }
    /// The server's hashes of all tokens.
    pub fn tokens(&self) -> PathBuf {
        self.state().join("tokens.json")
    }
    /// Sessions of browsers. No truth: without it people log in again.
    pub fn sessions(&self) -> PathBuf {
        self.state().join("sessions.json")
    }
    /// Its presence pauses.
    pub fn paused(&self) -> PathBuf {
        self.state().join("PAUSED")
    }
    /// Why the file that pauses is there, if it is: a daemon that runs has taken it up within a moment.
    pub fn paused_by_file(&self) -> Option<String> {
        let bytes = std::fs::read(self.paused()).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let first = text.lines().next().unwrap_or_default().trim();
        Some(crate::base::text::clip(first, crate::base::limits::SUMMARY_BYTES_MAX).to_owned())
    }
    /// Where the running daemon listens, as it wrote itself.
    pub fn address(&self) -> PathBuf {
        self.state().join("address")
    }
}

fn choose(
    said: Option<PathBuf>,
    state_directory: Option<PathBuf>,
    xdg_state: Option<PathBuf>,
    user: Option<PathBuf>,
) -> Option<PathBuf> {
    // systemd may list several folders with colons between them; the first is ours.
    let first = |p: PathBuf| env::split_paths(&p).next();
    let absolute = |p: &PathBuf| p.is_absolute();
    said.or_else(|| state_directory.and_then(first).filter(absolute))
        .or_else(|| xdg_state.filter(absolute).map(|p| p.join("remediator")))
        .or_else(|| user.filter(absolute).map(|p| p.join(".local/state/remediator")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_said_wins_and_relative_xdg_values_are_ignored() {
        let p = |s: &str| Some(PathBuf::from(s));
        assert_eq!(choose(p("h"), p("/s"), p("/x"), p("/u")), p("h"));
        assert_eq!(choose(None, p("/s:/t"), p("/x"), p("/u")), p("/s"));
        assert_eq!(choose(None, None, p("/x"), p("/u")), p("/x/remediator"));
        assert_eq!(choose(None, None, p("x"), p("/u")), p("/u/.local/state/remediator"));
        assert_eq!(choose(None, None, None, None), None);
    }
}
