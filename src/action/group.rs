//! Ending processes: signals to whole groups, and the confirmation that nobody of them lives.
//! Not for: deciding when.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};

use super::table;

/// Pause between looks at a group that is ending; there is no event to wait for.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Asks a group to end. CONT as well: a stopped process does not see TERM before it goes on.
pub(super) fn terminate(group: Pid) {
    // An error means that nobody is left or that it is not ours; both show when the end is confirmed.
    let _ = rustix::process::kill_process_group(group, Signal::TERM);
    let _ = rustix::process::kill_process_group(group, Signal::CONT);
}

/// Ends a group.
pub(super) fn kill(group: Pid) {
    let _ = rustix::process::kill_process_group(group, Signal::KILL);
}

/// Whether anybody is left in a group whose leader has been waited for: the cheap question first.
pub(super) fn is_empty(group: Pid) -> bool {
    rustix::process::test_kill_process_group(group) == Err(rustix::io::Errno::SRCH)
        || table::members(group.as_raw_nonzero().get()).is_ok_and(|members| members.is_empty())
}

/// Kills what is left of a group until nobody lives. The group's number cannot be another's meanwhile:
/// the kernel does not reuse it while the group has a member.
pub(super) fn kill_until_empty(group: Pid, bound: Duration) -> Ended {
    let until = Instant::now() + bound;
    while !is_empty(group) {
        if Instant::now() >= until {
            return Ended::WouldNotDie;
        }
        kill(group);
        pause(LOOK_AGAIN);
    }
    Ended::Confirmed
}

/// Whether an end was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nobody lives.
    Confirmed,
    /// Somebody does, even after KILL.
    WouldNotDie,
}

/// Waits until one of the descriptors can be read (or is closed at its other end), at most until `until`.
/// Gives back which.
pub(super) fn wait_readable<const N: usize>(
    fds: [Option<BorrowedFd<'_>>; N],
    until: Option<Instant>,
) -> [bool; N] {
    let mut ready = [false; N];
    let places: Vec<usize> = (0..N).filter(|i| fds[*i].is_some()).collect();
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    let timeout = until.map(|until| timespec(until.saturating_duration_since(Instant::now())));
    // EINTR and a rare ENOMEM look like "nothing yet": every caller looks at its clock and asks again.
    if poll(&mut polled, timeout.as_ref()).is_ok() {
        for (place, fd) in places.into_iter().zip(&polled) {
            ready[place] = !fd.revents().is_empty();
        }
    }
    ready
}

/// Whether the process behind a pidfd has ended.
pub(super) fn has_ended(pidfd: impl AsFd) -> bool {
    wait_readable([Some(pidfd.as_fd())], Some(Instant::now())) == [true]
}

pub(super) fn pause(time: Duration) {
    wait_readable([], Some(Instant::now() + time));
}

fn timespec(duration: Duration) -> Timespec {
    let tv_sec = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec, tv_nsec: i64::from(duration.subsec_nanos()) }
}
