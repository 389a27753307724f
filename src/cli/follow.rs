//! Following a daemon's journal over its stream, as NDJSON: lines as they come, and across a restart of the daemon
//! without a gap. Not for printing (`audit tail`, `watch`).

use std::time::{Duration, Instant};

use super::client::{Client, NoAnswer};
use super::exit::Failure;
use super::reader::asking;
use crate::base::ids::Seq;

/// The server shows every 15 s that it lives; this long without a sign it does not.
const SILENCE_MAX: Duration = Duration::from_secs(40);
/// How long a daemon that went away is left alone before it is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// What came.
#[derive(Debug)]
pub enum Came {
    /// A stored line, byte for byte.
    Line(String),
    /// Nothing within the time that was given.
    Nothing,
    /// The connection is gone; it is tried again.
    Lost,
    /// It is back.
    Back,
}

/// A place in the journal and the connection that gives what follows it.
pub struct Follow<'c> {
    client: &'c Client,
    narrowed: Vec<(&'static str, Option<String>)>,
    after: Option<Seq>,
    response: Option<reqwest::Response>,
    buffer: Vec<u8>,
    heard: Instant,
    lost: Option<Instant>,
}

impl<'c> Follow<'c> {
    /// Behind `after` (none: from the start), only what these parameters mean. The daemon must answer now.
    pub fn new(
        client: &'c Client,
        narrowed: Vec<(&'static str, Option<String>)>,
        after: Option<Seq>,
    ) -> Result<Self, NoAnswer> {
        let (response, buffer, heard, lost) = (None, Vec::new(), Instant::now(), None);
        let mut follow = Self { client, narrowed, after, response, buffer, heard, lost };
        follow.response = Some(follow.connect()?);
        Ok(follow)
    }

    fn connect(&self) -> Result<reqwest::Response, NoAnswer> {
        let after = self.after.map_or("-1".to_owned(), |seq| seq.to_string());
        let mut parameters = self.narrowed.clone();
        parameters.push(("after", Some(after)));
        self.client.stream(&asking("/v1/audit/stream", &parameters))
    }

    /// What comes next; waits for it at most `patience`.
    pub fn next(&mut self, patience: Duration) -> Result<Came, Failure> {
        let until = Instant::now() + patience;
        loop {
            if let Some(line) = self.buffered() {
                if let Some(last) = dropped(&line) {
                    self.after = last;
                    return Ok(self.lose());
                }
                self.after = seq_of(&line).or(self.after);
                return Ok(Came::Line(line));
            }
            let left = until.saturating_duration_since(Instant::now());
            let Some(response) = &mut self.response else {
                return self.again(left);
            };
            match self.client.chunk(response, left) {
                Some(Some(bytes)) => {
                    self.heard = Instant::now();
                    self.buffer.extend_from_slice(&bytes);
                }
                Some(None) => return Ok(self.lose()),
                None if self.heard.elapsed() > SILENCE_MAX => return Ok(self.lose()),
                None => return Ok(Came::Nothing),
            }
        }
    }

    /// A whole line that is here already; an empty one is a sign of life.
    fn buffered(&mut self) -> Option<String> {
        while let Some(end) = memchr::memchr(b'\n', &self.buffer) {
            let rest = self.buffer.split_off(end + 1);
            let mut line = std::mem::replace(&mut self.buffer, rest);
            line.pop();
            if !line.is_empty() {
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
        }
        None
    }

    fn lose(&mut self) -> Came {
        self.response = None;
        // Half a line: it comes whole with the next connection.
        self.buffer.clear();
        self.lost = Some(Instant::now());
        Came::Lost
    }

    fn again(&mut self, left: Duration) -> Result<Came, Failure> {
        let pause = self.lost.map_or(Duration::ZERO, |lost| PAUSE.saturating_sub(lost.elapsed()));
        std::thread::sleep(pause.min(left));
        if pause > left {
            return Ok(Came::Nothing);
        }
        self.lost = Some(Instant::now());
        match self.connect() {
            Ok(response) => {
                (self.response, self.heard, self.lost) = (Some(response), Instant::now(), None);
                Ok(Came::Back)
            }
            // Not there, starting, or stopping: all of it passes.
            Err(NoAnswer::NoDaemon { .. } | NoAnswer::Silent { .. }) => Ok(Came::Nothing),
            Err(NoAnswer::Problem(problem)) if problem.status == 503 => Ok(Came::Nothing),
            Err(other) => Err(other.into_failure()),
        }
    }
}

/// The place to go on from, when this is the last line to a reader that was too slow.
fn dropped(line: &str) -> Option<Option<Seq>> {
    let rest = line.strip_prefix(r#"{"dropped":{"v":1,"last":"#)?;
    Some(rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
}

fn seq_of(line: &str) -> Option<Seq> {
    let rest = line.split_once(r#""seq":"#)?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{dropped, seq_of};

    #[test]
    fn the_place_is_read_from_the_line() {
        assert_eq!(seq_of(r#"{"v":1,"seq":17,"time":1,"data":{"seq":3}}"#), Some(17));
        assert_eq!(seq_of("{}"), None);
        assert_eq!(dropped(r#"{"dropped":{"v":1,"last":17,"why":"stalled"}}"#), Some(Some(17)));
        assert_eq!(dropped(r#"{"dropped":{"v":1,"last":-1,"why":"stalled"}}"#), Some(None));
        assert_eq!(dropped(r#"{"v":1,"seq":17,"data":{"dropped":{"v":1,"last":3}}}"#), None);
    }
}
