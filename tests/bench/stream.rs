//! `GET /v1/audit/stream` of the real daemon: 1,000 readers while 1,000 entries a second are written, each reader
//! checked for gaps; what a delivery costs the daemon, and what the readers cost whoever reports.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::daemon::Daemon;
use crate::home::Home;
use crate::sample::{Sample, number};
use crate::table::{Holds, Table};
use crate::{Done, Run, http};

/// Connections that report, so that one slow answer does not slow the load.
const SENDERS: u64 = 4;
/// Reports a second: each is two entries.
const REPORTS: u64 = 500;

pub fn rows(run: &Run, table: &mut Table) -> Done {
    raise_files()?;
    let (readers, seconds) = (run.pick(1_000, 50), run.pick(10, 2));
    let home = Home::make(run, &[])?;
    let daemon = Daemon::start(run, &home)?;
    let mut rounds = Vec::new();
    for _ in 0..run.pick(3, 1) {
        let alone = load(&daemon, seconds)?;
        rounds.push((alone, streamed(&daemon, &home.token()?, readers, seconds)?));
    }
    daemon.stop()?;
    let ratios: Sample = rounds.iter().map(|(alone, with)| with.load.p99() / alone.p99()).collect();
    let per_cpu = |(alone, with): &(Load, Streamed)| {
        // What the same reports cost without readers is not the stream's.
        let own = alone.cpu / alone.entries as f64 * with.load.entries as f64;
        with.deliveries as f64 / (with.load.cpu - own).max(0.001) / 1e6
    };
    let deliveries: Sample = rounds.iter().map(per_cpu).collect();
    let rate: Sample = rounds.iter().map(|(_, with)| with.load.entries as f64 / with.load.seconds).collect();
    let all: u64 = rounds.iter().map(|(_, with)| with.deliveries).sum();
    table.row(
        format!("stream: {readers} readers, every entry to each, without a gap"),
        "1,000 readers at 1,000 entries/s",
        format!("{} entries/s, {} deliveries, no gap", rate.says(""), number(all as f64)),
        "every reader's ids were checked one by one",
        Holds::when(readers >= 1_000 && rate.median() >= 950.0),
    );
    table.row(
        "stream: deliveries per CPU-second of the daemon",
        "≥ 2 M",
        deliveries.says("M"),
        "the CPU that the same reports cost without readers taken off",
        Holds::when(deliveries.median() >= 2.0),
    );
    let tail =
        |loads: Vec<&Load>| -> Sample { loads.iter().flat_map(|load| load.ms.iter().copied()).collect() };
    let alone = tail(rounds.iter().map(|(alone, _)| alone).collect());
    let with = tail(rounds.iter().map(|(_, with)| &with.load).collect());
    let appends: Sample = rounds.iter().map(|(alone, with)| with.load.append_ms / alone.append_ms).collect();
    let ms = |of: fn(&(Load, Streamed)) -> f64| rounds.iter().map(of).collect::<Sample>().says("ms");
    table.row(
        "stream: p99 of the appender with the readers, beside without",
        "≤ 2 ×",
        format!("{} ×: {}", appends.says(""), ms(|(_, with)| with.load.append_ms)),
        format!("without readers {}", ms(|(alone, _)| alone.append_ms)),
        Holds::when(appends.median() <= 2.0),
    );
    table.row(
        "the same from outside: p99 of a durable report over HTTP",
        "(beside)",
        format!("{} ×: {}", ratios.says(""), with.says_tail("ms")),
        format!("without readers {}", alone.says_tail("ms")),
        Holds::Beside,
    );
    Ok(())
}

/// Reports at a steady pace, and what they cost.
struct Load {
    ms: Vec<f64>,
    entries: u64,
    seconds: f64,
    cpu: f64,
    /// What 99 of 100 appends did not exceed, by the daemon's own figures.
    append_ms: f64,
}

impl Load {
    fn p99(&self) -> f64 {
        let mut ms = self.ms.clone();
        ms.sort_by(f64::total_cmp);
        ms.get(ms.len() * 99 / 100).copied().unwrap_or(f64::NAN)
    }
}

fn head(daemon: &Daemon) -> Done<u64> {
    let (_, status) = daemon.client()?.get("/v1/status")?;
    status["head"]["seq"].as_u64().ok_or_else(|| "no head".into())
}

/// Appends since the start by the upper end of their bucket, seconds: what `/metrics` says.
fn appends(daemon: &Daemon) -> Done<Vec<(f64, f64)>> {
    let text = daemon.client()?.get_text("/metrics")?;
    let of = |line: &str| -> Option<(f64, f64)> {
        let rest = line.strip_prefix("remediator_journal_append_seconds_bucket{le=\"")?;
        let (bound, count) = rest.split_once("\"} ")?;
        Some((bound.parse().unwrap_or(f64::INFINITY), count.parse().ok()?))
    };
    Ok(text.lines().filter_map(of).collect())
}

/// The quantile between two looks, ms: within its bucket as if appends were spread evenly there.
fn quantile(before: &[(f64, f64)], after: &[(f64, f64)], share: f64) -> f64 {
    let cumulated: Vec<(f64, f64)> =
        before.iter().zip(after).map(|((bound, old), (_, new))| (*bound, new - old)).collect();
    let wanted = cumulated.last().map_or(0.0, |(_, all)| all * share);
    let mut below = (0.0, 0.0);
    for (bound, count) in cumulated {
        if count >= wanted {
            let part = (wanted - below.1) / (count - below.1).max(1.0);
            return (below.0 + (bound - below.0) * part) * 1e3;
        }
        below = (bound, count);
    }
    f64::NAN
}

fn load(daemon: &Daemon, seconds: u64) -> Done<Load> {
    let appended = appends(daemon)?;
    let (before, cpu, began) = (head(daemon)?, daemon.cpu_seconds(), Instant::now());
    let pace = Duration::from_micros(1_000_000 * SENDERS / REPORTS);
    let mut ms = Vec::new();
    std::thread::scope(|scope| -> Done {
        let send = || -> Done<Vec<f64>> {
            let mut client = daemon.client()?;
            let report = http::report("bench", "STREAM_LOAD", "web");
            let mut ms = Vec::new();
            let mut next = Instant::now();
            while began.elapsed().as_secs() < seconds {
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
                next += pace;
                let sent = Instant::now();
                client.report(&report)?;
                ms.push(sent.elapsed().as_secs_f64() * 1e3);
            }
            Ok(ms)
        };
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
        for sender in senders {
            ms.extend(sender.join().map_err(|_| "a sender panicked")??);
        }
        Ok(())
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = daemon.cpu_seconds() - cpu;
    let append_ms = quantile(&appended, &appends(daemon)?, 0.99);
    Ok(Load { ms, entries: head(daemon)? - before, seconds, cpu, append_ms })
}

struct Streamed {
    load: Load,
    deliveries: u64,
}

fn streamed(daemon: &Daemon, token: &str, readers: u64, seconds: u64) -> Done<Streamed> {
    let from = head(daemon)?;
    let mut open = Vec::new();
    for _ in 0..readers {
        open.push(Reader::connect(daemon, token, from)?);
    }
    let (over, slowest) = (AtomicBool::new(false), AtomicU64::new(from));
    std::thread::scope(|scope| -> Done<Streamed> {
        let drained = scope.spawn(|| drain(&mut open, &slowest, &over));
        let cpu = daemon.cpu_seconds();
        let loaded = load(daemon, seconds);
        let last = head(daemon)?;
        let until = Instant::now() + Duration::from_secs(60);
        while slowest.load(Ordering::Relaxed) < last && Instant::now() < until && !drained.is_finished() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let cpu = daemon.cpu_seconds() - cpu;
        over.store(true, Ordering::Relaxed);
        drained.join().map_err(|_| "the readers panicked")??;
        let slowest = slowest.load(Ordering::Relaxed);
        if slowest < last {
            return Err(format!("a reader is at {slowest} a minute after entry {last}").into());
        }
        Ok(Streamed { load: Load { cpu, ..loaded? }, deliveries: readers * (last - from) })
    })
}

/// Reads whatever comes on any connection until told to stop.
fn drain(open: &mut [Reader], slowest: &AtomicU64, over: &AtomicBool) -> Done {
    stand_back()?;
    let mut buffer = vec![0; 256 * 1024];
    while !over.load(Ordering::Relaxed) {
        let mut wanted: Vec<PollFd<'_>> =
            open.iter().map(|reader| PollFd::new(&reader.stream, PollFlags::IN)).collect();
        poll(&mut wanted, Some(&Timespec { tv_sec: 0, tv_nsec: 20_000_000 }))?;
        let ready: Vec<bool> = wanted.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(wanted);
        for (reader, _) in open.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            reader.read(&mut buffer)?;
        }
        let least = open.iter().map(|reader| reader.last).min().unwrap_or(0);
        slowest.store(least, Ordering::Relaxed);
        // Reading in larger pieces costs the readers less; they are not what is measured.
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Readers are elsewhere in real life: what 700 MB a second cost them must not be taken from the daemon's cores. Only what
/// is scheduled as idle gives way at once; a low priority by itself lets the daemon wait for the end of a slice.
fn stand_back() -> Done {
    rustix::process::setpriority_process(None, 19)?;
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    if !std::process::Command::new("chrt").args(["--idle", "-p", "0", &thread]).status()?.success() {
        eprintln!("  (the readers could not be made idle: chrt failed)");
    }
    Ok(())
}

struct Reader {
    stream: TcpStream,
    last: u64,
    carried: Vec<u8>,
}

impl Reader {
    fn connect(daemon: &Daemon, token: &str, after: u64) -> Done<Self> {
        let mut stream = TcpStream::connect(daemon.address())?;
        write!(
            stream,
            "GET /v1/audit/stream?after={after} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        )?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, last: after, carried: Vec::new() })
    }

    /// Reads what is there; every id must be the one after the last. A piece of the transfer may begin anywhere but in
    /// an id line: the daemon sends whole frames.
    fn read(&mut self, buffer: &mut [u8]) -> Done {
        let read = match self.stream.read(buffer) {
            Ok(0) => return Err("the daemon ended a stream".into()),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.carried.extend_from_slice(&buffer[..read]);
        let mut at = 0;
        while let Some(found) = memchr::memmem::find(&self.carried[at..], b"\nid: ") {
            let start = at + found + 5;
            let Some(length) = memchr::memchr(b'\n', &self.carried[start..]) else { break };
            let id: u64 = std::str::from_utf8(&self.carried[start..start + length])?.parse()?;
            if id != self.last + 1 {
                return Err(format!("a gap: {id} after {}", self.last).into());
            }
            self.last = id;
            at = start + length;
        }
        // An id line may be cut off at the end; what is before it is done with.
        let keep = at.max(self.carried.len().saturating_sub(32));
        self.carried.drain(..keep);
        Ok(())
    }
}

/// Room for the readers' connections in this process.
fn raise_files() -> Done {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(8_192, |most| most.min(8_192));
    if limit.current.is_some_and(|now| now < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })?;
    }
    Ok(())
}
