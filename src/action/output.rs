//! What a step printed: head and tail within a bound, the middle counted; then cleaned and redacted.

use std::collections::VecDeque;

use crate::base::limits::STEP_OUTPUT_BYTES_MAX;
use crate::base::text::clean;

/// Half for the head, half for the tail, less room for the words in between.
const HALF: usize = STEP_OUTPUT_BYTES_MAX / 2 - 64;
/// How far a cut may move to the end of a line, so that no word (and no secret) is cut in two.
const LINE_MAX: usize = 4 * 1024;

/// Bytes in the order of arrival.
#[derive(Debug, Default)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Capture {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (to_head, rest) = bytes.split_at(bytes.len().min(HALF - self.head.len()));
        self.head.extend_from_slice(to_head);
        let rest_kept = &rest[rest.len().saturating_sub(HALF)..];
        self.tail.extend(rest_kept);
        let excess = self.tail.len().saturating_sub(HALF);
        self.tail.drain(..excess);
        self.dropped += (rest.len() - rest_kept.len() + excess) as u64;
    }

    /// The text as it may be kept, and how many bytes are not in it.
    pub(super) fn finish(mut self, redact: fn(&str) -> String) -> (String, u64) {
        let mut tail: Vec<u8> = self.tail.into();
        if self.dropped == 0 {
            self.head.append(&mut tail);
        } else {
            self.dropped += cut_to_lines(&mut self.head, &mut tail);
        }
        let mut text = safe(&self.head, redact);
        if self.dropped > 0 {
            text.push_str(&format!("\n[{} bytes are not kept]\n", self.dropped));
            text.push_str(&safe(&tail, redact));
        }
        // Cleaning may have made it longer than the bytes were: the bound is on what is kept.
        let over = text.len().saturating_sub(STEP_OUTPUT_BYTES_MAX);
        if over > 0 {
            let from = text.floor_char_boundary(HALF);
            let to = text.ceil_char_boundary(from + over + 64);
            self.dropped += (to - from) as u64;
            text.replace_range(from..to, "\n[more is not kept]\n");
        }
        (text, self.dropped)
    }
}

fn safe(bytes: &[u8], redact: fn(&str) -> String) -> String {
    redact(&clean(&String::from_utf8_lossy(bytes)))
}

fn cut_to_lines(head: &mut Vec<u8>, tail: &mut Vec<u8>) -> u64 {
    let before = head.len() + tail.len();
    if let Some(end) = head.iter().rposition(|byte| *byte == b'\n').filter(|end| head.len() - end <= LINE_MAX)
    {
        head.truncate(end + 1);
    }
    if let Some(end) = tail.iter().take(LINE_MAX).position(|byte| *byte == b'\n') {
        tail.drain(..=end);
    }
    (before - head.len() - tail.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn short_output_is_kept_whole_clean_and_redacted() {
        let mut capture = Capture::default();
        capture.push(b"a\x1b[31m");
        capture.push(b"\xff token=secret\n");
        let (text, dropped) = capture.finish(|text| text.replace("secret", "***"));
        assert_eq!((text.as_str(), dropped), ("a\u{FFFD}[31m\u{FFFD} token=***\n", 0));
    }

    #[test]
    fn head_and_tail_are_kept_at_lines_and_every_dropped_byte_is_counted() {
        let mut capture = Capture::default();
        let lines: Vec<String> = (0..400_000).map(|i| format!("line {i}\n")).collect();
        let mut total = 0;
        for chunk in lines.chunks(1_777) {
            let bytes = chunk.concat();
            total += bytes.len() as u64;
            capture.push(bytes.as_bytes());
        }
        let (text, dropped) = capture.finish(same);
        assert!(text.starts_with("line 0\n") && text.ends_with("line 399999\n"));
        assert!(text.len() <= STEP_OUTPUT_BYTES_MAX);
        let mark = format!("\n[{dropped} bytes are not kept]\n");
        let (head, tail) = text.split_once(&mark).unwrap();
        assert_eq!(head.len() as u64 + tail.len() as u64 + dropped, total);
        assert!(head.ends_with('\n') && tail.starts_with("line "));
    }

    #[test]
    fn the_bound_holds_for_bytes_that_grow_when_cleaned() {
        let mut capture = Capture::default();
        capture.push(&vec![0xff; 3 * STEP_OUTPUT_BYTES_MAX]);
        let (text, dropped) = capture.finish(same);
        assert!(text.len() <= STEP_OUTPUT_BYTES_MAX, "{}", text.len());
        assert!(dropped > 2 * STEP_OUTPUT_BYTES_MAX as u64);
    }
}
