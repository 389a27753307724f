//! The `remediator` program: everything is in the library's `cli` module.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything is set up: this is between a step's intent and its program, and is to take no time.
    if std::env::args_os().nth(1).is_some_and(|arg| arg == "__step") {
        return remediator::action::step_main();
    }
    remediator::cli::main()
}
