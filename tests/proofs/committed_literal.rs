//! Nobody but the journal says that something is durable: the fields are its own.
use remediator::event::control::Paused;
use remediator::journal::proof::Committed;

fn by_literal(event: Paused) -> Committed<Paused> {
    Committed { seq: 1, event }
}

fn main() {}
