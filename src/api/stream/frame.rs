//! How entries look on the wire: Server-Sent Events or NDJSON, the stored line byte for byte in both.

use std::sync::OnceLock;

use axum::body::Bytes;

use crate::base::ids::Seq;

/// What is sent when there was nothing to send for a while.
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// The form that a reader asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/event-stream`.
    Events,
    /// `application/x-ndjson`.
    Ndjson,
}

impl Format {
    /// What keeps the connection open: a comment, or an empty line.
    pub fn keep_alive(self) -> Bytes {
        match self {
            Self::Events => Bytes::from_static(KEEP_ALIVE),
            Self::Ndjson => Bytes::from_static(b"\n"),
        }
    }

    fn write(self, seq: Seq, line: &str, out: &mut Vec<u8>) {
        if self == Self::Events {
            for part in ["event: ", kind_of(line), "\nid: ", &seq.to_string(), "\ndata: "] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(if self == Self::Events { b"\n\n" } else { b"\n" });
    }

    /// Lines as they are sent.
    pub fn frames(self, lines: &[(Seq, String)]) -> Bytes {
        let size = lines.iter().map(|(_, line)| line.len() + 80).sum();
        let mut out = Vec::with_capacity(size);
        lines.iter().for_each(|(seq, line)| self.write(*seq, line, &mut out));
        out.into()
    }
}

/// The kind of a stored line: no member before it holds text from outside (docs/journal-format.md).
fn kind_of(line: &str) -> &str {
    let rest = line.split_once(r#""kind":""#).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default()
}

/// The event that tells a reader that its place is not in this journal; it goes on behind the head.
pub fn reset(asked: Seq, head: Seq) -> Bytes {
    format!("event: reset\nid: {head}\ndata: {{\"v\":1,\"asked\":{asked},\"head\":{head}}}\n\n").into()
}

/// Why a reader is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It took nothing for too long.
    Stalled,
    /// It had caught up, and is too far behind.
    Behind,
}

impl Dropped {
    /// Both, in the order of their counters.
    pub const ALL: [Self; 2] = [Self::Stalled, Self::Behind];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::Behind => "behind",
        }
    }
}

/// The last words to a reader that is dropped: the entry behind which it goes on when it comes again, -1 for none. What
/// was sent to it ends there, so that nothing is missing and nothing comes twice.
pub fn dropped(format: Format, why: Dropped, last: Option<Seq>) -> Bytes {
    let (why, last) = (why.word(), last.map_or("-1".to_owned(), |seq| seq.to_string()));
    match format {
        Format::Events => {
            format!("event: dropped\nid: {last}\ndata: {{\"v\":1,\"last\":{last},\"why\":\"{why}\"}}\n\n")
                .into()
        }
        Format::Ndjson => format!("{{\"dropped\":{{\"v\":1,\"last\":{last},\"why\":\"{why}\"}}}}\n").into(),
    }
}

/// The first words of an event stream: when to come again, in ms.
pub const HELLO: &[u8] = b"retry: 2000\n\n";

/// Entries that became durable together, formatted when the first reader wants them.
pub struct Piece {
    lines: Vec<(Seq, String)>,
    first: Seq,
    last: Seq,
    events: OnceLock<Bytes>,
    ndjson: OnceLock<Bytes>,
}

impl Piece {
    /// Of lines in order; none of nothing.
    pub fn of(lines: Vec<(Seq, String)>) -> Option<Self> {
        let (first, last) = (lines.first()?.0, lines.last()?.0);
        Some(Self { lines, first, last, events: OnceLock::new(), ndjson: OnceLock::new() })
    }
    /// Its first entry.
    pub fn first(&self) -> Seq {
        self.first
    }
    /// Its last entry.
    pub fn last(&self) -> Seq {
        self.last
    }
    /// Bytes of its lines.
    pub fn bytes(&self) -> usize {
        self.lines.iter().map(|(_, line)| line.len()).sum()
    }
    /// Its frames from an entry on. Whoever wants all of them shares one copy.
    pub fn frames(&self, format: Format, from: Seq) -> Bytes {
        if from > self.first {
            let rest = self.lines.partition_point(|(seq, _)| *seq < from);
            return format.frames(self.lines.get(rest..).unwrap_or_default());
        }
        let made = match format {
            Format::Events => &self.events,
            Format::Ndjson => &self.ndjson,
        };
        made.get_or_init(|| format.frames(&self.lines)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_formatted_once_and_can_be_entered_in_the_middle() {
        let line = |seq: Seq| (seq, format!(r#"{{"v":1,"seq":{seq},"kind":"a.b","data":{{"kind":"x"}}}}"#));
        let piece = Piece::of(vec![line(7), line(8)]).expect("lines");
        let all = piece.frames(Format::Events, 5);
        assert_eq!(all.as_ptr(), piece.frames(Format::Events, 7).as_ptr(), "shared");
        let wanted =
            format!("event: a.b\nid: 7\ndata: {}\n\nevent: a.b\nid: 8\ndata: {}\n\n", line(7).1, line(8).1);
        assert_eq!(all, wanted.as_bytes());
        assert_eq!(piece.frames(Format::Ndjson, 8), format!("{}\n", line(8).1).as_bytes());
        assert!(Piece::of(Vec::new()).is_none());
    }
}
