//! One thing that is wrong with a file, where it stands, and what mends it.
//! Not for what a file may do (`catalog`): this is about its text.

use std::fmt;

use serde::Serialize;

use crate::base::limits::{EXCERPT_BYTES_MAX, SHOWN_BYTES_MAX};
use crate::base::text::{clip, shown};

/// A problem in a content file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path relative to the content folder.
    pub file: String,
    /// From 1; 0 when it concerns the whole file.
    pub line: u64,
    /// From 1; 0 when it concerns the whole file.
    pub column: u64,
    /// The check that found it: a stable word.
    pub check: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The line itself, or its beginning.
    pub excerpt: Option<Box<str>>,
}

/// `FILE:LINE:COLUMN: message`, then the line with a caret and the help.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.file, SHOWN_BYTES_MAX))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {} [{}]", self.message, self.check)?;
        let near = self.excerpt.as_ref().filter(|text| self.column <= text.chars().count() as u64 + 1);
        if let Some(text) = near {
            let number = self.line.to_string();
            let (shown, caret) = window(text, self.column);
            write!(f, "\n {number} | {shown}\n {:w$} | {:c$}^", "", "", w = number.len(), c = caret)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n help: {help}")?;
        }
        Ok(())
    }
}

/// At most 120 characters of a line around the column, and where in them the caret goes.
fn window(text: &str, column: u64) -> (String, usize) {
    let column = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
    let first = column.saturating_sub(60);
    let part: String = text.chars().skip(first).take(120).collect();
    (shown(&part, EXCERPT_BYTES_MAX).replace('\t', " "), column - first)
}

/// A file's text with its path: what problems point into.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Path relative to the content folder.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
}

impl Source<'_> {
    /// A problem at a line and column (0, 0 = the whole file). The message may hold words of the file: it is made short
    /// and harmless here.
    pub fn problem(&self, at: (u64, u64), check: &'static str, message: String) -> Problem {
        let index = usize::try_from(at.0).ok().and_then(|line| line.checked_sub(1));
        let excerpt = index.and_then(|index| self.text.lines().nth(index));
        let excerpt = excerpt.map(|line| clip(line, EXCERPT_BYTES_MAX).into());
        let (line, column) = at;
        let message = shown(&message, SHOWN_BYTES_MAX);
        Problem { file: self.file.to_owned(), line, column, check, message, help: None, excerpt }
    }
}

impl Problem {
    /// With what to write instead.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(shown(&help.into(), SHOWN_BYTES_MAX));
        self
    }
}

/// The known word that `word` is most likely a misspelling of.
pub fn likely<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |k: &&str| strsim::damerau_levenshtein(word, k) <= 1 + word.chars().count() / 4;
    known.into_iter().filter(near).min_by_key(|k| strsim::damerau_levenshtein(word, k))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_column() {
        let source = Source { file: "runbooks/a.yaml", text: "v: 1\nstpes: []\n" };
        let problem = source.problem((2, 1), "yaml", "unknown key `stpes`".into()).with_help("write `steps`");
        assert_eq!(
            problem.to_string(),
            "runbooks/a.yaml:2:1: unknown key `stpes` [yaml]\n 2 | stpes: []\n   | ^\n help: write `steps`"
        );
        assert_eq!(likely("stpes", ["steps", "title"]), Some("steps"));
        assert_eq!(likely("zzz", ["steps", "title"]), None);
    }

    #[test]
    fn words_of_the_file_move_no_cursor_and_fill_no_page() {
        let text = format!("\u{202E}{}", "x".repeat(1_000_000));
        let source = Source { file: "a\u{1b}[2J.yaml", text: &text };
        let message = format!("unknown key `\u{1b}]0;evil\u{7}{}`", "y".repeat(1_000_000));
        let problem = source.problem((1, 1), "yaml", message).with_help("z\u{9b}".repeat(1_000_000));
        let said = problem.to_string();
        assert!(said.len() < 2_048, "{}", said.len());
        assert!(
            !said.contains(|c: char| c.is_control() && c != '\n') && !said.contains('\u{202E}'),
            "{said:?}"
        );
        assert!(serde_json::to_string(&problem).expect("JSON").len() < 8_192);
        let far = source.problem((1, 900_000), "yaml", "m".into()).to_string();
        assert!(far.len() < 512, "{far}");
    }

    #[test]
    fn a_long_line_is_shown_around_its_column() {
        let text = "x".repeat(500);
        let source = Source { file: "a", text: &text };
        let shown = source.problem((1, 300), "yaml", "m".into()).to_string();
        assert!(shown.lines().all(|line| line.len() < 140), "{shown}");
        assert_eq!(shown.lines().nth(2).map(|l| l.find('^')), Some(Some(5 + 60)));
    }
}
