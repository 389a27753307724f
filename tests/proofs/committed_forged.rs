//! Nobody but the journal says that something is durable.
use remediator::event::control::Paused;
use remediator::journal::proof::Committed;

fn by_literal(event: Paused) -> Committed<Paused> {
    Committed { seq: 1, event }
}

fn by_constructor(event: Paused) -> Committed<Paused> {
    Committed::new(1, event)
}

fn main() {}
