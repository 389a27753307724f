//! A permit is issued from all of its proofs, is used up by the run, and cannot be copied.
use std::sync::Arc;

use remediator::action::{Basis, Hands, Permit};
use remediator::coordination::LockProof;
use remediator::event::plan::ActionPlan;
use remediator::event::step::StepIntended;
use remediator::journal::proof::Committed;

fn by_literal(intent: Committed<StepIntended>, action: ActionPlan, lock: Arc<LockProof>) -> Permit {
    Permit { intent, action, lock }
}

fn from_an_intent_that_is_not_durable(intent: StepIntended, basis: &Basis<'_>) {
    let _ = Permit::issue(intent, basis);
}

fn twice(hands: &Hands, permit: Permit) {
    hands.run(permit);
    hands.run(permit);
}

fn copied(permit: &Permit) -> Permit {
    permit.clone()
}

fn without(hands: &Hands, action: ActionPlan) {
    hands.run(action);
}

fn main() {}
