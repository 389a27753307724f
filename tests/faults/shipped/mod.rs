//! Every shipped runbook against the real thing, broken (RM-36): it is healed and verified; what is well already is left
//! alone; what cannot be healed is given to people; what relapses is healed again; each step may fail once; and a SIGKILL
//! of the daemon at any boundary, which also runs steps twice, changes nothing of that.

mod lab;
mod troubles;

use std::time::{Duration, Instant};

use lab::{Lab, PATIENCE, Target, possible, settled};
use troubles::{Pauses, TROUBLES, Trouble};

use crate::attempts::nothing_left;
use crate::journal::check;
use crate::run::{Run, Tally, ensure};
use crate::tail::Entry;

/// How long nothing may happen before anything is broken.
const QUIET: Duration = Duration::from_secs(4);
/// What is broken is noticed within seconds, also on a busy machine.
const NOTICED: Duration = Duration::from_secs(30);
/// More boundaries than any of the runbooks has.
const BOUNDARIES: u64 = 40;

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    let mut troubles = Vec::new();
    for trouble in &TROUBLES {
        match possible(trouble) {
            Ok(()) => troubles.push(trouble),
            Err(why) => println!("  {} is left out: {why}", trouble.id),
        }
    }
    run.add("runbooks", troubles.len() as u64);
    let tally = all(run, &troubles);
    if tally.violations.is_empty() {
        return tally;
    }
    // It lives from what happens in real time: a machine that was busy with something else, and with all of these at once,
    // may have been too slow for it. What is wrong with a runbook is wrong with it alone, too.
    tally.violations.iter().for_each(|violation| println!("  TRIED AGAIN because of: {violation}"));
    let named =
        |trouble: &&'static Trouble| tally.violations.iter().any(|said| about(said).contains(trouble.id));
    let alone: Vec<&'static Trouble> = troubles.iter().copied().filter(named).collect();
    all(run, if alone.is_empty() { &troubles } else { &alone })
}

/// Which target a violation is about, without the story that it tells of all of them.
fn about(violation: &str) -> &str {
    violation.split("what happened").next().unwrap_or_default()
}

fn all(run: &mut Run, troubles: &[&'static Trouble]) -> Tally {
    // Mostly waiting, so both at once.
    let beside = std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let mut run = Run::new(0, 0);
            let done = as_shipped(&mut run, troubles);
            run.hold(done);
            run.done()
        });
        let done = with_short_pauses(run, troubles);
        run.hold(done);
        beside.join()
    });
    match beside {
        Ok(tally) => {
            tally.figures.into_iter().for_each(|(figure, n)| run.add(figure, n));
            tally.violations.into_iter().for_each(|violation| run.violation(violation));
        }
        Err(_) => run.violation("the run as shipped panicked"),
    }
    run.done()
}

fn count(story: &[Entry], kind: &str) -> usize {
    story.iter().filter(|entry| entry.kind == kind).count()
}

fn closures(story: &[Entry]) -> Vec<&str> {
    story.iter().filter(|entry| entry.kind == "incident.closed").map(|entry| entry.text("closure")).collect()
}

fn verified(story: &[Entry]) -> usize {
    let healthy = |entry: &&Entry| entry.kind == "attempt.ended" && entry.text("outcome") == "healthy";
    story.iter().filter(healthy).count()
}

fn break_all(lab: &mut Lab, targets: &[&Target]) -> Result<(), String> {
    for target in targets {
        let (pid, folder) = (lab.pid(target), lab.folder(target));
        target.trouble.break_it(&folder, pid).map_err(|e| format!("{}: {e}", target.name))?;
    }
    Ok(())
}

/// All of them are quiet, and stay so: a service that is slow to start is reported and restarted a moment after it was quiet,
/// and what is broken then would be broken in the middle of that.
fn all_settled(lab: &mut Lab, targets: &[&Target], pauses: Pauses) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE * 2;
    let (mut since, mut seen) = (Instant::now(), 0);
    while since.elapsed() < QUIET {
        for target in targets {
            settled(lab, target, pauses)?;
        }
        let entries: usize = targets.iter().map(|target| lab.story(target).len()).sum();
        if entries != seen {
            (since, seen) = (Instant::now(), entries);
        }
        ensure(Instant::now() < deadline, || "the targets do not become quiet".to_owned())?;
        std::thread::sleep(Duration::from_millis(50));
        lab.read();
    }
    Ok(())
}

/// Breaks them, and once more what nobody has noticed after a while: it is told, because nobody knows yet why.
fn break_until_noticed(lab: &mut Lab, targets: &[&Target]) -> Result<(), String> {
    break_all(lab, targets)?;
    for target in targets {
        if lab.wait(target, "it is noticed", NOTICED, |story| !story.is_empty()).is_err() {
            println!("  {}: not noticed within {} s, broken again", target.name, NOTICED.as_secs());
            // Where it cannot be broken again it is judged as it is.
            let _ = break_all(lab, &[target]);
        }
    }
    Ok(())
}

/// The shipped bytes as they are: noticed, healed, verified.
fn as_shipped(run: &mut Run, troubles: &[&'static Trouble]) -> Result<(), String> {
    let targets: Vec<Target> = troubles.iter().map(|trouble| Target::of(trouble, "shipped")).collect();
    let mut lab = Lab::new(&targets, Pauses::AsShipped)?;
    let all: Vec<&Target> = targets.iter().collect();
    all_settled(&mut lab, &all, Pauses::AsShipped)?;
    lab.forget();
    break_until_noticed(&mut lab, &all)?;
    for target in &all {
        lab.wait(target, "it is healed and verified", PATIENCE, |story| verified(story) == 1)?;
        run.add("healed as shipped", 1);
    }
    end(run, lab)
}

/// One thing that may happen to a target: how it begins, and what must come of it. All targets of a case begin before the
/// first one is judged.
struct Case {
    name: &'static str,
    begin: fn(&mut Lab, &Target) -> Result<(), String>,
    judge: fn(&mut Run, &mut Lab, &Target) -> Result<(), String>,
}

const CASES: [Case; 6] = [
    Case { name: "heals", begin: break_now, judge: heals },
    Case { name: "well", begin: report_all_the_same, judge: is_left_alone },
    Case { name: "hopeless", begin: break_for_good, judge: is_given_to_people },
    Case { name: "relapses", begin: break_twice, judge: relapses },
    Case { name: "fails-once", begin: fail_once, judge: heals_later },
    Case { name: "twice", begin: break_now, judge: heals_with_each_step_twice },
];

fn with_short_pauses(run: &mut Run, troubles: &[&'static Trouble]) -> Result<(), String> {
    let cases =
        CASES.iter().flat_map(|case| troubles.iter().map(move |trouble| Target::of(trouble, case.name)));
    let mut targets: Vec<Target> = cases.collect();
    targets.extend(troubles.iter().map(|trouble| Target::of(trouble, "killed")));
    let mut lab = Lab::new(&targets, Pauses::Short)?;
    all_settled(&mut lab, &targets.iter().collect::<Vec<_>>(), Pauses::Short)?;
    lab.forget();
    for case in &CASES {
        let mine: Vec<&Target> = targets.iter().filter(|target| target.is_of(case.name)).collect();
        let begun: Vec<_> = mine.iter().map(|target| (case.begin)(&mut lab, target)).collect();
        for (target, begun) in mine.into_iter().zip(begun) {
            let done = begun.and_then(|()| (case.judge)(run, &mut lab, target));
            run.hold(done.map_err(|e| format!("{}: {e}", target.name)));
        }
    }
    let killed: Vec<&Target> = targets.iter().filter(|target| target.is_of("killed")).collect();
    for round in 0..run.count {
        // A short run takes boundaries far apart, a long one all of them.
        let boundary = 1 + (round * BOUNDARIES / run.count.min(BOUNDARIES)) % BOUNDARIES;
        let done = kill_at(run, &mut lab, &killed, boundary);
        run.hold(done.map_err(|e| format!("killed at boundary {boundary}: {e}")));
        if run.hopeless() {
            break;
        }
    }
    end(run, lab)
}

fn end(run: &mut Run, mut lab: Lab) -> Result<(), String> {
    lab.kill()?;
    let report = check(lab.home.path())?;
    run.add("entries verified", report.entries);
    Ok(())
}

fn break_now(lab: &mut Lab, target: &Target) -> Result<(), String> {
    break_until_noticed(lab, &[target])
}

fn heals(run: &mut Run, lab: &mut Lab, target: &Target) -> Result<(), String> {
    heals_in(lab, target, target.trouble.steps)?;
    run.add("healed", 1);
    Ok(())
}

/// Each step is done when its work is done already, and that changes nothing.
fn heals_with_each_step_twice(run: &mut Run, lab: &mut Lab, target: &Target) -> Result<(), String> {
    heals_in(lab, target, 2 * target.trouble.steps)?;
    target.trouble.nothing_lost(&lab.folder(target))?;
    run.add("healed with each step twice", 1);
    Ok(())
}

fn heals_in(lab: &mut Lab, target: &Target, wanted: u64) -> Result<(), String> {
    lab.wait(target, "it is closed", PATIENCE, |story| count(story, "incident.closed") == 1)?;
    let story = lab.story(target);
    ensure(closures(story) == ["healed"], || format!("closed as {:?}", closures(story)))?;
    let steps = count(story, "step.finished") as u64;
    ensure(steps == wanted, || format!("{steps} steps were done, not {wanted}"))
}

/// Reported by somebody, and nothing is wrong.
fn report_all_the_same(lab: &mut Lab, target: &Target) -> Result<(), String> {
    let Trouble { subsystem, code, .. } = target.trouble;
    let answer = lab.home.report(subsystem, code, &target.name, "somebody is mistaken").ok_or("no answer")?;
    ensure(answer.status == 202, || answer.body.clone())
}

fn is_left_alone(run: &mut Run, lab: &mut Lab, target: &Target) -> Result<(), String> {
    lab.wait(target, "it is closed", PATIENCE, |story| count(story, "incident.closed") == 1)?;
    let story = lab.story(target);
    ensure(closures(story) == ["recovered_unaided"], || format!("closed as {:?}", closures(story)))?;
    ensure(count(story, "step.intended") == 0, || "a step was done".to_owned())?;
    run.add("left alone", 1);
    Ok(())
}

fn break_for_good(lab: &mut Lab, target: &Target) -> Result<(), String> {
    let (pid, folder) = (lab.pid(target), lab.folder(target));
    target.trouble.break_for_good(&folder, pid)
}

fn is_given_to_people(run: &mut Run, lab: &mut Lab, target: &Target) -> Result<(), String> {
    lab.wait(target, "people are told", PATIENCE, |story| count(story, "incident.escalated") > 0)?;
    // What goes bad a moment after its start may be called healthy until the relapse: it is not called healed.
    let story = lab.story(target);
    ensure(verified(story) <= count(story, "incident.relapsed"), || "it was called healthy".to_owned())?;
    ensure(closures(story).is_empty(), || format!("closed as {:?}", closures(story)))?;
    run.add("given to people", 1);
    Ok(())
}

/// Broken again while it is still watched.
fn break_twice(lab: &mut Lab, target: &Target) -> Result<(), String> {
    break_until_noticed(lab, &[target])?;
    lab.wait(target, "it is healed", PATIENCE, |story| verified(story) == 1)?;
    break_all(lab, &[target])
}

fn relapses(run: &mut Run, lab: &mut Lab, target: &Target) -> Result<(), String> {
    lab.wait(target, "the relapse is seen", PATIENCE, |story| count(story, "incident.relapsed") > 0)?;
    lab.wait(target, "it is healed again and closed", PATIENCE, |story| {
        verified(story) > count(story, "incident.relapsed") && count(story, "incident.closed") == 1
    })?;
    run.add("relapses healed", 1);
    Ok(())
}

fn fail_once(lab: &mut Lab, target: &Target) -> Result<(), String> {
    let mend = target.trouble.fail_once(&lab.folder(target))?;
    break_until_noticed(lab, &[target])?;
    let Some(mend) = mend else { return Ok(()) };
    lab.wait(target, "an attempt has failed", PATIENCE, has_failed)?;
    mend()
}

fn has_failed(story: &[Entry]) -> bool {
    story.iter().any(|e| e.kind == "attempt.ended" && e.text("outcome") != "healthy")
}

/// It fails at once, or goes bad so late that the first attempt was called healthy and a relapse follows.
fn heals_later(run: &mut Run, lab: &mut Lab, target: &Target) -> Result<(), String> {
    lab.wait(target, "a later attempt heals it", PATIENCE, |story| {
        let bad_again = has_failed(story) || count(story, "incident.relapsed") > 0;
        bad_again && count(story, "attempt.ended") > 1 && verified(story) > count(story, "incident.relapsed")
    })?;
    run.add("healed by a later attempt", 1);
    Ok(())
}

/// Breaks all of them at once, kills the daemon after so many entries about them, and looks that each is healed.
fn kill_at(run: &mut Run, lab: &mut Lab, targets: &[&Target], boundary: u64) -> Result<(), String> {
    for target in targets {
        settled(lab, target, Pauses::Short)?;
    }
    lab.forget();
    break_all(lab, targets)?;
    // The boundary of whichever gets there first; the others are killed wherever they are.
    let deadline = Instant::now() + Duration::from_secs(8);
    while targets.iter().all(|target| (lab.story(target).len() as u64) < boundary) {
        if Instant::now() >= deadline {
            break;
        }
        lab.read();
    }
    lab.kill()?;
    run.add("kills", 1);
    lab.start()?;
    for target in targets {
        let over = |story: &[Entry]| count(story, "incident.closed") + count(story, "attempt.frozen") > 0;
        lab.wait(target, "it is closed or given to people", PATIENCE, over)?;
        if count(lab.story(target), "incident.closed") == 0 {
            thaw(run, lab, target)?;
        }
        lab.wait(target, "it is closed", PATIENCE, |story| count(story, "incident.closed") > 0)?;
        let closures: Vec<&str> = closures(lab.story(target));
        let good =
            closures.iter().all(|c| ["healed", "healed_outcome_unknown", "recovered_unaided"].contains(c));
        ensure(good, || format!("{} was closed as {closures:?}", target.name))?;
        run.add("healed in spite of it", 1);
    }
    nothing_left(&lab.home)
}

/// A crash in the middle of what must not be done twice: nothing is done until a person has looked, and then it is healed.
fn thaw(run: &mut Run, lab: &mut Lab, target: &Target) -> Result<(), String> {
    let frozen = lab.story(target).iter().find(|entry| entry.kind == "attempt.frozen");
    let (why, incident) =
        frozen.map(|e| (e.text("reason").to_owned(), e.incident.clone())).unwrap_or_default();
    ensure(why.starts_with("a crash hid the outcome of step"), || format!("{} froze: {why}", target.name))?;
    let id = incident.unwrap_or_default();
    lab.home.command(&[
        "incident",
        "thaw",
        &id,
        "--reason",
        "the copy is whole: it may be put in its place",
    ])?;
    run.add("thawed by a person", 1);
    Ok(())
}
