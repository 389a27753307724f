//! The `remediator` program: everything is in the library's `cli` module.

fn main() -> std::process::ExitCode {
    remediator::cli::main()
}
