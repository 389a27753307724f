//! The time of a step that is done in this process, and whether it was asked to end. Such a step asks between any two
//! of its pieces. Not for programs, which are ended from outside (`run`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Cancel, group};
use crate::base::time::Span;
use crate::event::step::{Failure, StepOutcome};

/// See the module.
pub(super) struct Pace<'a> {
    cancel: &'a Arc<Cancel>,
    until: Instant,
}

impl<'a> Pace<'a> {
    pub(super) fn new(cancel: &'a Arc<Cancel>, timeout: Span) -> Self {
        Self { cancel, until: Instant::now() + timeout.to_std() }
    }

    pub(super) fn until(&self) -> Instant {
        self.until
    }

    pub(super) fn cancel(&self) -> &Arc<Cancel> {
        self.cancel
    }

    /// How the step has to end now, if it has to.
    pub(super) fn over(&self, began: bool) -> Option<StepOutcome> {
        if self.cancel.is_set() {
            let why = "it was asked to end".to_owned();
            return Some(StepOutcome::Failed { failure: Failure::Cancelled, why, began });
        }
        (Instant::now() >= self.until).then_some(StepOutcome::TimedOut)
    }

    /// Lets time pass; comes back early when the step was asked to end.
    pub(super) fn pass(&self, time: Duration) {
        let until = (Instant::now() + time).min(self.until);
        while Instant::now() < until && !self.cancel.is_set() {
            group::wait_readable([Some(self.cancel.fd())], Some(until));
        }
    }
}
