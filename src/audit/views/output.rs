//! The last lines that a failed step has printed: an exit code says that it failed, they say why.
//! Not for all of its output, which stands in its entry or in a blob.

use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::base::text::OutsideText;
use crate::event::step::{StepFinished, StepOutcome};

/// So many lines …
const LINES: usize = 8;
/// … of so many bytes together.
const BYTES: usize = 1_024;

impl Audit {
    /// What a step that failed has printed last, oldest line first; none for one that succeeded or said nothing.
    pub(super) fn last_lines(&self, finished: &StepFinished) -> Result<Vec<String>, Error> {
        if finished.outcome == StepOutcome::Succeeded {
            return Ok(Vec::new());
        }
        Ok(match &finished.output {
            OutsideText::Text(text) => end_of(&self.opened_text(text)),
            // A blob that is gone leaves the exit code: reading goes on.
            OutsideText::Blob(digest) => {
                let bytes = self.entries().blob(digest)?.unwrap_or_default();
                end_of(&self.opened_text(&String::from_utf8_lossy(&bytes)))
            }
        })
    }
}

fn end_of(text: &str) -> Vec<String> {
    let text = text.trim_end();
    let end = &text[text.ceil_char_boundary(text.len().saturating_sub(BYTES))..];
    let lines: Vec<&str> = end.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_short_and_whole_characters() {
        assert_eq!(end_of("a\n\nb\n"), ["a", "b"]);
        assert_eq!(end_of(""), [""; 0]);
        let many: String = (0..50).map(|n| format!("{n}\n")).collect();
        assert_eq!(end_of(&many).first().map(String::as_str), Some("42"));
        let long = end_of(&"ü".repeat(4_000));
        assert!(long[0].len() <= BYTES && long[0].chars().all(|c| c == 'ü'), "{long:?}");
    }
}
