//! Every runbook says how success is told, and can tell it (RM-18, RM-19).

use super::Lint;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    let Some(verification) = &runbook.verification else {
        let help =
            "write `verification: {probe: …}`: a look at the target that is not the action's own result";
        return lint.report("", "there is no verification", help);
    };
    if !(1..=1000).contains(&verification.successes) {
        lint.report(
            "verification.successes",
            "successes must be 1 to 1000",
            "write how many looks must be healthy",
        );
    }
    let every = verification.every.ms();
    if every == 0 {
        lint.report(
            "verification.every",
            "looks need a pause between them",
            "write a span above 0, such as 1s",
        );
    }
    let needed = every.saturating_mul(u64::from(verification.successes.saturating_sub(1)));
    if verification.within.ms() < needed.max(1) {
        let message =
            format!("{} healthy looks do not fit into {}", verification.successes, verification.within);
        lint.report("verification.within", message, format!("write more than {needed}ms"));
    }
    if verification.watch.ms() > 0 && verification.watch_every.ms() == 0 {
        lint.report("verification.watch_every", "looks need a pause between them", "write a span above 0");
    }
}
