//! What a check has to say. Not for printing it (`report`).

use serde::Serialize;

use crate::runbook::problem::Problem;

/// Whether it blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It blocks.
    Error,
    /// It was so before this change, or is no hindrance: worth knowing.
    Note,
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it blocks.
    pub level: Level,
    /// The check: a stable word.
    pub check: &'static str,
    /// Path from the top of the repository.
    pub file: String,
    /// From 1; 0 when it concerns the whole file.
    pub line: u64,
    /// From 1; 0 when it concerns the whole file.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// The command that mends it, or what to do where no single command does.
    pub mend: Option<String>,
    /// The line itself.
    pub excerpt: Option<String>,
    /// What changed in its meaning, one change a line, where that is what is wrong.
    pub difference: Vec<String>,
}

impl Finding {
    /// About a whole file.
    pub fn of(
        check: &'static str,
        file: String,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Error,
            check,
            file,
            line: 0,
            column: 0,
            message: message.into(),
            mend: Some(mend.into()),
            excerpt: None,
            difference: Vec::new(),
        }
    }
    /// The same, not blocking.
    pub fn note(self) -> Self {
        Self { level: Level::Note, ..self }
    }
    /// At a place.
    pub fn at(self, (line, column): (u64, u64)) -> Self {
        Self { line, column, ..self }
    }
    /// A problem of a file's text.
    pub fn of_problem(file: String, problem: &Problem) -> Self {
        Self {
            level: Level::Error,
            check: problem.check,
            file,
            line: problem.line,
            column: problem.column,
            message: problem.message.clone(),
            mend: problem.help.clone(),
            excerpt: problem.excerpt.as_deref().map(str::to_owned),
            difference: Vec::new(),
        }
    }
}
