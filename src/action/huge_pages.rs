//! Huge pages are not for this daemon: each of its threads keeps a little memory in many places, and a machine that hands
//! out two megabytes at a time (`always`, which Debian and Red Hat choose) would make that three times as much. The
//! kernel hands this wish on to whatever a process starts, where it is nobody's wish; so it is taken back there.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::thread::{disable_transparent_huge_pages, transparent_huge_pages_are_disabled};

static REFUSED: AtomicBool = AtomicBool::new(false);

/// From now on none for this process. Somebody else's wish that there be none is left as it is, for children too.
pub fn refuse() {
    if transparent_huge_pages_are_disabled() == Ok(false) && disable_transparent_huge_pages(true).is_ok() {
        REFUSED.store(true, Ordering::Relaxed);
    }
}

/// Whether what is started has to be given back what it would have without us.
pub(super) fn were_refused() -> bool {
    REFUSED.load(Ordering::Relaxed)
}

/// Gives it back. Not a reason not to start: a program runs without them, only slower.
pub(super) fn allow() {
    let _ = disable_transparent_huge_pages(false);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, sh};
    use super::*;
    use crate::event::plan::ActionPlan;

    #[test]
    fn what_is_started_has_what_it_would_have_without_us() {
        let state = || std::fs::read_to_string("/proc/self/status").expect("a status");
        let says =
            |text: &str, enabled: &str| text.lines().any(|line| line == format!("THP_enabled:\t{enabled}"));
        if !says(&state(), "1") {
            return eprintln!("left out: this kernel has no huge pages, or they were refused before");
        }
        refuse();
        assert!(were_refused() && says(&state(), "0"));
        let done = Bench::new().finish(ActionPlan::Run(sh("cat /proc/self/status")), 20_000);
        assert!(says(&done.output, "1"), "{}", done.output);
    }
}
