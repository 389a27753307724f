//! Programs that tell people (channel kind `command`): they read a notice, and their exit code is the answer. It is the
//! operator's configuration that names them. Not for: what the code means (`notify`), running and ending (`program`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::program::{Call, End, Output, Programs};
use crate::base::text::clean;
use crate::event::plan::{Rlimits, RunPlan};

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

impl Programs {
    /// Runs it to its end. Blocks.
    pub fn deliver(&self, program: Program, redact: fn(&str) -> String) -> ProgramEnd {
        let Program { argv, env, stdin, timeout } = program;
        let plan = RunPlan {
            argv,
            env,
            env_pass: Vec::new(),
            cwd: "/".into(),
            rlimits: Rlimits::default(),
            ok_exit: vec![0],
        };
        let call = Call { plan: &plan, stdin: &stdin, timeout, grace: timeout / 2, output: Output::Words };
        let none = |said: String| ProgramEnd { code: None, said };
        let ran = match self.run(&call) {
            Ok(ran) => ran,
            Err(why) => return none(format!("it {why}")),
        };
        let said = redact(&clean(&String::from_utf8_lossy(&ran.out)));
        match ran.end {
            End::Exited(code) => ProgramEnd { code: Some(code), said },
            End::Signalled(signal) => none(format!("it was ended by signal {signal}; it had said: {said}")),
            End::OutOfTime | End::TooLong => none(format!(
                "it did not end within {} ms and was ended; it had said: {said}",
                timeout.as_millis()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, HARNESS, step_program};
    use super::*;
    use crate::base::limits::PROGRAM_OUTPUT_BYTES_MAX;

    fn run(program: Program) -> ProgramEnd {
        let programs = Programs::new(step_program(), Bench::new().node);
        let done = programs.deliver(program, str::to_owned);
        ProgramEnd { said: done.said.replacen(HARNESS, "", 1), ..done }
    }

    fn end(script: &str, stdin: &str, ms: u64) -> ProgramEnd {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        run(Program { argv, env, stdin: stdin.into(), timeout: Duration::from_millis(ms) })
    }

    #[test]
    fn a_program_reads_its_input_and_tells_its_end() {
        let done = end("cat; echo then >&2; echo last; exit 3", "{\"v\":1}\n", 20_000);
        assert_eq!(done, ProgramEnd { code: Some(3), said: "{\"v\":1}\nthen\nlast\n".into() });
        let large = "x".repeat(300_000);
        assert_eq!(end("cat > /dev/null; echo read", &large, 20_000).said, "read\n");
        assert_eq!(end("true", &large, 20_000).code, Some(0), "nobody must read it");
    }

    #[test]
    fn what_it_says_is_bounded_and_does_not_count_against_it() {
        let done = end("seq 1 100000; exit 4", "", 20_000);
        assert_eq!(done.code, Some(4));
        assert!(done.said.starts_with("1\n2\n") && done.said.len() <= PROGRAM_OUTPUT_BYTES_MAX);
    }

    #[test]
    fn one_that_hangs_is_asked_and_then_ended_and_one_that_is_not_there_says_so() {
        let asked = end("trap 'echo bye; exit 0' TERM; echo here; while :; do sleep 0.05; done", "", 6_000);
        assert!(asked.code.is_none() && asked.said.contains("was ended"), "{asked:?}");
        assert!(asked.said.contains("had said: here\n") && asked.said.ends_with("bye\n"), "{asked:?}");
        let deaf = end("trap '' TERM; echo here; while :; do sleep 0.05; done", "", 300);
        assert!(deaf.code.is_none() && deaf.said.contains("was ended"), "{deaf:?}");
        let argv = vec!["/nowhere/tool".to_owned()];
        let timeout = Duration::from_secs(5);
        let none = run(Program { argv, env: BTreeMap::new(), stdin: String::new(), timeout });
        assert!(none.code.is_none() && none.said.contains("/nowhere/tool"), "{none:?}");
    }
}
