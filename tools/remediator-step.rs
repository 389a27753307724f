//! The `remediator-step` program: what the daemon starts to become the program of a step, a look or a service. It is
//! `remediator __step` without everything else, and starts in a fraction of the time.

use std::process::ExitCode;

fn main() -> ExitCode {
    remediator::action::small_main()
}
