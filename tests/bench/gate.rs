//! The gate on 500 runbooks in a packed repository, each with a proposal, three signatures and an approval of its own, one of
//! them edited: from starting the process to its end. Beside it what git alone takes to list both sides.

use std::process::Command;

use remediator::runbook::Role;

use crate::repo::{self, Repo};
use crate::sample::{Sample, timed};
use crate::table::{Holds, Table};
use crate::{Done, Run};

const RUNBOOKS: usize = 500;

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let repo = Repo::with_trust();
    for n in 0..RUNBOOKS {
        add(&repo, n);
    }
    repo.git(&["add", "-A"]);
    repo.commit("all of them");
    // As every clone is, and every repository that has grown to this.
    repo.git(&["gc", "-q"]);
    repo.edit("runbooks/r7/fix.yaml", "attempts: 3", "attempts: 2");
    repo.git(&["add", "-A"]);
    let said = repo.judge(&[]);
    if said.blocking() != ["drift", "signature"] {
        return Err(format!("the gate says something else: {said:?}").into());
    }
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        repo::isolate(&mut command);
        command.current_dir(repo.root()).args(args).output()
    };
    let (mut ours, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..run.rounds() * run.pick(5, 1) {
        ours.push(timed(|| repo.judge_once(repo.root(), &[])).0 * 1e3);
        let listed = timed(|| [git(&["ls-tree", "-r", "-z", "HEAD"]), git(&["ls-files", "--stage", "-z"])]);
        for output in listed.1 {
            output?;
        }
        alone.push(listed.0 * 1e3);
    }
    let ours: Sample = ours.into_iter().collect();
    let alone: Sample = alone.into_iter().collect();
    table.row(
        format!("runbook-gate: an edit among {RUNBOOKS} runbooks"),
        "< 200 ms",
        ours.says("ms"),
        format!("git alone, listing both sides: {}", alone.says("ms")),
        Holds::when(ours.median() < 200.0),
    );
    Ok(())
}

fn add(repo: &Repo, n: usize) {
    let id = format!("r{n}");
    let proposal = format!("proposals/{id}/proposal.yaml");
    repo.write(&proposal, repo::PROPOSAL_TEXT.replace("id: web", &format!("id: {id}")));
    let runbook = format!("runbooks/{id}/fix.yaml");
    let text = repo::RUNBOOK_TEXT
        .replace("id: fix", &format!("id: fix-{n}"))
        .replace("proposal: web", &format!("proposal: {id}"))
        .replace("PROCESS_DEAD", &format!("CODE_{n}"));
    repo.write(&runbook, text);
    repo.sign("ann", Role::Proposal, &proposal);
    repo.sign("ann", Role::Runbook, &runbook);
    repo.approve("bob", &id, &[&runbook]);
}
