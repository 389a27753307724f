//! One durable intent gives one permit.
use remediator::action::{Basis, Permit};
use remediator::event::step::StepIntended;
use remediator::journal::proof::Committed;

fn twice(intent: Committed<StepIntended>, basis: &Basis<'_>) {
    let _ = Permit::issue(intent, basis);
    let _ = Permit::issue(intent, basis);
}

fn main() {}
