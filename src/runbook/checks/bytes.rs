//! Raw bytes of a signed file: what two editors or platforms would show differently is refused.

use crate::base::limits::CONTENT_BYTES_MAX;
use crate::runbook::problem::{Problem, Source};

/// Turns the direction of what follows, breaks a line for some readers, or hides: a reviewer would approve what is not there.
fn shows_otherwise(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}

/// The text of a file that may be signed.
pub fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Problem> {
    let whole = |message: String, help: &str| {
        Source { file, text: "" }.problem((0, 0), "bytes", message).with_help(help)
    };
    if bytes.len() > CONTENT_BYTES_MAX {
        return Err(whole(
            // Whoever reads files from disk stops one byte beyond.
            match bytes.len() {
                n if n == CONTENT_BYTES_MAX + 1 => format!("has more than {CONTENT_BYTES_MAX} bytes"),
                n => format!("has {n} bytes, at most {CONTENT_BYTES_MAX}"),
            },
            "split it, or keep data in files of its own",
        ));
    }
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return Err(whole("begins with a byte order mark".into(), "save it as UTF-8 without BOM"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        whole(format!("is not UTF-8 (first wrong byte: {})", error.valid_up_to()), "save it as UTF-8")
    })?;
    let odd = |c: char| c.is_control() && c != '\n' && c != '\t' || shows_otherwise(c);
    let wrong = text.char_indices().find(|(_, c)| odd(*c));
    if let Some((at, c)) = wrong {
        let (message, help) = match c {
            '\r' => ("holds a carriage return (CRLF)", "convert it to LF line ends, then sign again"),
            '\0' => ("holds a NUL byte", "remove it"),
            c if shows_otherwise(c) => {
                ("holds a character that turns or breaks the line only where it is shown", "remove it")
            }
            _ => ("holds a control character", "remove it"),
        };
        let line = text[..at].matches('\n').count() as u64 + 1;
        let column = text[..at].chars().rev().take_while(|c| *c != '\n').count() as u64 + 1;
        return Err(Source { file, text }.problem((line, column), "bytes", message.into()).with_help(help));
    }
    Ok(text)
}
