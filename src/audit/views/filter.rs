//! Which entries are meant, and pages of them: by kind, incident, runbook, target, actor, outcome, time and seq, each list
//! walked by its index. Cursors are seqs, so a page is the same however the journal has grown since.

use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::audit::views::page::Page;
use crate::base::ids::{IncidentId, Seq};
use crate::base::limits::{AUDIT_PAGE_MAX, CLOCK_STEP_US};
use crate::event::Event;
use crate::journal::{LineRef, Selection, Word};

/// Bytes of one page: a page of the largest lines would otherwise be 64 MiB.
pub(super) const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Entries that are read in one piece though those between them are not wanted: to begin anew is dearer.
const GAP_MAX: Seq = 32;
/// How many entries the newest ones are looked for among at first; twice as many each time that is too few.
const NEWEST_AMONG: Seq = 4_096;

/// Which entries. What is not said leaves nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Only kinds that begin so: `attempt.` or `lock.refused`.
    pub kind: Option<String>,
    /// Only those of this incident.
    pub incident: Option<IncidentId>,
    /// Only those of attempts of this runbook, and those that name it.
    pub runbook: Option<String>,
    /// Only those of incidents about this target, and those that name it.
    pub target: Option<String>,
    /// Only what this one said or did: a person's name, `sentinel:NAME`, `remediator`, `decider`, `time`.
    pub actor: Option<String>,
    /// Only ends with this outcome: of an attempt, a step, a verification or an incident.
    pub outcome: Option<String>,
    /// Only those written at this wall time or later, Unix µs.
    pub since_us: Option<i64>,
    /// Only those written before this wall time, Unix µs.
    pub until_us: Option<i64>,
    /// Only those with a smaller seq.
    pub before: Option<Seq>,
}

impl EntryFilter {
    /// Whether it leaves nothing out.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    fn selection(&self) -> Selection {
        let of = |prefix: &String| {
            let kinds = Event::KINDS.iter().filter(|(kind, _)| kind.starts_with(prefix.as_str()));
            kinds.map(|(kind, _)| (*kind).to_owned()).collect()
        };
        let words = [
            self.runbook.clone().map(Word::Runbook),
            self.target.clone().map(Word::Target),
            self.actor.as_deref().map(Word::actor),
            self.outcome.clone().map(Word::Outcome),
        ];
        Selection {
            kinds: self.kind.as_ref().map(of),
            incident: self.incident,
            words: words.into_iter().flatten().collect(),
        }
    }

    fn is_timed(&self) -> bool {
        self.since_us.is_some() || self.until_us.is_some()
    }
    fn fits_time(&self, time_us: i64) -> bool {
        self.since_us.is_none_or(|since| time_us >= since)
            && self.until_us.is_none_or(|until| time_us < until)
    }
}

/// Seqs from the first to the last, both in.
type Range = (Seq, Seq);

impl Audit {
    /// At most `limit` entries after a seq that a filter means; with `last` only so many of the newest.
    pub fn page_of(
        &self,
        filter: &EntryFilter,
        after: Option<Seq>,
        last: Option<usize>,
        limit: usize,
    ) -> Result<Page, Error> {
        let limit = limit.min(AUDIT_PAGE_MAX);
        if filter.is_all() {
            return self.page(self.newest(after, last)?, limit);
        }
        let selection = filter.selection();
        let mut page = Page::behind(after);
        let mut bytes = 0;
        let (ranges, last) = (self.ranges(filter, after)?, last.map(|last| last.min(limit)));
        if let Some(last) = last {
            let seqs = self.last_of(filter, &selection, &ranges, last)?;
            self.add(&mut page, filter, &seqs, limit, &mut bytes)?;
            return Ok(page);
        }
        for (mut from, upto) in ranges {
            while page.lines.len() < limit && from <= upto {
                let wanted = limit - page.lines.len();
                let seqs = self.entries().select(&selection, from, upto, wanted)?;
                let all = self.add(&mut page, filter, &seqs, limit, &mut bytes)?;
                if !all || seqs.len() < wanted {
                    break;
                }
                from = seqs.last().map_or(Seq::MAX, |seq| seq.saturating_add(1));
            }
        }
        Ok(page)
    }

    /// Adds entries to a page, those of them whose time fits. False once the page is full.
    fn add(
        &self,
        page: &mut Page,
        filter: &EntryFilter,
        seqs: &[Seq],
        limit: usize,
        bytes: &mut usize,
    ) -> Result<bool, Error> {
        let mut wanted = seqs.iter().copied().peekable();
        while let Some(first) = wanted.next() {
            let mut run = vec![first];
            while let Some(near) = wanted.next_if(|seq| *seq <= run[run.len() - 1] + GAP_MAX) {
                run.push(near);
            }
            let length = usize::try_from(run[run.len() - 1] - first + 1).unwrap_or(usize::MAX);
            for (seq, line) in self.entries().lines(first.checked_sub(1), length)? {
                if run.binary_search(&seq).is_err() || filter.is_timed() && !fits_time(filter, &line) {
                    continue;
                }
                *bytes += line.len();
                if page.lines.len() >= limit || *bytes > PAGE_BYTES_MAX && !page.lines.is_empty() {
                    return Ok(false);
                }
                page.push(seq, line);
            }
        }
        Ok(true)
    }

    /// The newest entries that are meant, in order.
    fn last_of(
        &self,
        filter: &EntryFilter,
        selection: &Selection,
        ranges: &[Range],
        last: usize,
    ) -> Result<Vec<Seq>, Error> {
        let mut found: Vec<Seq> = Vec::new();
        for (from, upto) in ranges.iter().rev() {
            let (mut end, mut among) = (upto.saturating_add(1), NEWEST_AMONG);
            while end > *from && found.len() < last {
                let begin = end.saturating_sub(among).max(*from);
                let seqs = self.entries().select(selection, begin, end - 1, usize::MAX)?;
                let mut fitting = Vec::new();
                for seq in seqs.into_iter().rev() {
                    if found.len() + fitting.len() >= last {
                        break;
                    }
                    let fits = !filter.is_timed()
                        || self.entries().line(seq)?.is_some_and(|line| fits_time(filter, &line));
                    if fits {
                        fitting.push(seq);
                    }
                }
                fitting.reverse();
                found.splice(0..0, fitting);
                (end, among) = (begin, among.saturating_mul(2));
            }
        }
        Ok(found)
    }

    /// Where the entries lie whose seq and, as far as the clock can be believed, whose time fit.
    fn ranges(&self, filter: &EntryFilter, after: Option<Seq>) -> Result<Vec<Range>, Error> {
        let Some(head) = self.head()? else { return Ok(Vec::new()) };
        let first = after.map_or(0, |after| after.saturating_add(1));
        let last =
            filter.before.map_or(Some(head), |before| before.checked_sub(1)).map(|last| last.min(head));
        let Some(last) = last.filter(|last| first <= *last) else { return Ok(Vec::new()) };
        if !filter.is_timed() {
            return Ok(vec![(first, last)]);
        }
        // Between two steps of the wall clock time only grows, but for less than what is called a step.
        let mut starts = self.entries().by_kind("process.clock_stepped")?;
        starts.retain(|seq| *seq > first && *seq <= last);
        let ends = starts.iter().map(|start| start - 1).chain([last]);
        let pieces = [first].into_iter().chain(starts.iter().copied()).zip(ends);
        let mut ranges = Vec::new();
        for (first, last) in pieces.collect::<Vec<_>>() {
            let least = filter.since_us.map_or(i64::MIN, |since| since.saturating_sub(CLOCK_STEP_US));
            let most = filter.until_us.map_or(i64::MAX, |until| until.saturating_add(CLOCK_STEP_US));
            let from = self.first_at(first, last, least)?;
            let upto = self.first_at(first, last, most)?.checked_sub(1);
            ranges.extend(upto.filter(|upto| from <= *upto).map(|upto| (from, upto)));
        }
        Ok(ranges)
    }

    /// The first entry of a range that was written then or later; the one behind the range when there is none.
    fn first_at(&self, first: Seq, last: Seq, time_us: i64) -> Result<Seq, Error> {
        let (mut low, mut high) = (first, last.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            let line = self.line(middle)?;
            if time_of(&line).is_some_and(|at| at < time_us) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

fn time_of(line: &str) -> Option<i64> {
    LineRef::parse(line.as_bytes()).ok().map(|line| line.at.time_us)
}

fn fits_time(filter: &EntryFilter, line: &str) -> bool {
    time_of(line).is_some_and(|time_us| filter.fits_time(time_us))
}
