//! `/metrics` as text in the Prometheus format 0.0.4: base units, `_total` on counters, labels from closed or bounded sets only.
//! docs/metrics.md lists every name. Not for counting (`audit`) nor for the route (`routes::metrics`).

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::audit::{Histogram, INCIDENT_BOUNDS_MS, STEP_BOUNDS_MS, StatusView, Tally};
use crate::journal::{BOUNDS_US, Latency};
use crate::tlog::WitnessState;

/// Requests that were answered, by class of status.
#[derive(Debug, Default)]
pub(super) struct Requests {
    classes: [AtomicU64; 5],
}

impl Requests {
    /// One more.
    pub fn count(&self, status: u16) {
        if let Some(class) = self.classes.get(usize::from(status / 100).wrapping_sub(1)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What is shown.
pub(super) struct Scrape<'a> {
    pub status: &'a StatusView,
    pub tally: &'a Tally,
    pub latency: &'a Latency,
    pub ready: bool,
    pub live: bool,
    /// Entries under the log's newest checkpoint; none while there is none.
    pub log: Option<u64>,
    /// Witnesses that are asked to cosign it: whether each did when it was asked last, and how many entries.
    pub witnesses: BTreeMap<String, Option<WitnessState>>,
    pub streams: usize,
    pub dropped: Vec<(&'static str, u64)>,
    pub requests: &'a Requests,
}

/// The text that is being written.
struct Text(String);

impl Text {
    /// What follows belongs to this name.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (place, (label, word)) in labels.iter().enumerate() {
            let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{word}\"", if place == 0 { '{' } else { ',' });
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
    fn by<W: AsRef<str>>(
        &mut self,
        (name, kind, help): (&str, &str, &str),
        label: &str,
        values: impl IntoIterator<Item = (W, u64)>,
    ) {
        self.family(name, kind, help);
        for (word, value) in values {
            self.sample(name, &[(label, word.as_ref())], value);
        }
    }
    fn histogram(&mut self, name: &str, help: &str, bounds: &[u64; 8], of: &Histogram) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        let mut sum = 0;
        for (bound, within) in bounds.iter().zip(of.within) {
            sum += within;
            self.sample(&bucket, &[("le", &seconds(*bound))], sum);
        }
        self.sample(&bucket, &[("le", "+Inf")], of.count);
        self.sample(&format!("{name}_sum"), &[], seconds(of.sum_ms));
        self.sample(&format!("{name}_count"), &[], of.count);
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// The whole answer.
pub(super) fn text(scrape: &Scrape<'_>) -> String {
    let mut text = Text(String::new());
    text.family("remediator_build_info", "gauge", "Always 1; the version is a label.");
    text.sample("remediator_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    now(&mut text, scrape);
    held(&mut text, scrape.status);
    counted(&mut text, scrape);
    process(&mut text);
    text.0
}

/// How the daemon is.
fn now(text: &mut Text, scrape: &Scrape<'_>) {
    let status = scrape.status;
    let mut flag = |name: &str, help: &str, value: bool| text.one(name, "gauge", help, u8::from(value));
    flag("remediator_live", "1 when the decider makes progress and the journal takes entries.", scrape.live);
    flag("remediator_ready", "1 when every step of the start is done.", scrape.ready);
    flag(
        "remediator_paused",
        "1 when no new attempt starts because a person said so.",
        status.paused.is_some(),
    );
    flag(
        "remediator_draining",
        "1 when no new attempt starts and the end of the last one is waited for.",
        status.draining.is_some(),
    );
    flag("remediator_observe_only", "1 when nothing is run.", status.observe_only.is_some());
    flag(
        "remediator_trust_refused",
        "1 when trust files on disk are not in force.",
        status.trust.refused.is_some(),
    );
    flag(
        "remediator_journal_sealed",
        "1 when nothing can be appended any more.",
        status.journal.sealed.is_some(),
    );
    let nearly_full = status.journal.space != "ample";
    flag("remediator_journal_reserve_only", "1 when the disk is nearly full.", nearly_full);
    flag("remediator_log_up", "1 when the transparency log has a checkpoint to give.", scrape.log.is_some());
    let head = status.head.as_ref().map_or(0, |head| head.seq);
    text.one("remediator_journal_head_seq", "gauge", "Position of the last durable entry.", head);
    text.one(
        "remediator_journal_minimum_seq",
        "gauge",
        "Position of the first entry there is; those below it were pruned.",
        status.minimum,
    );
    let signed = scrape.log.unwrap_or(0);
    text.one("remediator_log_entries", "gauge", "Entries under the log's newest checkpoint.", signed);
    let witnesses = || scrape.witnesses.iter().map(|(name, state)| (name.as_str(), *state));
    let up = ("remediator_log_witness_up", "gauge", "1 when the witness cosigned when it was asked last.");
    text.by(up, "witness", witnesses().map(|(name, s)| (name, u64::from(s.is_some_and(|s| s.up)))));
    let size = ("remediator_log_witness_entries", "gauge", "Entries under the head that it cosigned last.");
    text.by(size, "witness", witnesses().map(|(name, s)| (name, s.map_or(0, |s| s.size))));
    text.one("remediator_streams", "gauge", "Open streams of the journal.", scrape.streams);
}

/// What is open, waiting or watched.
fn held(text: &mut Text, status: &StatusView) {
    const STATES: [&str; 6] = ["open", "held", "remediating", "escalated", "watching", "frozen"];
    let of = |state: &str| status.incidents.get(state).copied().unwrap_or(0);
    let open = ("remediator_incidents_open", "gauge", "Incidents that are not closed.");
    text.by(open, "state", STATES.map(|state| (state, of(state))));
    let count = |n: usize| n as u64;
    let catalog = &status.catalog;
    let standings = [
        ("live", count(catalog.live)),
        ("observe_only", count(catalog.observe_only)),
        ("refused", count(catalog.refused)),
    ];
    text.by(
        ("remediator_content_files", "gauge", "Content files by what they may do."),
        "standing",
        standings,
    );
    let running = status.services.values().filter(|service| service.pid.is_some()).count();
    let services = [("running", count(running)), ("stopped", count(status.services.len() - running))];
    text.by(("remediator_services", "gauge", "Supervised services."), "state", services);
    let troubled = status.sentinels.values().filter(|s| s.trouble.is_some()).count();
    let degraded = status.sentinels.values().filter(|s| s.trouble.is_none() && s.degraded.is_some()).count();
    let good = status.sentinels.len() - troubled - degraded;
    let sentinels = [("good", count(good)), ("degraded", count(degraded)), ("troubled", count(troubled))];
    text.by(("remediator_sentinels", "gauge", "Sentinels by what they see."), "state", sentinels);
    text.one("remediator_notices_waiting", "gauge", "Notices not delivered yet.", status.outbox_waiting);
    text.one("remediator_targets_tainted", "gauge", "Targets that wait for a person.", status.tainted.len());
    text.one("remediator_attempts_frozen", "gauge", "Frozen attempts.", status.frozen.len());
    text.one(
        "remediator_alarms",
        "gauge",
        "Entries that their lifecycle did not allow.",
        status.alarms.len(),
    );
}

/// What happened since the start.
fn counted(text: &mut Text, scrape: &Scrape<'_>) {
    let tally = scrape.tally;
    let counter = |name, help| (name, "counter", help);
    let words = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(word, n)| (word.clone(), *n)).collect::<Vec<_>>()
    };
    let entries = tally.entries.iter().map(|(kind, n)| (*kind, *n));
    text.by(counter("remediator_entries_total", "Entries of the journal."), "kind", entries);
    let degradations = counter("remediator_degradations_total", "Degradations reported and accepted.");
    text.by(degradations, "severity", words(&tally.degradations));
    text.by(counter("remediator_attempts_total", "Attempts that ended."), "outcome", words(&tally.attempts));
    let steps = tally.steps.iter().map(|(word, n)| (*word, *n));
    text.by(counter("remediator_steps_total", "Steps that ended."), "outcome", steps);
    let verifications = counter("remediator_verifications_total", "Verifications that were concluded.");
    text.by(verifications, "verdict", words(&tally.verifications));
    text.by(
        counter("remediator_incidents_closed_total", "Incidents closed."),
        "closure",
        words(&tally.closed),
    );
    let name = "remediator_notices_total";
    text.family(name, "counter", "Tries to deliver a notice.");
    for ((channel, result), n) in &tally.notices {
        text.sample(name, &[("channel", channel), ("result", result)], n);
    }
    let name = "remediator_step_duration_seconds";
    text.histogram(name, "How long steps took.", &STEP_BOUNDS_MS, &tally.step_ms);
    let name = "remediator_incident_duration_seconds";
    text.histogram(
        name,
        "From an incident's first report to its closing.",
        &INCIDENT_BOUNDS_MS,
        &tally.incident_ms,
    );
    appends(text, scrape.latency);
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    let answered = scrape.requests.classes.iter().map(|n| n.load(Ordering::Relaxed));
    let requests = counter("remediator_http_requests_total", "Requests answered, by class of status.");
    text.by(requests, "class", classes.into_iter().zip(answered).skip(1));
    let dropped =
        counter("remediator_streams_dropped_total", "Readers of streams that were dropped, by why.");
    text.by(dropped, "why", scrape.dropped.iter().copied());
}

fn appends(text: &mut Text, latency: &Latency) {
    let name = "remediator_journal_append_seconds";
    text.family(name, "histogram", "From the wish to append until it is durable.");
    let bucket = format!("{name}_bucket");
    let mut sum = 0;
    for (bound, within) in BOUNDS_US.iter().zip(latency.within) {
        sum += within;
        text.sample(&bucket, &[("le", &micros(*bound))], sum);
    }
    text.sample(&bucket, &[("le", "+Inf")], latency.count);
    text.sample(&format!("{name}_sum"), &[], micros(latency.sum_us));
    text.sample(&format!("{name}_count"), &[], latency.count);
}

/// µs as seconds.
fn micros(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// The names that every exporter uses for its own process; absent where the system does not say.
fn process(text: &mut Text) {
    let Ok(me) = procfs::process::Process::myself() else { return };
    if let Ok(stat) = me.stat() {
        let ticks = procfs::ticks_per_second();
        let used_ms = (stat.utime + stat.stime).saturating_mul(1000) / ticks.max(1);
        text.one("process_cpu_seconds_total", "counter", "CPU time used.", seconds(used_ms));
        let resident = stat.rss.saturating_mul(procfs::page_size());
        text.one("process_resident_memory_bytes", "gauge", "Memory in use.", resident);
        if let Ok(boot) = procfs::boot_time_secs() {
            let started = boot.saturating_mul(1000) + stat.starttime.saturating_mul(1000) / ticks.max(1);
            text.one(
                "process_start_time_seconds",
                "gauge",
                "When it was started, Unix time.",
                seconds(started),
            );
        }
    }
    if let Ok(open) = me.fd_count() {
        text.one("process_open_fds", "gauge", "File descriptors in use.", open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_buckets_cumulate() {
        let mut text = Text(String::new());
        text.sample("a", &[("x", "b\"c\\d\n")], 1);
        let of = Histogram { within: [1, 2, 0, 0, 0, 0, 0, 0], count: 4, sum_ms: 1_234 };
        text.histogram("h", "H.", &STEP_BOUNDS_MS, &of);
        let wanted = "a{x=\"b\\\"c\\\\d\\n\"} 1\n# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"0.100\"} 1\n\
                      h_bucket{le=\"0.500\"} 3\n";
        assert!(text.0.starts_with(wanted), "{}", text.0);
        assert!(text.0.ends_with("h_bucket{le=\"+Inf\"} 4\nh_sum 1.234\nh_count 4\n"), "{}", text.0);
    }
}
