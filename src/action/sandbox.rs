//! The only place that starts processes. The daemon starts itself as `remediator __step`; that one reads what
//! it shall become from its standard input, bounds itself with safe calls, and execs. Nothing of the daemon
//! but standard output and error reaches the program. Not for: waiting, ending, telling (run, supervisor).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Resource};
use serde::{Deserialize, Serialize};

use super::group;
use super::huge_pages;
use super::table::{self, PROGRAM_MARK, SERVICE_MARK};
use crate::base::limits::STEP_START_MS_MAX;
use crate::base::text::{clean, clip};
use crate::event::plan::{Rlimits, RunPlan};

/// Exit code of `__step` when it could not become the program.
const NOT_STARTED: u8 = 125;
/// What `__step` reads at most: far above the bounds of a plan.
const ORDER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What it says at most when it fails.
const COMPLAINT_BYTES_MAX: u64 = 4 * 1024;

/// How `__step` is reached.
#[derive(Debug, Clone)]
pub struct StepProgram {
    /// Normally this program itself.
    pub path: PathBuf,
    /// Normally `__step`.
    pub args: Vec<String>,
}

/// The small program beside this one that does nothing else.
const SMALL: &str = "remediator-step";
/// What it answers when it is asked what it is, once, before the first order. The number is that of [`Order`].
const SMALL_IS: &str = concat!("remediator-step ", env!("CARGO_PKG_VERSION"), ", order 1");

impl StepProgram {
    /// The small program beside this one when it is of the same version, else this very program.
    pub fn this_one() -> std::io::Result<Self> {
        let own = std::env::current_exe()?;
        let small = own.with_file_name(SMALL);
        Ok(match is_ours(&small, &own) {
            true => Self { path: small, args: Vec::new() },
            false => Self { path: own, args: vec!["__step".to_owned()] },
        })
    }
}

/// Whether a program is the small one of this version, and nobody else's than this program is. One of another version, as
/// between the two halves of an upgrade, is left alone, and so is what others may write.
fn is_ours(small: &Path, own: &Path) -> bool {
    let (Ok(it), Ok(we)) = (small.metadata(), own.metadata()) else { return false };
    let others_may_write = it.mode() & !we.mode() & 0o022 != 0;
    (it.uid() == we.uid() || it.uid() == 0) && !others_may_write && says_it_is(small)
}

fn says_it_is(small: &Path) -> bool {
    let mut command = Command::new(small);
    command.arg("--version").env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(child) = command.spawn() else { return false };
    let mut child = Reaped(Some(child));
    let Some(asked) = &mut child.0 else { return false };
    let until = Instant::now() + Duration::from_millis(STEP_START_MS_MAX);
    // What it says fits a pipe, so it can end before anybody reads.
    while matches!(asked.try_wait(), Ok(None)) {
        if Instant::now() >= until {
            return false;
        }
        group::pause(Duration::from_millis(1));
    }
    let mut said = Vec::new();
    let read = asked.stdout.take().map(|out| out.take(COMPLAINT_BYTES_MAX).read_to_end(&mut said));
    matches!(read, Some(Ok(_))) && said.trim_ascii() == SMALL_IS.as_bytes()
}

/// Whose group a process gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Apart {
    /// A process group of its own (steps): ended as a whole.
    Group,
    /// A session of its own (services): outlives the daemon and its terminal.
    Session,
}

/// What `__step` shall become. Complete or not at all: a cut-off order does not parse.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: String,
    rlimits: Rlimits,
    apart: Apart,
    /// What it reads; empty = nothing. May be absent, as in the orders of a daemon whose program was replaced since.
    #[serde(default)]
    stdin: String,
    /// It ends with the thread that started it.
    #[serde(default)]
    bound: bool,
    /// It is given back the huge pages that the daemon does without.
    #[serde(default)]
    huge_pages: bool,
}

/// What a program gets besides its plan.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extra<'a> {
    /// What it reads on standard input; empty = nothing.
    pub(super) stdin: &'a str,
    /// It ends with the thread that started it: for programs that nobody needs once nobody waits for them.
    pub(super) bound: bool,
}

/// A process whose program runs.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
    pub(super) start_ticks: u64,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum SpawnError {
    /// The program was not started, for this reason.
    NotStarted(String),
    /// The process was ended because it said nothing; whether the program ran is unknown.
    Stuck,
}

/// Starts a program as the plan says, marked, and returns once it runs.
pub(super) fn spawn(
    program: &StepProgram,
    plan: &RunPlan,
    marks: &[(&str, String)],
    apart: Apart,
    extra: Extra<'_>,
    (stdout, stderr): (OwnedFd, OwnedFd),
) -> Result<Spawned, SpawnError> {
    let order = order(plan, marks, apart, extra)?;
    let (ours, theirs) =
        UnixStream::pair().map_err(|e| SpawnError::NotStarted(format!("cannot make a socket: {e}")))?;
    let mut command = Command::new(&program.path);
    command.args(&program.args).env_clear().current_dir("/");
    // Marked from its first instant: a crash of the daemon at any moment leaves nothing that is not found.
    command.envs(marks.iter().map(|(name, value)| (name, value)));
    command.stdin(OwnedFd::from(theirs)).stdout(stdout).stderr(stderr);
    if apart == Apart::Group {
        command.process_group(0);
    }
    let spawned = command.spawn();
    // The command holds the far end of the socket: as long as it lives, no end of the answer would be seen.
    drop(command);
    let child = spawned.map_err(|e| {
        SpawnError::NotStarted(format!("cannot start {} itself: {e}", program.path.display()))
    })?;
    hand_over(child, ours, &order)
}

fn order(
    plan: &RunPlan,
    marks: &[(&str, String)],
    apart: Apart,
    extra: Extra<'_>,
) -> Result<Vec<u8>, SpawnError> {
    let refuse = |why: String| Err(SpawnError::NotStarted(why));
    match plan.argv.first() {
        Some(program) if program.starts_with('/') => {}
        Some(program) => return refuse(format!("`{}` is not an absolute path", clip(program, 200))),
        None => return refuse("argv is empty".to_owned()),
    }
    let mut env = plan.env.clone();
    for name in &plan.env_pass {
        match std::env::var(name) {
            Ok(value) => drop(env.insert(name.clone(), value)),
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => {
                return refuse(format!("environment variable {name} of the daemon is not UTF-8"));
            }
        }
    }
    // Only the hands say what belongs to a service, and what is none and may be ended.
    env.remove(SERVICE_MARK);
    env.remove(PROGRAM_MARK);
    env.extend(marks.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let order = Order {
        argv: plan.argv.clone(),
        env,
        cwd: plan.cwd.clone(),
        rlimits: plan.rlimits.clone(),
        apart,
        stdin: extra.stdin.to_owned(),
        bound: extra.bound,
        huge_pages: huge_pages::were_refused(),
    };
    serde_json::to_vec(&order).or_else(|e| refuse(format!("cannot write the order: {e}")))
}

/// Gives the order and waits for the exec: the socket closes with it, or says why there is none.
fn hand_over(child: Child, mut socket: UnixStream, order: &[u8]) -> Result<Spawned, SpawnError> {
    let mut child = Reaped(Some(child));
    let (pid, pidfd, start_ticks) = child.identity()?;
    let bound = Some(Duration::from_millis(STEP_START_MS_MAX));
    let mut complaint = String::new();
    let told = socket
        .set_read_timeout(bound)
        .and_then(|()| socket.set_write_timeout(bound))
        .and_then(|()| socket.write_all(order))
        .and_then(|()| socket.shutdown(Shutdown::Write))
        // A process that ended early has not read everything; what it said still counts.
        .or_else(|e| if e.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(e) })
        .and_then(|()| socket.take(COMPLAINT_BYTES_MAX).read_to_string(&mut complaint));
    match told {
        Ok(_) if complaint.is_empty() => {}
        // Said, and then the order was not read to its end: the socket was reset after the words.
        _ if !complaint.is_empty() => return Err(SpawnError::NotStarted(clean(&complaint))),
        Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => {
            return Err(SpawnError::NotStarted("__step ended before it had read its order".to_owned()));
        }
        _ => return Err(SpawnError::Stuck),
    }
    let child = child.0.take();
    child.map(|child| Spawned { child, pid, pidfd, start_ticks }).ok_or(SpawnError::Stuck)
}

/// A child that is killed and waited for unless it is taken out.
struct Reaped(Option<Child>);

impl Reaped {
    fn identity(&self) -> Result<(Pid, OwnedFd, u64), SpawnError> {
        let failed = |what: &str| SpawnError::NotStarted(format!("cannot {what} the process just made"));
        let raw = self.0.as_ref().and_then(|child| i32::try_from(child.id()).ok());
        let pid = raw.and_then(Pid::from_raw).ok_or_else(|| failed("number"))?;
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).map_err(|_| failed("watch"))?;
        let ticks = table::start_ticks(pid.as_raw_nonzero().get()).ok_or_else(|| failed("read /proc of"))?;
        Ok((pid, pidfd, ticks))
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The program `remediator-step`: asked for its version it says so, else it is [`step_main`].
pub fn small_main() -> std::process::ExitCode {
    if std::env::args_os().nth(1).is_some_and(|arg| arg == "--version") {
        // Nobody is there to be told of it when this fails.
        let _ = writeln!(std::io::stdout(), "{SMALL_IS}");
        return std::process::ExitCode::SUCCESS;
    }
    step_main()
}

/// The hidden subcommand `__step`. Comes back only when it could not become the program.
pub fn step_main() -> std::process::ExitCode {
    let stdin = std::io::stdin();
    // Closed by the exec, which is how the daemon learns of it; standard input becomes /dev/null.
    if let Ok(socket) = rustix::io::fcntl_dupfd_cloexec(stdin.as_fd(), 3) {
        let mut socket = UnixStream::from(socket);
        let mut text = Vec::new();
        let complaint = match (&mut socket).take(ORDER_BYTES_MAX).read_to_end(&mut text) {
            Ok(_) => become_program(&text),
            Err(e) => format!("__step cannot read its order: {e}"),
        };
        let _ = socket.write_all(complaint.as_bytes());
    }
    std::process::ExitCode::from(NOT_STARTED)
}

/// Gives back why it did not happen.
fn become_program(text: &[u8]) -> String {
    let order: Order = match serde_json::from_slice(text) {
        Ok(order) => order,
        Err(e) => return format!("__step was given no complete order: {e}"),
    };
    let Some((program, args)) = order.argv.split_first() else { return "argv is empty".to_owned() };
    if order.apart == Apart::Session
        && let Err(e) = rustix::process::setsid()
    {
        return format!("cannot begin a session: {e}");
    }
    if let Err(e) = std::env::set_current_dir(&order.cwd) {
        return format!("cannot enter the working directory {}: {e}", order.cwd);
    }
    // Opened now: a limit on open files may be too small for it in a moment.
    let input = match input(&order.stdin) {
        Ok(file) => file,
        Err(e) => return format!("cannot open its standard input: {e}"),
    };
    if order.bound
        && let Err(e) = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
    {
        return format!("cannot bind it to the daemon: {e}");
    }
    if let Err(e) = rustix::thread::set_no_new_privs(true) {
        return format!("cannot give up new privileges: {e}");
    }
    if order.huge_pages {
        huge_pages::allow();
    }
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(&order.env).stdin(Stdio::from(input));
    if let Err(why) = set_limits(&order.rlimits) {
        return why;
    }
    format!("cannot execute {program}: {}", command.exec())
}

/// What it reads: a file in memory, so that nobody waits for anybody.
fn input(text: &str) -> std::io::Result<std::fs::File> {
    use std::io::Seek as _;
    if text.is_empty() {
        return std::fs::File::open("/dev/null");
    }
    let mut file = std::fs::File::from(rustix::fs::memfd_create("stdin", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

fn set_limits(limits: &Rlimits) -> Result<(), String> {
    // Room for the small allocations up to the exec, should the address space be bounded below what we use.
    drop(Vec::<u8>::with_capacity(64 * 1024));
    let mib = |value: u64| value.saturating_mul(1024 * 1024);
    let all = [
        (Resource::Nofile, limits.open_files, "open_files"),
        (Resource::Cpu, limits.cpu_secs, "cpu_secs"),
        (Resource::Fsize, limits.file_mib.map(mib), "file_mib"),
        (Resource::As, limits.memory_mib.map(mib), "memory_mib"),
    ];
    for (resource, value, name) in all {
        let Some(value) = value else { continue };
        // Never above what the daemon itself may have: raising it would need a privilege.
        let hard = rustix::process::getrlimit(resource).maximum.map_or(value, |max| max.min(value));
        let limit = rustix::process::Rlimit { current: Some(hard), maximum: Some(hard) };
        rustix::process::setrlimit(resource, limit)
            .map_err(|e| format!("cannot set the limit {name}: {e}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::testing::until;
    use super::*;

    #[test]
    fn the_small_program_of_another_version_or_of_others_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (file, own) = (folder.path().join(SMALL), folder.path().join("remediator"));
        let mode =
            |file: &Path, mode| std::fs::set_permissions(file, PermissionsExt::from_mode(mode)).unwrap();
        std::fs::write(&own, "").unwrap();
        mode(&own, 0o755);
        assert!(!is_ours(&file, &own), "there is none");
        let says = |words: &str| {
            std::fs::write(&file, format!("#!/bin/sh\necho '{words}'\n")).unwrap();
            mode(&file, 0o755);
        };
        says(SMALL_IS);
        // Another thread that forks just now may have the file open for writing until it has become another program.
        until("it is ours", || is_ours(&file, &own));
        mode(&file, 0o757);
        assert!(!is_ours(&file, &own), "anybody may write it");
        let another = SMALL_IS.replace("order 1", "order 2");
        for words in ["", "remediator-step", another.as_str()] {
            says(words);
            // Not for that thread's sake.
            until("it can be executed", || Command::new(&file).status().is_ok());
            assert!(!is_ours(&file, &own), "{words}");
        }
    }
}
