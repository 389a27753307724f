//! Programs that are asked something and answer on standard output (the decider of a policy). Not for: what the answer
//! means (`remediator::decider`), running and ending them (`program`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::look::printed;
use super::program::{Call, Output, Programs};
use crate::event::plan::{Rlimits, RunPlan};

impl Programs {
    /// Runs it with `question` on standard input, at most for `timeout` and then some. Blocks. Gives what it printed when
    /// it exited with 0; otherwise why that can tell nothing.
    pub fn ask(&self, argv: Vec<String>, question: &str, timeout: Duration) -> Result<Vec<u8>, String> {
        let plan = RunPlan {
            argv,
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            env_pass: Vec::new(),
            cwd: "/".into(),
            rlimits: Rlimits::default(),
            ok_exit: vec![0],
        };
        let output = Output::Answer;
        let ran = self.run(&Call { plan: &plan, stdin: question, timeout, grace: Duration::ZERO, output })?;
        printed(ran, &plan.ok_exit, timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, HARNESS, step_program};
    use super::*;

    fn asked(script: &str, question: &str, ms: u64) -> Result<String, String> {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let programs = Programs::new(step_program(), Bench::new().node);
        let said = programs.ask(argv, question, Duration::from_millis(ms));
        said.map(|bytes| String::from_utf8_lossy(&bytes).replacen(HARNESS, "", 1))
    }

    #[test]
    fn it_reads_the_question_and_only_what_ends_well_is_an_answer() {
        assert_eq!(asked("cat; echo no >&2", "may it?", 20_000).as_deref(), Ok("may it?"));
        assert!(asked("cat; exit 3", "may it?", 20_000).is_err_and(|why| why.contains("exited with 3")));
        assert!(asked("cat; sleep 60", "may it?", 300).is_err_and(|why| why.contains("was ended after")));
    }
}
