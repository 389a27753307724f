//! `sentinel test`: one look with a sentinel's eyes. What needs several looks (growth, a log, a heartbeat) has to be
//! seen at the daemon: `sentinel list`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::find;
use crate::action::{Programs, StepProgram};
use crate::base::ids::NodeId;
use crate::cli::exit::{Exit, Failure};
use crate::cli::reader::Reader;
use crate::cli::{Global, Outcome, Output, out};
use crate::context::ServiceState;
use crate::event::plan::SentinelPlan;
use crate::event::verification::{Observation, Verdict};
use crate::sentinel::{Eyes, ServiceSeen};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 healthy, 1 failed or unknown, 2 wrong use.\n\n\
Examples:\n  remediator sentinel test web-down\n  remediator sentinel test ./draft.yaml --output json")]
pub struct Args {
    /// The sentinel's id, or a file with one; it needs no signature.
    sentinel: String,
}

#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    sentinel: &'a str,
    verdict: Verdict,
    evidence: &'a str,
    values: &'a BTreeMap<String, i64>,
    took_ms: u64,
    reports: Reports<'a>,
}

/// What it would report, were this an edge.
#[derive(Serialize)]
struct Reports<'a> {
    subsystem: &'a str,
    code: &'a str,
    target: &'a str,
    free_text: bool,
}

/// Looks and prints.
pub fn run(args: Args, global: &Global) -> Outcome {
    let plan = find::sentinel(global, &args.sentinel)?;
    let (node, services) = known(global)?;
    let (seen, took_ms) = look(&plan, node, services)?;
    if global.output == Output::Json {
        out::json_of(&Report {
            v: 1,
            sentinel: &plan.id,
            verdict: seen.verdict,
            evidence: &seen.evidence,
            values: &seen.values,
            took_ms,
            reports: Reports {
                subsystem: &plan.subsystem,
                code: &plan.code,
                target: &plan.target,
                free_text: plan.probe.look.is_free_text(),
            },
        })?;
    } else {
        print(&plan, &seen, took_ms)?;
    }
    Ok(if seen.verdict == Verdict::Healthy { Exit::Ok } else { Exit::Findings })
}

/// The services as the daemon, else the journal, knows them.
fn known(global: &Global) -> Result<(NodeId, BTreeMap<String, ServiceState>), Failure> {
    let status = Reader::new(global)?.view("/v1/status", |audit| audit.status())?.view;
    let node = status.node.unwrap_or(NodeId(uuid::Uuid::nil()));
    Ok((node, status.services))
}

fn look(
    plan: &SentinelPlan,
    node: NodeId,
    services: BTreeMap<String, ServiceState>,
) -> Result<(Observation, u64), Failure> {
    let broken = |what: &str| Failure::new(Exit::Unavailable, format!("cannot {what}"));
    let step = StepProgram::this_one().map_err(|e| broken("find this program's own file").because(e))?;
    let programs = Programs::new(step, node);
    let services = move |service: &str| match services.get(service).map(|s| (s.pid, s.start_ticks)) {
        Some((Some(pid), start_ticks)) => ServiceSeen::Runs { pid, start_ticks },
        Some((None, _)) => ServiceSeen::DoesNotRun,
        None => ServiceSeen::DoesNotRun,
    };
    let redact = |text: &str| crate::base::redact::redact(text).into_owned();
    let eyes = Eyes::new(Arc::new(services), redact).map_err(|e| broken("open eyes").because(e))?;
    let eyes = eyes.with_programs(Arc::new(move |plan, timeout| programs.look(plan, timeout)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|e| broken("start looking").because(e))?;
    let began = std::time::Instant::now();
    let seen = runtime.block_on(eyes.look(&plan.probe));
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    runtime.shutdown_background();
    Ok((seen, took_ms))
}

fn print(plan: &SentinelPlan, seen: &Observation, took_ms: u64) -> Result<(), Failure> {
    let verdict = out::state(&out::word(&seen.verdict));
    out::say(format!("{verdict}  {} ({took_ms} ms)", out::line(&seen.evidence)))?;
    for (name, value) in &seen.values {
        out::say(format!("  {name} = {value}"))?;
    }
    let edge = format!(
        "it reports {}/{} on {} after {} failed looks in a row",
        plan.subsystem, plan.code, plan.target, plan.failures
    );
    out::say(out::faint(edge))?;
    if plan.probe.look.is_free_text() {
        out::say(out::faint("what it reports is free text: it is kept and shown, and starts nothing"))?;
    }
    Ok(())
}
