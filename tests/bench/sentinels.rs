//! Thousands of sentinels at work: CPU of a look, whether it is the same in every slice of time, and how late looks
//! begin. Real looks at real things (files, the disk, memory, a listening port), five seconds apart.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use remediator::base::digest::FileDigest;
use remediator::base::time::Span;
use remediator::event::degradation::Severity;
use remediator::event::plan::{DiskLook, FileLook, LookPlan, MemoryLook, ProbePlan, SentinelPlan, TcpLook};
use remediator::sentinel::{Eyes, ServiceSeen, Watch};

use crate::sample::{Sample, cpu_seconds, number, pass};
use crate::table::{Holds, Table};
use crate::{Done, Run};

const EVERY: Duration = Duration::from_secs(5);

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let count = run.pick(5_000, 200);
    let folder = run.folder("sentinels")?;
    std::fs::write(folder.join("file"), "here")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    // Takes connections and lets them go, until the process ends.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let eyes = Eyes::new(Arc::new(|_: &str| ServiceSeen::Unknown), str::to_owned)?;
    let watch = Watch::new(runtime.handle().clone(), eyes.into_look(), Arc::new(|_| {}));
    watch.set((0..count).map(|n| plan(n, &folder, port)).collect(), &BTreeMap::new());
    // Start, phase, and the first whole round are not the steady state.
    pass(EVERY * 3);
    let (mut slices, mut late, before) = (Vec::new(), Vec::new(), looks(&watch));
    let cpu = cpu_seconds();
    for _ in 0..run.pick(12, 2) {
        let began = (cpu_seconds(), std::time::Instant::now());
        pass(EVERY);
        slices.push((cpu_seconds() - began.0) / began.1.elapsed().as_secs_f64() * 100.0);
        late.extend(watch.live().iter().map(|live| live.late_ms as f64));
    }
    let taken = (looks(&watch) - before) as f64;
    let per_look = (cpu_seconds() - cpu) / taken * 1e6;
    let (slices, late): (Sample, Sample) = (slices.into_iter().collect(), late.into_iter().collect());
    let spread = slices.max() / slices.min();
    table.row(
        format!("{} sentinels, every 5 s: CPU of one core in slices of 5 s", number(f64::from(count))),
        "steady: largest slice ≤ 1.5 × smallest",
        slices.says("%"),
        format!("{} µs of CPU a look; {} looks", number(per_look), number(taken)),
        Holds::when(spread <= 1.5),
    );
    let bad = watch.live().iter().filter(|live| live.verdict.is_none()).count();
    table.row(
        "how much later than planned a look begins",
        "p99 ≤ 100 ms",
        late.says_tail("ms"),
        format!("{bad} without a look"),
        Holds::when(late.percentile(99.0) <= 100.0 && bad == 0),
    );
    watch.set(Vec::new(), &BTreeMap::new());
    runtime.shutdown_background();
    Ok(())
}

fn looks(watch: &Watch) -> u64 {
    watch.live().iter().map(|live| live.looks).sum()
}

fn plan(number: u32, folder: &Path, port: u16) -> SentinelPlan {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let look = match number % 4 {
        0 => LookPlan::File(Box::new(FileLook {
            path: path("file"),
            exists: true,
            max_age: Some(Span::from_secs(86_400)),
            min_size_bytes: None,
            max_size_bytes: None,
            growth: None,
        })),
        1 => LookPlan::Disk(DiskLook {
            path: path(""),
            min_free_bytes: Some(1),
            min_free_percent: None,
            min_free_inodes_percent: None,
        }),
        2 => {
            LookPlan::Memory(MemoryLook::System { min_available_bytes: Some(1), min_available_percent: None })
        }
        _ => LookPlan::Tcp(TcpLook { host: "127.0.0.1".into(), port, send: None, expect: None }),
    };
    let id = format!("eye-{number}");
    SentinelPlan {
        digest: FileDigest::of(id.as_bytes()),
        id,
        probe: ProbePlan { look, timeout: Span::from_secs(2) },
        every: Span::from_ms(EVERY.as_millis() as u64),
        failures: 2,
        successes: 2,
        unknowns: 5,
        subsystem: "bench".into(),
        code: "BENCH_LOOK".into(),
        target: "it".into(),
        severity: Severity::Info,
        summary: "a look of the bench".into(),
    }
}
