//! The hidden subcommand `__step` of the real program, and the small program that does nothing else: what they do when they
//! are not given what they need. What they do for steps is tested where the steps are.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// Both, with their arguments.
const PROGRAMS: [&[&str]; 2] =
    [&[env!("CARGO_BIN_EXE_remediator"), "__step"], &[env!("CARGO_BIN_EXE_remediator-step")]];

fn command(program: &[&str]) -> Command {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]);
    command
}

/// Gives one of them an order; what it says, its exit code, what it printed.
fn order(program: &[&str], text: &str) -> (String, Option<i32>, String) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = command(program);
    command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    ours.write_all(text.as_bytes()).unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    let mut said = String::new();
    ours.read_to_string(&mut said).unwrap();
    let output = child.wait_with_output().unwrap();
    (said, output.status.code(), String::from_utf8(output.stdout).unwrap())
}

const HELLO: &str = r#"{"argv":["/bin/echo","hello"],"env":{},"cwd":"/","rlimits":{},"apart":"Session"}"#;

#[test]
fn a_complete_order_becomes_the_program_which_closes_the_socket() {
    for program in PROGRAMS {
        assert_eq!(order(program, HELLO), (String::new(), Some(0), "hello\n".to_owned()));
    }
}

#[test]
fn an_order_that_was_cut_off_anywhere_starts_nothing() {
    for (program, length) in PROGRAMS.iter().flat_map(|p| (0..HELLO.len()).map(move |length| (p, length))) {
        let (said, code, printed) = order(program, &HELLO[..length]);
        assert!(said.contains("no complete order"), "{length}: {said}");
        assert_eq!((code, printed.as_str()), (Some(125), ""), "{length}");
    }
}

#[test]
fn without_a_socket_they_end_quietly() {
    for program in PROGRAMS {
        let output = command(program).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_small_program_says_which_it_is_as_the_daemon_wants_to_hear_it() {
    let output = command(PROGRAMS[1]).arg("--version").stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("remediator-step {}, order 1\n", env!("CARGO_PKG_VERSION")));
}
