//! SIGKILL at random moments: under load, during open, snapshot and rotation; of a child that appends through the
//! library and of the daemon behind HTTP. Nothing acknowledged may be lost and every journal must open.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use remediator::base::ids::Seq;
use remediator::journal::{IndexMode, IntentJournal};

use crate::home::Home;
use crate::journal::{all_there, check, create, lines, offline_lines, options};
use crate::roles::command;
use crate::run::{Random, Run, Tally, ensure};

/// Kills that one journal sees before a new one is begun.
const KILLS_PER_JOURNAL: u64 = 20;
const KILLS_PER_HOME: u64 = 25;
/// One kill in so many is of the daemon.
const DAEMON_SHARE: u64 = 5;
const PATIENCE: Duration = Duration::from_secs(20);

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    let of_daemon = run.count / DAEMON_SHARE;
    let mut left = run.count - of_daemon;
    while left > 0 && !run.hopeless() {
        let kills = left.min(KILLS_PER_JOURNAL);
        left -= kills;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let done = one_journal(run, &folder.path().join("state"), kills);
        keep_when_bad(run, done, folder);
    }
    let mut left = of_daemon;
    while left > 0 && !run.hopeless() {
        let kills = left.min(KILLS_PER_HOME);
        left -= kills;
        let done = one_home(run, kills);
        run.hold(done);
    }
    run.done()
}

/// What went wrong can be looked at afterwards.
fn keep_when_bad(run: &mut Run, done: Result<(), String>, folder: tempfile::TempDir) {
    if let Err(what) = done {
        run.violation(format!("{what}; kept in {}", folder.keep().display()));
    }
}

/// A child that appends.
struct Victim {
    child: Child,
    said: Receiver<String>,
}

impl Victim {
    fn start(state: &Path, seed: u64, index: &str) -> Result<Self, String> {
        let mut command = command("__append").map_err(|e| e.to_string())?;
        command.arg(state).arg(seed.to_string()).arg(index);
        let mut child =
            command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().map_err(|e| e.to_string())?;
        let stdout = child.stdout.take().ok_or("no pipe")?;
        let (sender, said) = channel();
        // Only whole lines: what the pipe holds of a cut one was not acknowledged.
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout);
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|n| n > 0) && line.ends_with('\n') {
                if sender.send(line.trim_end().to_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Ok(Self { child, said })
    }

    /// Reads on until it says a line that starts like this; everything said so far.
    fn wait_for(&self, start: &str, heard: &mut Vec<String>) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.said.recv_timeout(left).map_err(|_| format!("the child never said `{start}`"))?;
            let found = line.starts_with(start);
            let failed = line.strip_prefix("failed ").map(str::to_owned);
            heard.push(line);
            match failed {
                Some(why) => return Err(format!("a journal did not open or append: {why}")),
                None if found => return Ok(()),
                None => {}
            }
        }
    }

    fn kill(mut self, heard: &mut Vec<String>) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map_err(|e| e.to_string())?;
        // The reader ends with the pipe.
        heard.extend(self.said.iter());
        Ok(())
    }
}

fn one_journal(run: &mut Run, state: &Path, kills: u64) -> Result<(), String> {
    create(state)?;
    let index = if run.random.percent(50) { "indexed" } else { "plain" };
    let mut acknowledged = BTreeMap::new();
    let mut open_takes = Duration::from_millis(20);
    for kill in 0..kills {
        let seed = run.random.next() >> 1;
        let victim = Victim::start(state, seed, index)?;
        let mut heard = Vec::new();
        let moment = moment(run, &victim, &mut open_takes, &mut heard);
        victim.kill(&mut heard)?;
        run.add(moment?, 1);
        run.add("kills", 1);
        for line in &heard {
            if let Some((seq, words)) = line.strip_prefix("ack ").and_then(|ack| ack.split_once(' ')) {
                let seq: Seq = seq.parse().map_err(|_| format!("a cut acknowledgement: {line}"))?;
                acknowledged.insert(seq, words.to_owned());
            }
            if let Some(why) = line.strip_prefix("failed ") {
                return Err(format!("after {kill} kills: {why}"));
            }
        }
        // Not after every kill: then the next child recovers from two crashes in a row.
        if kill + 1 == kills || run.random.percent(60) {
            look(run, state, index, &acknowledged)
                .map_err(|e| format!("after kill {kill} ({index}): {e}"))?;
        }
    }
    run.add("acknowledged", acknowledged.len() as u64);
    Ok(())
}

/// Waits for the moment at which the child is to be killed; which kind it was.
fn moment(
    run: &mut Run,
    victim: &Victim,
    open_takes: &mut Duration,
    heard: &mut Vec<String>,
) -> Result<&'static str, String> {
    let random = &mut run.random;
    let kind = random.below(10);
    if kind == 9 {
        std::thread::sleep(random.span(Duration::from_millis(80)));
        return Ok("at any time");
    }
    victim.wait_for("opening", heard)?;
    if kind < 3 {
        std::thread::sleep(random.span(*open_takes * 5 / 4));
        return Ok("during open");
    }
    let began = Instant::now();
    victim.wait_for("open", heard)?;
    *open_takes = (*open_takes + began.elapsed()) / 2;
    if kind < 5 {
        victim.wait_for("snapshot", heard)?;
        std::thread::sleep(random.span(Duration::from_millis(6)));
        return Ok("during a snapshot");
    }
    victim.wait_for("ack", heard)?;
    std::thread::sleep(random.span(Duration::from_millis(60)));
    Ok("under load, rotating")
}

/// Verifies the files as they are, opens, reads everything back, verifies again.
fn look(
    run: &mut Run,
    state: &Path,
    index: &str,
    acknowledged: &BTreeMap<Seq, String>,
) -> Result<(), String> {
    check(state).map_err(|e| format!("before the open: {e}"))?;
    let before = offline_lines(state)?;
    all_there(acknowledged, |seq| before.get(&seq)).map_err(|e| format!("offline: {e}"))?;
    let mode = if index == "indexed" { IndexMode::On } else { IndexMode::Off };
    let (journal, opened) =
        IntentJournal::open(options(state, mode)).map_err(|e| format!("does not open: {e}"))?;
    ensure(opened.damage.is_none(), || format!("opened read-only: {:?}", opened.damage))?;
    run.add("tails cut", u64::from(opened.cut.is_some()));
    let now = lines(&journal)?;
    all_there(acknowledged, |seq| now.get(seq as usize))?;
    if run.random.percent(30) {
        journal.clean_stop().map_err(|e| e.to_string())?;
    }
    drop(journal);
    let report = check(state).map_err(|e| format!("after the open: {e}"))?;
    run.add("entries verified", report.entries);
    Ok(())
}

fn one_home(run: &mut Run, kills: u64) -> Result<(), String> {
    let home = Home::new()?;
    let mut acknowledged = BTreeMap::new();
    let mut start_takes = Duration::from_millis(300);
    for kill in 0..kills {
        let began = Instant::now();
        let daemon = home.start()?;
        let during_start = run.random.percent(25);
        if during_start {
            std::thread::sleep(run.random.span(start_takes));
        } else {
            daemon.ready().map_err(|e| format!("after {kill} kills of the daemon: {e}"))?;
            start_takes = began.elapsed();
            let lasts = Duration::from_millis(5) + run.random.span(Duration::from_millis(150));
            post_for(&home, run.random.next(), lasts, daemon, &mut acknowledged)?;
        }
        run.add(if during_start { "of a starting daemon" } else { "of a daemon under load" }, 1);
        run.add("kills", 1);
    }
    let daemon = home.start()?;
    daemon.ready()?;
    let held = offline_lines(home.path())
        .and_then(|lines| all_there(&acknowledged, |seq| lines.get(&seq)))
        .and_then(|()| check(home.path()).map(|report| run.add("entries verified", report.entries)));
    run.add("acknowledged over HTTP", acknowledged.len() as u64);
    drop(daemon);
    held.map_err(|e| format!("daemon: {e}; kept in {}", home.keep().display()))
}

/// Reports from several clients at once until the daemon is killed under them.
fn post_for(
    home: &Home,
    seed: u64,
    lasts: Duration,
    daemon: crate::home::Daemon,
    acknowledged: &mut BTreeMap<Seq, String>,
) -> Result<(), String> {
    let over = AtomicBool::new(false);
    let client = |n: u64| {
        let mut random = Random(seed ^ n);
        let mut mine = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let target = format!("t{}", random.below(40));
            let words = format!("r{:016x}", random.next());
            if let Some(answer) = home.report("load", "LOAD_TEST", &target, &words)
                && answer.status == 202
            {
                let json = answer.json();
                let receipt = json["receipt"].as_str().unwrap_or("(no receipt)").to_owned();
                mine.push((json["seq"].as_u64().unwrap_or(u64::MAX), receipt));
            }
        }
        mine
    };
    std::thread::scope(|scope| {
        let client = &client;
        let clients: Vec<_> = (0..4).map(|n| scope.spawn(move || client(n))).collect();
        std::thread::sleep(lasts);
        let killed = daemon.kill();
        over.store(true, Ordering::Relaxed);
        for client in clients {
            acknowledged.extend(client.join().map_err(|_| "a client panicked")?);
        }
        killed
    })
}
