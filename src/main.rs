//! The `remediator` program: everything is in the library's `cli` module.

use std::process::ExitCode;

/// What one thread allocates another one frees here (reports, entries, pages of sled): a fifth of the CPU of an entry less than
/// with the C library's (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything is set up: this is between a step's intent and its program, and is to take no time.
    if std::env::args_os().nth(1).is_some_and(|arg| arg == "__step") {
        return remediator::action::step_main();
    }
    remediator::cli::main()
}
