//! One thread with a 64 MiB stack for code whose recursion somebody else's text steers (CEL).
//! Started at the first call and kept. Not a thread pool: jobs run one after another, in order.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};

use super::limits::DEEP_STACK_BYTES;

/// The job gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeepStackError {
    /// It panicked; the thread goes on.
    #[error("the computation failed inside: {0} (this is a defect of remediator: please report it)")]
    Panicked(String),
    /// The operating system gave no thread.
    #[error("cannot start the deep-stack thread: {0} (is the limit on threads or memory reached?)")]
    NotStarted(String),
}

type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `job` on the deep-stack thread and waits for it. Called from that very thread it runs in place.
pub fn run<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<T, DeepStackError> {
    if INSIDE.get() {
        return catch(job);
    }
    let (answer, result) = mpsc::sync_channel(1);
    let work: Job = Box::new(move || {
        // The caller waits for the answer: a closed channel cannot happen, and would hurt nobody.
        let _ = answer.send(catch(job));
    });
    let sender = thread()?;
    sender.lock().unwrap_or_else(PoisonError::into_inner).send(work).map_err(|_| gone())?;
    result.recv().map_err(|_| gone())?
}

fn gone() -> DeepStackError {
    DeepStackError::Panicked("the deep-stack thread has ended".into())
}

fn catch<T>(job: impl FnOnce() -> T) -> Result<T, DeepStackError> {
    catch_unwind(AssertUnwindSafe(job)).map_err(|panic| DeepStackError::Panicked(panic_text(&*panic)))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

fn thread() -> Result<&'static Mutex<mpsc::Sender<Job>>, DeepStackError> {
    static THREAD: OnceLock<Result<Mutex<mpsc::Sender<Job>>, String>> = OnceLock::new();
    let started = THREAD.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        let builder = std::thread::Builder::new().name("deep-stack".into()).stack_size(DEEP_STACK_BYTES);
        let work = move || {
            INSIDE.set(true);
            jobs.into_iter().for_each(|job| job());
        };
        builder.spawn(work).map(|_| Mutex::new(sender)).map_err(|e| e.to_string())
    });
    started.as_ref().map_err(|e| DeepStackError::NotStarted(e.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(n: u32) -> u32 {
        let ballast = std::hint::black_box([n; 64]);
        if n == 0 { 0 } else { 1 + depth(n - 1) + (ballast[0] - n) }
    }

    #[test]
    fn deep_recursion_fits_and_a_panic_is_an_error() {
        assert_eq!(run(|| depth(60_000)), Ok(60_000));
        let panicked = run(|| -> u8 { panic!("boom") });
        assert!(matches!(panicked, Err(DeepStackError::Panicked(text)) if text == "boom"));
        assert_eq!(run(|| 7), Ok(7), "the thread goes on");
        assert_eq!(run(|| run(|| 8)), Ok(Ok(8)), "a call from inside does not wait for itself");
    }
}
