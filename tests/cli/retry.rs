//! A test that lost a race is tried once more by itself, and named; what failed otherwise has failed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Stands where cargo is looked for: whatever is called steady passes, all else fails.
const CARGO: &str = "#!/bin/sh
case \"$*\" in
  'test --locked --test='*steady*) echo 'test result: ok. 1 passed; 0 failed; 0 ignored' ;;
  *) echo 'test result: FAILED. 0 passed; 1 failed; 0 ignored'; exit 101 ;;
esac
";

/// What `cargo test --no-fail-fast` prints of programs in which these tests failed.
fn log(failed: &[(&str, &[&str])]) -> String {
    let of_program = |(program, tests): &(&str, &[&str])| {
        let lines: String = tests.iter().map(|test| format!("test {test} ... FAILED\n")).collect();
        format!(
            "     Running tests/{program}/main.rs (target/debug/deps/{program}-1)\n{lines}\
             test result: FAILED. 7 passed; {} failed; 0 ignored\nerror: test failed, to rerun pass `--test {program}`\n",
            tests.len()
        )
    };
    failed.iter().map(of_program).collect()
}

/// Whether it ended well, and what it said.
fn retried(log: &str) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (cargo, file) = (folder.path().join("cargo"), folder.path().join("log"));
    std::fs::write(&cargo, CARGO).expect("written");
    std::fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)).expect("may be run");
    std::fs::write(&file, log).expect("written");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("a PATH"));
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/retry-failed");
    let ran = Command::new(tool).arg(&file).env("PATH", path).output().expect("it runs");
    (ran.status.success(), String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[test]
fn what_passes_alone_is_named_and_what_fails_again_has_failed() {
    let (well, said) = retried(&log(&[("cli", &["a::steady", "b::steady"]), ("hands", &["steady"])]));
    assert!(well, "{said}");
    let named = |line: &str| said.contains(&format!("passed at the second try, alone: {line}\n"));
    assert!(named("--test=cli a::steady") && named("--test=cli b::steady"), "{said}");
    assert!(named("--test=hands steady"), "{said}");
    let (well, said) = retried(&log(&[("cli", &["a::steady", "b::broken"])]));
    assert!(!well && said.contains("failed again: --test=cli b::broken\n"), "{said}");
}

#[test]
fn a_program_that_died_and_too_many_failures_are_not_tried_again() {
    let one: (&str, &[&str]) = ("cli", &["a::steady"]);
    let died = "error: test failed, to rerun pass `--test faults`\n";
    let silent = log(&[one]).replace("test result: FAILED", "killed");
    let many: &[&str] = &["a::steady", "b::steady", "c::steady", "d::steady", "e::steady"];
    for log in [log(&[one]) + died, silent, String::new(), log(&[("cli", many)])] {
        let (well, said) = retried(&log);
        assert!(!well && !said.contains("second try"), "{said}");
    }
}
