//! The gate: real repositories, real keys, real git, the real program. What must not land is blocked with a reason and a
//! mend, what is honest never is, and every way to call it says the same.

mod adversarial;
mod attributes;
mod honest;
mod hook;
mod many;
mod past;
mod reach;
mod repo;
mod reports;
mod revisions;
