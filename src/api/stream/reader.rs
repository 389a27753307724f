//! One reader: the newest pieces as they are published, the store when it is behind them, and a sign of life when
//! nothing happens. It is a body that hyper asks for more only when the connection took what it had.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::watch;

use super::super::connections::Pulse;
use super::frame::{Dropped, Format, HELLO, dropped, reset};
use super::hub::{Seat, Shared, State, Taken};
use super::slice::rest_when_due;
use crate::audit::{self, Audit, EntryFilter, Tail};
use crate::base::ids::Seq;

/// How long nothing may be sent; shorter than any proxy's patience.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Entries that a reader who leaves some out is given at once.
const FOUND_MAX: usize = 256;
/// How long such a reader waits for an index that is being built.
const INDEX_PAUSE: Duration = Duration::from_secs(1);

/// See the module.
pub struct Reader {
    shared: Arc<Shared>,
    audit: Audit,
    format: Format,
    filter: Arc<EntryFilter>,
    next: Seq,
    state: watch::Receiver<State>,
    broken: u64,
    /// What is sent next, each with the entry up to which it goes.
    ready: VecDeque<(Bytes, Option<Seq>)>,
    /// The entry up to which everything was sent.
    told: Option<Seq>,
    /// It was at the head once.
    caught_up: bool,
    pulse: Option<Arc<Pulse>>,
    over: bool,
    behind: Option<Box<dyn Tail>>,
    _seat: Seat,
}

impl Reader {
    pub(super) fn new(
        shared: Arc<Shared>,
        audit: Audit,
        format: Format,
        filter: EntryFilter,
        after: Option<Seq>,
        seat: Seat,
    ) -> Self {
        let state = shared.watch();
        let broken = state.borrow().broken;
        let next = after.map_or(0, |after| after.saturating_add(1));
        let mut ready = VecDeque::new();
        if format == Format::Events {
            ready.push_back((Bytes::from_static(HELLO), after));
        }
        let filter = Arc::new(filter);
        let (told, caught_up, pulse, over, behind) = (after, false, None, false, None);
        Self {
            shared,
            audit,
            format,
            filter,
            next,
            state,
            broken,
            ready,
            told,
            caught_up,
            pulse,
            over,
            behind,
            _seat: seat,
        }
    }

    /// What is sent goes over this connection: one that takes nothing for too long ends the stream.
    pub fn over(mut self, pulse: Option<Arc<Pulse>>) -> Self {
        self.pulse = pulse;
        self
    }

    /// Its place is behind the head: it is told so and goes on there.
    pub fn reset(mut self, asked: Seq, head: Seq) -> Self {
        self.ready.push_back((reset(asked, head), Some(head)));
        (self.next, self.told) = (head + 1, Some(head));
        self
    }

    /// As the body of an answer, for as long as whoever reads may: that is asked before each piece.
    pub fn into_body(self, may: impl Fn() -> bool + Send + 'static) -> Body {
        Body::from_stream(stream::unfold((self, may), |(mut reader, may)| async move {
            let bytes = reader.more_or_end().await?;
            may().then_some((Ok::<_, Infallible>(bytes), (reader, may)))
        }))
    }

    /// What is sent next, or the last words to a reader that is dropped; none when the stream is over. It is asked for
    /// when the connection took what it had: whoever takes nothing is noticed when they take something again, or cut off
    /// with their connection.
    async fn more_or_end(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        if let Some(why) = self.too_slow() {
            self.over = true;
            self.shared.drop_one(why);
            return Some(dropped(self.format, why, self.told));
        }
        self.more().await
    }

    fn too_slow(&self) -> Option<Dropped> {
        let bounds = &self.shared.bounds;
        if self.stalled() {
            return Some(Dropped::Stalled);
        }
        let missing =
            (self.state.borrow().published + 1).saturating_sub(self.told.map_or(0, |told| told + 1));
        (self.caught_up && missing > bounds.behind).then_some(Dropped::Behind)
    }

    fn stalled(&self) -> bool {
        self.pulse.as_ref().is_some_and(|pulse| pulse.stalled() > self.shared.bounds.stalled)
    }

    /// What is sent next; none when the stream is over.
    async fn more(&mut self) -> Option<Bytes> {
        loop {
            if let Some((bytes, last)) = self.ready.pop_front() {
                self.told = last;
                rest_when_due();
                return Some(bytes);
            }
            let state = *self.state.borrow_and_update();
            if state.broken != self.broken {
                return None;
            }
            if !self.filter.is_all() && self.next <= state.published {
                self.find(state.published).await?;
                if !self.ready.is_empty() {
                    continue;
                }
            }
            match self.unfiltered(state.published) {
                Taken::Frames(frames, last) => {
                    self.behind = None;
                    self.next = last + 1;
                    self.ready.extend(frames.into_iter().map(|(bytes, last)| (bytes, Some(last))));
                    continue;
                }
                Taken::Behind if self.catch_up().await? => continue,
                Taken::Behind | Taken::Nothing => {}
            }
            self.caught_up = true;
            if state.stopping {
                return None;
            }
            match tokio::time::timeout(KEEP_ALIVE, self.state.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) => return Some(self.format.keep_alive()),
            }
        }
    }

    /// What the newest pieces hold for a reader that leaves nothing out.
    fn unfiltered(&self, published: Seq) -> Taken {
        match self.filter.is_all() {
            true => self.shared.take(self.next, published, self.format),
            false => Taken::Nothing,
        }
    }

    /// Looks for what fits among the entries that are published. None when it cannot be read.
    async fn find(&mut self, published: Seq) -> Option<()> {
        let turn = self.shared.catching_up.acquire().await.ok()?;
        let (audit, format, next) = (self.audit.clone(), self.format, self.next);
        let filter = Arc::clone(&self.filter);
        let read = tokio::task::spawn_blocking(move || {
            let page = audit.page_of(&filter, next.checked_sub(1), None, FOUND_MAX)?;
            let lines = page.numbered();
            Ok::<_, audit::Error>((lines.len(), lines.last().map(|line| line.0), format.frames(&lines)))
        });
        match read.await.ok()? {
            Ok((found, last, frames)) => {
                drop(turn);
                // Where nothing more was found nothing up to what was published fits.
                let behind = if found < FOUND_MAX { published } else { self.next.saturating_sub(1) };
                self.next = last.unwrap_or(0).max(behind) + 1;
                let through = self.next - 1;
                match found {
                    0 => self.told = Some(through),
                    _ => self.ready.push_back((frames, Some(through))),
                }
                Some(())
            }
            Err(audit::Error::Rebuilding { .. } | audit::Error::Behind { .. }) => {
                drop(turn);
                tokio::time::sleep(INDEX_PAUSE).await;
                Some(())
            }
            Err(_) => None,
        }
    }

    /// Reads a piece from the store; whether there was one. None when it cannot be read.
    async fn catch_up(&mut self) -> Option<bool> {
        let turn = self.shared.catching_up.acquire().await.ok()?;
        let (audit, format, next) = (self.audit.clone(), self.format, self.next);
        let behind = self.behind.take();
        let read = tokio::task::spawn_blocking(move || {
            let after = next.checked_sub(1);
            let mut tail = behind.unwrap_or_else(|| audit.tail(after));
            let lines = match tail.next(Duration::ZERO) {
                Ok(lines) => lines.unwrap_or_default(),
                // What is damaged on the disk can often be mended from the other store.
                Err(error) => from_the_page(&audit, after).map_err(|_| error)?,
            };
            Ok::<_, audit::Error>((tail, lines.last().map(|line| line.0), format.frames(&lines)))
        });
        let read = read.await.ok()?;
        drop(turn);
        match read {
            Ok((tail, last, frames)) => {
                let Some(last) = last else { return Some(false) };
                // After a piece that was read another way the place is the old one.
                self.behind = Some(tail);
                self.next = last + 1;
                self.ready.push_back((frames, Some(last)));
                Some(true)
            }
            Err(error) => {
                tracing::error!(%error, seq = self.next, "a stream ends because the journal cannot be read");
                None
            }
        }
    }
}

impl Drop for Reader {
    /// One that took nothing to the end was cut off with its connection, without a word.
    fn drop(&mut self) {
        if !self.over && self.stalled() {
            self.shared.drop_one(Dropped::Stalled);
        }
    }
}

/// The same lines the way that pages are read.
fn from_the_page(audit: &Audit, after: Option<Seq>) -> Result<Vec<(Seq, String)>, audit::Error> {
    const LINES: usize = 500;
    Ok(audit.page(after, LINES)?.numbered())
}
