//! The gate: real repositories, real keys, real git, the real program. What must not land is blocked with a reason and a
//! mend, what is honest never is, and every way to call it says the same.

mod adversarial;
mod honest;
mod hook;
mod many;
mod reach;
mod repo;
mod reports;
mod revisions;
