//! Step kind `notify`. Who is told what is the outbox's business: the notice is queued by the decision that follows this
//! step's end, in one batch with it. Here only the permit was checked, like that of any other step.

use super::run::Done;
use crate::event::plan::NotifyPlan;
use crate::event::step::StepOutcome;

/// Lets the notice go to the outbox.
pub(super) fn carry_out(plan: &NotifyPlan) -> Done {
    Done::saying(StepOutcome::Succeeded, &format!("queued for {}\n", plan.channel))
}
