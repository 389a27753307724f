//! kill -9 at random moments under load: nothing acknowledged is lost, and the journal always opens.
//! `REMEDIATOR_KILLS` says how often (default 6), `REMEDIATOR_SEED` from where the moments are drawn.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use remediator::base::ids::BootId;
use remediator::journal::{Depth, IntentJournal, Options, SystemClock, verify};

use crate::common::{Home, draft, indexed, node};
use crate::damage::Random;

const CHILD: &str = "REMEDIATOR_TEST_CRASH_CHILD";

fn busy(state: &Path) -> Options {
    Options {
        segment_bytes_max: 60_000,
        boot: BootId::fresh(),
        clock: std::sync::Arc::new(SystemClock),
        ..indexed(state)
    }
}

/// Not a test by itself: the process that is killed. It says each seq that was acknowledged.
#[test]
fn child() {
    let Some(state) = std::env::var_os(CHILD) else { return };
    let (journal, opened) = IntentJournal::open(busy(Path::new(&state))).expect("opened");
    assert_eq!(opened.damage, None);
    let mut out = std::io::stdout().lock();
    for n in 0.. {
        let drafts = (0..1 + n % 5).map(draft).collect();
        let done = journal.append(drafts).expect("appended");
        let last = done.committed.last().expect("one").seq();
        writeln!(out, "acknowledged {last}").and_then(|()| out.flush()).expect("heard");
        if n % 50 == 49 {
            journal.take_snapshot(last, 0, &vec![7; 2000]).expect("taken");
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (kills, seed) = (number("REMEDIATOR_KILLS", 6), number("REMEDIATOR_SEED", 99));
    let mut random = Random(seed);
    let home = Home::new();
    drop(IntentJournal::create(busy(&home.state), node(), [].into()).expect("made"));
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["crash::child", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, &home.state)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let wanted = random.below(400);
        let mut acknowledged = 0;
        let mut heard = 0;
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        while heard < wanted && out.read_line(&mut line).expect("readable") > 0 {
            if let Some((_, seq)) = line.trim_end().rsplit_once("acknowledged ") {
                acknowledged = seq.parse().expect("a seq");
                heard += 1;
            }
            line.clear();
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        // Whatever it had still said before it died counts as well; its last word may be cut short.
        while out.read_line(&mut line).expect("readable") > 0 {
            if let Some((_, seq)) = line.strip_suffix('\n').and_then(|l| l.rsplit_once("acknowledged ")) {
                acknowledged = seq.parse().expect("a seq");
            }
            line.clear();
        }
        let report = verify(&home.state, Depth::Quick, &mut |_| ()).expect("verifiable");
        assert_eq!(report.first_bad, None, "kill {kill} of seed {seed}");
        let (journal, opened) = IntentJournal::open(busy(&home.state)).expect("opened");
        assert_eq!(opened.damage, None, "kill {kill} of seed {seed}");
        let line = journal.line(acknowledged).expect("readable");
        assert!(line.is_some(), "kill {kill} of seed {seed}: entry {acknowledged} is lost");
        drop(journal);
    }
    assert!(verify(&home.state, Depth::Full, &mut |_| ()).expect("verifiable").is_good());
}
