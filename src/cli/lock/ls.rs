//! `remediator lock ls`: who holds which lock since when, and who waits for it.

use super::super::exit::Failure;
use super::super::reader::Reader;
use super::super::{Exit, Global, Outcome, Output, out};
use crate::audit::{LockState, LocksView};
use crate::base::time::rfc3339;
use crate::coordination::{MachineLock, Seen};

/// List the locks of this home's attempts: who holds which with which token since when, and who waits for whom.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator lock ls\n  remediator lock ls --machine\n  remediator lock ls --output json"
)]
pub struct Args {
    /// What is held on this machine by whichever home, as the kernel knows it; needs no daemon.
    #[arg(long)]
    machine: bool,
}

/// Lists.
pub fn run(args: Args, global: &Global) -> Outcome {
    if args.machine {
        return machine(global);
    }
    let answer = Reader::new(global)?.view("/v1/locks", |audit| audit.locks())?;
    match global.output {
        Output::Json => out::json(&answer.text)?,
        Output::Human => print(&answer.view)?,
    }
    Ok(Exit::Ok)
}

fn print(view: &LocksView) -> Result<(), Failure> {
    if view.locks.is_empty() {
        out::say("no lock is held and nobody waits for one")?;
    } else {
        let rows = view.locks.iter().map(|lock| {
            let token = lock.token.map(|t| t.to_string()).unwrap_or_default();
            let who = match (&lock.runbook, &lock.target) {
                (Some(runbook), Some(target)) => {
                    format!("{} on {}", out::line(runbook), out::cut(target, 32))
                }
                _ => format!("attempt {}", lock.attempt),
            };
            let why = match lock.state {
                LockState::Waiting => lock.reason.as_deref().map(out::line).unwrap_or_default(),
                LockState::Broken => format!("its holder is refused since seq {}", lock.seq),
                LockState::Held => String::new(),
            };
            let state = out::word(&lock.state);
            vec![out::line(&lock.resource), state, token, who, out::when(&lock.since), why]
        });
        out::say(out::table(&["RESOURCE", "STATE", "TOKEN", "BY", "SINCE", ""], rows.collect()))?;
    }
    for order in &view.breaks {
        let came = match (&order.problem, order.ended) {
            (Some(problem), _) => format!("not broken: {}", out::line(problem)),
            (None, Some(_)) => "broken".to_owned(),
            (None, None) => "under way".to_owned(),
        };
        let (resource, token, by) = (out::line(&order.resource), order.token, out::line(&order.by));
        out::say(out::faint(format!(
            "{resource} #{token}, ordered by {by} at seq {}: {came}",
            order.ordered
        )))?;
    }
    Ok(())
}

/// What the kernel knows.
pub(super) fn of_machine() -> Result<Vec<Seen>, Failure> {
    let locks = MachineLock::open().map_err(|e| {
        Failure::new(Exit::Unavailable, "the locks of this machine cannot be read").because(e)
    })?;
    locks.held().map_err(|e| {
        let what = format!("the locks in {} cannot be read", locks.path().display());
        Failure::new(Exit::Unavailable, what).because(e)
    })
}

fn machine(global: &Global) -> Outcome {
    let seen = of_machine()?;
    if global.output == Output::Json {
        let locks: Vec<_> = seen
            .iter()
            .map(|s| {
                serde_json::json!({"resource": s.resource, "token": s.token, "pid": s.holder.pid,
                    "node": s.holder.node, "attempt": s.holder.attempt, "since": rfc3339(s.holder.since)})
            })
            .collect();
        out::json_of(&serde_json::json!({"v": 1, "locks": locks}))?;
        return Ok(Exit::Ok);
    }
    if seen.is_empty() {
        out::say("nobody on this machine holds a lock")?;
        return Ok(Exit::Ok);
    }
    let rows = seen.iter().map(|s| {
        let h = &s.holder;
        let since = out::when(&rfc3339(h.since));
        vec![out::line(&s.resource), s.token.to_string(), h.pid.to_string(), h.node.to_string(), since]
    });
    out::say(out::table(&["RESOURCE", "TOKEN", "PID", "NODE", "SINCE"], rows.collect()))?;
    Ok(Exit::Ok)
}
