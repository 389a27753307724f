//! Two daemons on one home: the second is refused with exit code 75 and clear words, the first is not harmed, not
//! even at its next start.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::home::Home;
use crate::journal::check;
use crate::run::{Run, Tally, ensure};
use crate::tail::Tail;

/// More than the starts that may fail before a daemon only observes.
const SECONDS: u32 = 5;

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    for _ in 0..run.count {
        let done = one(run);
        run.hold(done);
    }
    run.done()
}

fn one(run: &mut Run) -> Result<(), String> {
    let home = Home::new()?;
    let first = home.start()?;
    first.ready()?;
    let taken = |n: u32| {
        let answer = home.report("two", "TWO_DAEMONS", &format!("t{n}"), "still here").ok_or("no answer")?;
        ensure(answer.status == 202, || {
            format!("the first daemon answers {}: {}", answer.status, answer.body)
        })
    };
    taken(0)?;
    for n in 1..=SECONDS {
        // On another address the journal's lock must refuse it, on the same one the address does.
        let (address, word) = match n {
            1 => (home.address(), "cannot listen"),
            _ => (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "in use by another process"),
        };
        let mut second = home.start_with(address, &[])?;
        let status = second.ended(Duration::from_secs(20))?;
        let said = second.last_words();
        ensure(status.code() == Some(75), || format!("the second daemon ended with {status}: {said}"))?;
        ensure(said.contains(word), || format!("the second daemon does not say `{word}`: {said}"))?;
        taken(n)?;
        run.add("refused", 1);
    }
    first.kill()?;
    let first = home.start()?;
    first.ready()?;
    let mut tail = Tail::new(&home.state());
    let mut starts = Vec::new();
    while let Some(entry) = tail.next() {
        if entry.kind == "process.started" {
            starts.push(entry.data["observe_only"].clone());
        }
    }
    ensure(starts.len() == 2, || format!("{} starts are recorded, not 2", starts.len()))?;
    let free = starts.iter().all(serde_json::Value::is_null);
    ensure(free, || format!("the refused daemons made the first one observe only: {starts:?}"))?;
    first.stop()?;
    check(home.path()).map(|report| run.add("entries verified", report.entries))
}
