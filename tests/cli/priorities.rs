//! Serving gives way to deciding, appending and acting: by the priorities that the kernel has for each thread of the daemon
//! and for each program that it starts.

use std::path::Path;
use std::time::Duration;

use crate::sandbox::{Sandbox, eventually, processes_under};

/// The `nice` value in a `stat` file of proc(5).
fn nice(stat: &Path) -> Option<(String, i32)> {
    let text = std::fs::read_to_string(stat).ok()?;
    let (name, rest) = (text.split_once('(')?.1.rsplit_once(')')?.0, text.rsplit_once(") ")?.1);
    Some((name.to_owned(), rest.split(' ').nth(16)?.parse().ok()?))
}

#[test]
fn what_serves_gives_way_to_what_decides_and_acts() {
    let mut sandbox = Sandbox::with_home();
    let config = sandbox.home().join("remediator.yaml");
    let said = std::fs::read_to_string(&config).expect("a configuration");
    let paged = sandbox.path().join("paged");
    let channel = format!(
        "channels:\n  page: {{command: {{argv: [/bin/sh, -c, 'cat /proc/self/stat > {}']}}}}\n",
        paged.display()
    );
    std::fs::write(&config, said + &channel).expect("written");
    sandbox.serve();
    let own = nice(Path::new("/proc/self/stat")).expect("read").1;

    let tasks = std::fs::read_dir(format!("/proc/{}/task", sandbox.daemon())).expect("threads").flatten();
    let threads: Vec<(String, i32)> = tasks.filter_map(|task| nice(&task.path().join("stat"))).collect();
    let of = |wanted: &str| -> Vec<i32> {
        threads.iter().filter(|(name, _)| name == wanted).map(|(_, nice)| *nice).collect()
    };
    assert!(!of("serve").is_empty() && of("serve").iter().all(|nice| *nice > own), "{threads:?}");
    assert!(!of("turn").is_empty() && of("turn").iter().all(|nice| *nice == own), "{threads:?}");
    assert!(!of("io").is_empty() && of("io").iter().all(|nice| *nice == own), "{threads:?}");

    let service = || {
        let pids = processes_under(sandbox.path());
        let stats = pids.iter().filter_map(|pid| nice(Path::new(&format!("/proc/{pid}/stat"))));
        stats.map(|(_, nice)| nice).collect::<Vec<_>>()
    };
    assert!(eventually(Duration::from_secs(30), || !service().is_empty()), "the sample service runs");
    assert!(service().iter().all(|nice| *nice == own), "{:?}", service());

    // Asked for over HTTP, and started by what acts all the same.
    sandbox.run(&["notify", "test", "page"]).ends(0);
    let (name, nice) = nice(&paged).expect("the channel's program wrote");
    assert_eq!(nice, own, "{name}");
}

/// What `status` of proc(5) says of huge pages; nothing where the kernel has none.
fn huge_pages(pid: &str) -> Option<bool> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("THP_enabled:")).map(|said| said.trim() == "1")
}

#[test]
fn the_daemon_does_without_huge_pages_and_its_services_do_not() {
    if huge_pages("self") != Some(true) {
        return eprintln!("left out: this kernel has no huge pages, or they were refused to this test");
    }
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let daemon = sandbox.daemon();
    assert_eq!(huge_pages(&daemon.to_string()), Some(false));
    let services = || {
        let pids = processes_under(sandbox.path()).into_iter().map(|pid| pid.to_string());
        pids.filter(|pid| *pid != daemon.to_string()).filter_map(|pid| huge_pages(&pid)).collect::<Vec<_>>()
    };
    let given_back = || !services().is_empty() && services().iter().all(|enabled| *enabled);
    assert!(eventually(Duration::from_secs(30), given_back), "{:?}", services());
}
