//! The `runbook-gate` program: everything is in the library's `gate` module.

use std::process::ExitCode;

fn main() -> ExitCode {
    remediator::gate::main()
}
