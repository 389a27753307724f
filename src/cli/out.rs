//! Printing for people: aligned columns, relative times, hostile text made harmless. Colours through anstream,
//! which knows NO_COLOR and pipes.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use owo_colors::OwoColorize as _;

use super::exit::{Exit, Failure};
use crate::base::text::{clean, is_invisible};

/// JSON for programs: exactly these bytes and a newline.
pub fn json(text: &str) -> Result<(), Failure> {
    written(writeln!(anstream::stdout(), "{text}"))
}

/// A value as one line of JSON.
pub fn json_of(value: &impl serde::Serialize) -> Result<(), Failure> {
    json(&json_text(value)?)
}

/// A value as JSON text.
pub fn json_text(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|e| Failure::new(Exit::Unavailable, "cannot write JSON").because(e))
}

/// A page as it is: whoever made it has made outside text in it harmless.
pub fn raw(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// One line for people. Outside text in it was cleaned with [`line`]; where somebody forgot, it moves no cursor.
pub fn say(text: impl Display) -> Result<(), Failure> {
    written(writeln!(anstream::stdout(), "{}", harmless(&text.to_string())))
}

/// Control characters replaced, but for layout and what changes a colour.
fn harmless(text: &str) -> String {
    let colour = |rest: &str| {
        let end = rest.strip_prefix('[')?.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        rest[1..].get(end..)?.starts_with('m').then_some(end + 2)
    };
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&clean(&rest[..at]));
        let behind = &rest[at + 1..];
        let length = colour(behind).unwrap_or(0);
        out.push(if length > 0 { '\u{1b}' } else { '\u{FFFD}' });
        out.push_str(&behind[..length]);
        rest = &behind[length..];
    }
    out + &clean(rest)
}

/// A reader that went away (`| head`) is no failure of ours.
fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(Failure::new(Exit::Unavailable, "cannot write to stdout").because(e)),
        Ok(()) => Ok(()),
    }
}

/// Outside text on one line, without control characters.
pub fn line(text: &str) -> String {
    let text = clean(text).replace(['\n', '\t'], " ");
    // What turns the direction of writing could make a line say something else.
    text.chars().map(|c| if is_invisible(c) { '\u{FFFD}' } else { c }).collect()
}

/// Outside text cut to a width.
pub fn cut(text: &str, width: usize) -> String {
    let text = line(text);
    match text.char_indices().nth(width) {
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        None => text,
    }
}

/// A heading.
pub fn head(text: &str) -> String {
    text.bold().to_string()
}

/// Text of lesser weight.
pub fn faint(text: impl Display) -> String {
    text.dimmed().to_string()
}

/// A state in the colour that says how it is.
pub fn state(word: &str) -> String {
    match word {
        "healed" | "healthy" | "live" | "done" | "closed" | "recovered_unaided" => word.green().to_string(),
        "open" | "remediating" | "watching" | "held" | "running" | "observe_only" => {
            word.yellow().to_string()
        }
        "escalated" | "frozen" | "failed" | "refused" | "critical" | "error" => word.red().to_string(),
        _ => word.to_owned(),
    }
}

/// An enum as its JSON word.
pub fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// Columns of the terminal that is written to; none for a pipe or a file, which get everything.
pub fn columns() -> Option<usize> {
    let stdout = std::io::stdout();
    let size = if stdout.is_terminal() { rustix::termios::tcgetwinsize(stdout).ok() } else { None };
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// A line of a list, cut where the terminal ends.
pub fn fit(text: String) -> String {
    match columns() {
        Some(columns) => cut_shown(&text, columns),
        None => text,
    }
}

/// Characters that are seen of a text; what changes a colour is not.
fn shown_chars(text: &str) -> usize {
    let mut escaped = false;
    let seen = |c: char| {
        let was = escaped;
        escaped = c == '\u{1b}' || escaped && c != 'm';
        !was && c != '\u{1b}'
    };
    text.chars().map(seen).filter(|seen| *seen).count()
}

/// Text with colours in it cut to a width.
fn cut_shown(text: &str, width: usize) -> String {
    if shown_chars(text) <= width {
        return text.to_owned();
    }
    let (mut out, mut left, mut escaped) = (String::new(), width.saturating_sub(1), false);
    for c in text.chars() {
        let seen = !escaped && c != '\u{1b}';
        escaped = c == '\u{1b}' || escaped && c != 'm';
        if seen && left == 0 {
            // A colour that was begun ends here.
            out.push('…');
            if text.contains('\u{1b}') {
                out.push_str("\u{1b}[0m");
            }
            break;
        }
        left -= usize::from(seen);
        out.push(c);
    }
    out
}

/// Narrower columns do not say anything any more.
const COLUMN_MIN: usize = 8;

/// Cells cut so that a table with two blanks between columns has at most `width`: the widest give way first.
fn fitted(header: &[&str], mut rows: Vec<Vec<String>>, width: usize) -> Vec<Vec<String>> {
    let of_column = |n: usize| {
        let cells = rows.iter().filter_map(|row| row.get(n)).map(|cell| shown_chars(cell));
        cells.chain(header.get(n).map(|name| shown_chars(name))).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..header.len()).map(of_column).collect();
    let between = 2 * header.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + between > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > COLUMN_MIN => *widest -= 1,
            _ => break,
        }
    }
    for (cell, width) in rows.iter_mut().flat_map(|row| row.iter_mut().zip(&widths)) {
        *cell = cut_shown(cell, *width);
    }
    rows
}

/// Columns without borders. On a terminal that is too narrow long cells are cut.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let rows = match columns() {
        Some(columns) => fitted(header, rows, columns),
        None => rows,
    };
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header(header.iter().map(faint));
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// `2m ago` alone, for narrow places.
pub fn since(rfc3339: &str) -> String {
    match rfc3339.parse::<jiff::Timestamp>() {
        Ok(at) => ago(now_us().saturating_sub(at.as_microsecond())),
        Err(_) => line(rfc3339),
    }
}

/// `2m ago` beside an RFC 3339 time.
pub fn when(rfc3339: &str) -> String {
    match rfc3339.parse::<jiff::Timestamp>() {
        Ok(at) => format!("{} ({})", ago(now_us().saturating_sub(at.as_microsecond())), short(rfc3339)),
        Err(_) => line(rfc3339),
    }
}

/// The time without its fraction.
pub fn short(rfc3339: &str) -> String {
    let text = line(rfc3339);
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

/// A span of milliseconds for people.
pub fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..120_000 => format!("{}s", ms / 1_000),
        120_000..7_200_000 => format!("{}m", ms / 60_000),
        7_200_000..172_800_000 => format!("{}h", ms / 3_600_000),
        _ => format!("{}d", ms / 86_400_000),
    }
}

fn ago(us: i64) -> String {
    match u64::try_from(us / 1000) {
        Ok(ms) => format!("{} ago", span(ms)),
        Err(_) => format!("in {}", span(us.unsigned_abs() / 1000)),
    }
}

/// Wall time, Unix µs.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_on_its_line_and_moves_no_cursor() {
        assert_eq!(line("a\u{1b}[2J\nb\rc"), "a\u{FFFD}[2J b\u{FFFD}c");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }

    #[test]
    fn whatever_is_said_keeps_its_colours_and_moves_no_cursor() {
        assert_eq!(harmless("\u{1b}[32mlive\u{1b}[0m\tb\nc"), "\u{1b}[32mlive\u{1b}[0m\tb\nc");
        assert_eq!(
            harmless("a\u{1b}[2Jb\u{1b}]0;x\u{7}c\u{9b}31m\u{1b}[1;\u{1b}"),
            "a\u{FFFD}[2Jb\u{FFFD}]0;x\u{FFFD}c\u{FFFD}31m\u{FFFD}[1;\u{FFFD}"
        );
    }

    #[test]
    fn cells_give_way_to_a_narrow_terminal_the_widest_first_and_colours_do_not_count() {
        let red = |word: &str| format!("\u{1b}[31m{word}\u{1b}[39m");
        assert_eq!(shown_chars(&red("failed")), 6);
        assert_eq!(cut_shown(&red("failed"), 6), red("failed"));
        assert_eq!(cut_shown(&red("failed"), 4), "\u{1b}[31mfai…\u{1b}[0m");
        let row = |words: [&str; 3]| words.map(str::to_owned).to_vec();
        let long = "x".repeat(50);
        let rows =
            vec![row(["held", &long, "0190a5a0-0000"]), vec![red("escalated"), "short".into(), "-".into()]];
        let header = ["state", "what", "id"];
        assert_eq!(fitted(&header, rows.clone(), 200), rows, "there is room");
        let narrow = fitted(&header, rows.clone(), 40);
        assert_eq!(shown_chars(&narrow[0][1]), 40 - 4 - 9 - 13);
        assert!(
            narrow[0][1].ends_with('…') && narrow[0][2] == rows[0][2] && narrow[1] == rows[1],
            "{narrow:?}"
        );
        let tiny = fitted(&header, rows, 10);
        assert!(tiny.iter().flatten().all(|cell| shown_chars(cell) <= COLUMN_MIN), "{tiny:?}");
    }

    #[test]
    fn spans_are_short() {
        assert_eq!([span(5), span(61_000), span(600_000), span(86_400_000)], ["5ms", "61s", "10m", "24h"]);
        assert_eq!(ago(-3_000_000), "in 3s");
    }
}
