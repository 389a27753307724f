//! The terminal that `watch` draws on: its own screen, keys without echo, its size. Everything is put back when it is
//! dropped. Not for what is drawn (`frame`).

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr};

use super::super::exit::{Exit, Failure};

/// Alternate screen, no cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";
/// Size where the terminal does not say.
const USUAL: (usize, usize) = (80, 24);

/// What a person pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// q, Escape, Ctrl-C, Ctrl-D: enough.
    End,
    /// Anything else: draw anew.
    Other,
}

/// See the module.
pub struct Screen {
    before: Option<Termios>,
    size: std::cell::Cell<(usize, usize)>,
    over: AtomicBool,
}

impl Screen {
    /// Takes the terminal.
    pub fn open() -> Result<Self, Failure> {
        let stdin = std::io::stdin();
        let before = if stdin.is_terminal() { tcgetattr(&stdin).ok() } else { None };
        if let Some(before) = &before {
            let mut quiet = before.clone();
            // Ctrl-C arrives as a key, so that the terminal is put back on the way out.
            quiet.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
            tcsetattr(&stdin, OptionalActions::Now, &quiet).map_err(failed)?;
        }
        let screen = Self { before, size: std::cell::Cell::new(measured()), over: AtomicBool::new(false) };
        put(ENTER)?;
        Ok(screen)
    }

    /// Columns and rows.
    pub fn size(&self) -> (usize, usize) {
        self.size.get()
    }

    /// Whether the size is another one than before.
    pub fn resized(&self) -> bool {
        let now = measured();
        self.size.replace(now) != now
    }

    /// A key, waiting for it at most so long.
    pub fn key(&self, patience: Duration) -> Result<Option<Key>, Failure> {
        if self.before.is_none() || self.over.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let stdin = std::io::stdin();
        let mut wanted = [PollFd::new(&stdin, PollFlags::IN)];
        let timeout = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: patience.subsec_nanos().into() };
        match poll(&mut wanted, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(failed(error)),
        }
        let mut bytes = [0u8; 32];
        let read = rustix::io::read(&stdin, &mut bytes).map_err(failed)?;
        if read == 0 {
            // Nobody can press a key any more.
            self.over.store(true, Ordering::Relaxed);
            return Ok(Some(Key::End));
        }
        let end = |byte: &u8| matches!(byte, b'q' | b'Q' | 3 | 4) || (read == 1 && *byte == 0x1b);
        Ok(Some(if bytes[..read].iter().any(end) { Key::End } else { Key::Other }))
    }

    /// Puts these lines there, in place of what was there. No more is written than there are rows.
    pub fn draw(&self, lines: &[String]) -> Result<(), Failure> {
        let mut bytes = Vec::from(b"\x1b[H".as_slice());
        for (row, line) in lines.iter().enumerate() {
            if row > 0 {
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(b"\x1b[K");
        }
        bytes.extend_from_slice(b"\x1b[J");
        put(&bytes)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = put(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

fn put(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(failed)
}

fn measured() -> (usize, usize) {
    match tcgetwinsize(std::io::stdout()) {
        Ok(Winsize { ws_row, ws_col, .. }) if ws_row > 0 && ws_col > 0 => (ws_col.into(), ws_row.into()),
        _ => USUAL,
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::new(Exit::Unavailable, "the terminal cannot be drawn on")
        .hint("`remediator watch --plain` needs none")
        .because(error)
}
