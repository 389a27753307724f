//! A program that is no step of a runbook: what a channel tells people with. Started, bounded and ended like a step
//! (`sandbox`, `run`), and never outliving the daemon. Needs no permit, because it is the operator's configuration
//! that names it and it acts on no target; so nothing here is for runbooks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::run::carry_out_marked;
use super::sandbox::Extra;
use super::{Cancel, StepProgram};
use crate::base::time::Span;
use crate::event::plan::{Rlimits, RunPlan};
use crate::event::step::StepOutcome;

/// Set in the environment of every such program: whose children they are.
pub const PROGRAM_MARK: &str = "REMEDIATOR_PROGRAM";

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Program {
    /// Program (an absolute path) and arguments.
    pub argv: Vec<String>,
    /// All of its environment.
    pub env: BTreeMap<String, String>,
    /// What it reads on standard input.
    pub stdin: String,
    /// TERM after this, KILL after 1.5 times this.
    pub timeout: Duration,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramEnd {
    /// Exit code; none when it did not exit by itself.
    pub code: Option<i32>,
    /// Standard output and error; for one without exit code why.
    pub said: String,
}

/// Runs it to its end. Blocks; the thread must live as long.
pub fn run_program(step: &StepProgram, program: Program, redact: fn(&str) -> String) -> ProgramEnd {
    let none = |said: String| ProgramEnd { code: None, said };
    let cancel = match Cancel::new() {
        Ok(cancel) => cancel,
        Err(e) => return none(format!("it could not be started: {e}")),
    };
    let plan = RunPlan {
        argv: program.argv,
        env: program.env,
        env_pass: Vec::new(),
        cwd: "/".into(),
        rlimits: Rlimits::default(),
        ok_exit: vec![0],
    };
    let extra = Extra { stdin: &program.stdin, bound: true };
    let timeout = Span::from_ms(u64::try_from(program.timeout.as_millis()).unwrap_or(u64::MAX));
    let done = carry_out_marked(
        (step, &cancel),
        &plan,
        &[(PROGRAM_MARK, "1".to_owned())],
        extra,
        timeout,
        |_, _| {},
    );
    let (said, _) = done.output.finish(redact);
    match done.outcome {
        StepOutcome::Succeeded => ProgramEnd { code: Some(0), said },
        StepOutcome::Exited(code) if code >= 0 => ProgramEnd { code: Some(code), said },
        StepOutcome::NotStarted(why) | StepOutcome::Refused(why) => {
            none(format!("it was not started: {why}"))
        }
        StepOutcome::TimedOut => {
            none(format!("it did not end within {timeout} and was ended; it had said: {said}"))
        }
        StepOutcome::Signalled(signal) => {
            none(format!("it was ended by signal {signal}; it had said: {said}"))
        }
        _ => none(format!("how it ended is not known; it had said: {said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::testing;

    fn end(script: &str, stdin: &str, ms: u64) -> ProgramEnd {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let program = Program { argv, env, stdin: stdin.into(), timeout: Duration::from_millis(ms) };
        let done = run_program(&testing::step_program(), program, str::to_owned);
        ProgramEnd { said: done.said.replacen(testing::HARNESS, "", 1), ..done }
    }

    #[test]
    fn a_program_reads_its_input_and_tells_its_end() {
        let done = end("cat; exit 3", "{\"v\":1}\n", 20_000);
        assert_eq!(done, ProgramEnd { code: Some(3), said: "{\"v\":1}\n".into() });
        let large = "x".repeat(300_000);
        assert_eq!(end("cat > /dev/null; echo read", &large, 20_000).said, "read\n");
        assert_eq!(end("true", &large, 20_000).code, Some(0), "nobody must read it");
    }

    #[test]
    fn one_that_hangs_is_ended_and_one_that_is_not_there_says_so() {
        let done = end("echo here; sleep 300", "", 300);
        assert!(
            done.code.is_none() && done.said.contains("was ended") && done.said.contains("here"),
            "{done:?}"
        );
        let argv = vec!["/nowhere/tool".to_owned()];
        let program =
            Program { argv, env: BTreeMap::new(), stdin: String::new(), timeout: Duration::from_secs(5) };
        let done = run_program(&testing::step_program(), program, str::to_owned);
        assert!(done.code.is_none() && done.said.contains("/nowhere/tool"), "{done:?}");
    }
}
