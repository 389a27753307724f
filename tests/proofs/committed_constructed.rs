//! Nobody but the journal says that something is durable: the constructor is its own.
use remediator::event::control::Paused;
use remediator::journal::proof::Committed;

fn by_constructor(event: Paused) -> Committed<Paused> {
    Committed::after_sync(1, None, event)
}

fn by_changing_its_content(durable: Committed<Paused>, event: Paused) -> Committed<Paused> {
    Committed { event, ..durable }
}

fn main() {}
