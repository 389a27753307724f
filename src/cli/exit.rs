//! How commands end: documented exit codes, and failures that say what was attempted and what to do.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use owo_colors::OwoColorize as _;

use crate::base::text::clean;

/// What to do when something was pruned.
pub(super) const PRUNED: &str =
    "`remediator journal restore --from-archive DIR` brings older entries back (docs/retention.md)";

/// What to do when something is not in the journal.
pub(super) const NOT_THERE: &str =
    "`remediator incidents` lists incidents, `remediator audit tail` the last entries";

/// Documented in `remediator --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// There is a finding, or what was asked for failed.
    Findings = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// Waiting for an approval.
    Waiting = 3,
    /// Refused by policy, token or signature.
    Refused = 4,
    /// Damage found: something is not what was signed.
    Damage = 5,
    /// Entries that were there are missing at the end: cut off, or put back from an older copy.
    Truncated = 6,
    /// Two histories where there may be one.
    Forked = 7,
    /// Nobody who is believed signed it.
    UnknownKey = 8,
    /// Older than it may be.
    Stale = 9,
    /// Too few witnesses cosigned it.
    NoQuorum = 10,
    /// No home, no daemon.
    Unavailable = 69,
    /// Try again.
    Temporary = 75,
    /// Interrupted.
    Interrupted = 130,
    /// Terminated.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What was attempted and what went wrong.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What it comes from.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// With what went wrong.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), hint: None, source: None }
    }
    /// With what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    /// With what it comes from.
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
    /// On stderr, for people.
    pub fn print(&self) {
        let what = clean(&self.to_string());
        anstream::eprintln!("{} {what}", "error:".red().bold());
        let mut source = self.source.as_deref().map(|s| s as &dyn Error);
        let mut said = self.what.clone();
        while let Some(error) = source {
            let text = error.to_string();
            if !said.contains(&text) {
                anstream::eprintln!("  because {}", clean(&text));
            }
            said.push_str(&text);
            source = error.source();
        }
        if let Some(hint) = &self.hint {
            anstream::eprintln!("{} {}", "hint:".cyan(), clean(hint));
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|s| s as &(dyn Error + 'static))
    }
}

/// A failure that was not given an exit code on the way is one of what was asked for.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => Self::new(Exit::Findings, error.to_string()).because(error),
        }
    }
}

impl From<crate::audit::Error> for Failure {
    fn from(error: crate::audit::Error) -> Self {
        use crate::audit::Error as E;
        let exit = match &error {
            E::Rebuilding { .. } | E::Behind { .. } => Exit::Temporary,
            E::NotFound { .. } => Exit::Findings,
            E::Pruned { .. } => Exit::Unavailable,
            E::NotAName(_) => Exit::Usage,
            E::Journal { .. } => Exit::Unavailable,
        };
        let failure = Self::new(exit, error.to_string());
        match &error {
            E::NotFound { .. } => failure.hint(NOT_THERE),
            E::Pruned { .. } => failure.hint(PRUNED),
            E::Journal { .. } => failure.hint("`remediator audit verify` checks the journal").because(error),
            _ => failure,
        }
    }
}

impl From<crate::journal::Error> for Failure {
    fn from(error: crate::journal::Error) -> Self {
        let exit = match error.exit_code() {
            2 => Exit::Usage,
            4 => Exit::Refused,
            5 => Exit::Damage,
            69 => Exit::Unavailable,
            _ => Exit::Temporary,
        };
        let newer = matches!(error, crate::journal::Error::Unreadable { .. });
        // Errors of the journal say what to do themselves.
        let failure = Self::new(exit, error.to_string()).because(error);
        match newer {
            true => failure
                .hint("use the version that wrote it; `remediator audit tail` and `audit export` still work"),
            false => failure,
        }
    }
}
