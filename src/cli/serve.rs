//! `remediator serve`: runs the daemon of a home until it is told to stop. The work is in `remediator`.

use super::exit::{Exit, Failure};
use super::init::files;
use super::{Global, Home, Outcome, out, variables};
use crate::action;
use crate::api::{self, Bearer, Place, Sessions, Settings, Tls, TokenFile, Tokens, tokens};
use crate::remediator::{self, Options};
use crate::runbook::Role;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 stopped in order, 69 it could not start, 75 try again: the address or the journal is in use, or \
the journal could not be written.\n\n\
Examples:\n  remediator serve\n  remediator serve --listen 127.0.0.1:9000 --observe-only"
)]
pub struct Args {
    /// Address of the HTTP interface. Default: `listen` of remediator.yaml, else 127.0.0.1:8855.
    #[arg(long, env = "REMEDIATOR_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// Watches, decides and records, but starts nothing.
    #[arg(long)]
    observe_only: bool,
}

/// Serves.
pub fn run(args: Args, global: &Global) -> Outcome {
    action::refuse_huge_pages();
    let home = Home::acting(global)?;
    must_be_ours(&home)?;
    start_log()?;
    for unread in variables::unread() {
        tracing::warn!("{}; {}", unread.what, unread.fix);
    }
    let settings = settings(&home, args.listen.as_deref())?;
    let options =
        Options { home: home.root().to_owned(), listen: args.listen, observe_only: args.observe_only };
    let tokens = TokenFile::kept_in(home.tokens(), tokens(&home)?);
    let sessions = Sessions::kept_in(home.sessions());
    match remediator::serve(options, |face| {
        api::serve_with(face.listener, face.handle, tokens, sessions, settings, face.stopped)
    }) {
        Ok(()) => Ok(Exit::Ok),
        Err(error) => Err(failure(error)),
    }
}

/// How it is served. A configuration that cannot be used is said by the daemon itself, which reads it for everything
/// else.
fn settings(home: &Home, listen: Option<&str>) -> Result<Settings, Failure> {
    let own = Settings { journal: Some(home.state()), ..Settings::default() };
    let Ok(config) = remediator::config::read(home.root(), listen) else { return Ok(own) };
    let tls =
        config.tls.map(|tls| Tls::load(tls.cert, tls.key, tls.client_ca)).transpose().map_err(|error| {
            Failure::new(Exit::Usage, format!("`tls` in remediator.yaml: {error}"))
                .hint("mend the file or its path; `remediator doctor` looks at it again")
        })?;
    let place = Place { hosts: config.hosts, https: tls.is_some() };
    Ok(Settings { place, tls, ..own })
}

/// What another user's daemon writes there could not be written by its owner's any more.
fn must_be_ours(home: &Home) -> Result<(), Failure> {
    let state = home.state();
    let owner = std::fs::metadata(&state).map(|folder| std::os::unix::fs::MetadataExt::uid(&folder));
    let owner = owner.map_err(|e| {
        Failure::new(Exit::Unavailable, format!("cannot look at {}", state.display())).because(e)
    })?;
    let own = rustix::process::geteuid().as_raw();
    if owner == own {
        return Ok(());
    }
    let what = format!("{} belongs to user {owner}, and this runs as user {own}", state.display());
    Err(Failure::new(Exit::Refused, what).hint(format!(
        "run it as its owner, such as `sudo -u '#{owner}' remediator serve`; nothing was changed"
    )))
}

/// Tokens are no part of what must be kept: lost ones are made anew for whoever may speak for this home. The token
/// in `state/token` is kept when it is there, so that programs that use it go on.
fn tokens(home: &Home) -> Result<Tokens, Failure> {
    let none =
        |e: tokens::Error| Failure::new(Exit::Unavailable, "the HTTP interface has no tokens").because(e);
    let kept = home.tokens().exists();
    if kept && home.token().exists() || !home.state().join("journal").is_dir() {
        return Tokens::load(&home.tokens()).map_err(none);
    }
    let name = principal(home)?;
    let written = std::fs::read_to_string(home.token()).unwrap_or_default();
    let token = match written.trim() {
        token if token.starts_with(tokens::PREFIX) => token.to_owned(),
        _ => {
            let token = tokens::mint().map_err(none)?;
            let path = home.token();
            // A file of that name may be there, empty or torn.
            let _ = std::fs::remove_file(&path);
            files::write_private(&path, format!("{token}\n").as_bytes()).map_err(|e| {
                Failure::new(Exit::Unavailable, format!("cannot write {}", path.display())).because(e)
            })?;
            token
        }
    };
    let mut known = if kept { Tokens::load(&home.tokens()) } else { Tokens::new() }.map_err(none)?;
    known.add(Bearer::Person { name: name.clone(), role: api::Role::Lead }, &token, out::now_us());
    known.save(&home.tokens()).map_err(none)?;
    match kept {
        true => tracing::warn!(person = name, "state/token was missing: a fresh one is in it"),
        false => tracing::warn!(
            person = name,
            "state/tokens.json was missing: made anew with the token in state/token only"
        ),
    }
    Ok(known)
}

/// The first person who may lift a pause.
fn principal(home: &Home) -> Result<String, Failure> {
    let trust = remediator::read_trust_folder(home.root())
        .map_err(|e| Failure::new(Exit::Unavailable, "nobody is known to make a token for").because(e))?;
    let control = Role::Control.namespace();
    let first = trust.signers().grants().iter().find(|g| g.namespaces.iter().any(|n| n == control));
    first.map(|grant| grant.principal.clone()).ok_or_else(|| {
        Failure::new(Exit::Unavailable, format!("nobody in proposals/trust/allowed_signers holds {control}"))
            .hint("put state/tokens.json back from a backup, or give somebody that role")
    })
}

/// The daemon's own exit code, as far as it is one of the documented ones.
fn failure(error: remediator::Error) -> Failure {
    let exit = match error.exit_code() {
        2 => Exit::Usage,
        4 => Exit::Refused,
        5 => Exit::Damage,
        75 => Exit::Temporary,
        _ => Exit::Unavailable,
    };
    Failure::new(exit, error.to_string()).because(error)
}

/// Log lines go to standard error: for people, or JSON with `REMEDIATOR_LOG_FORMAT=json`; levels in `REMEDIATOR_LOG`.
fn start_log() -> Result<(), Failure> {
    let wrong = |what: String| Failure::new(Exit::Usage, what);
    let levels = std::env::var("REMEDIATOR_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(&levels)
        .map_err(|e| wrong(format!("REMEDIATOR_LOG=`{levels}` cannot be understood")).because(e))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match std::env::var("REMEDIATOR_LOG_FORMAT").as_deref() {
        Ok("json") => builder.json().try_init(),
        Ok("human") | Err(_) => {
            let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder
                .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none())
                .with_target(false)
                .try_init()
        }
        Ok(other) => {
            let what = format!("REMEDIATOR_LOG_FORMAT=`{other}` is not known");
            return Err(wrong(what).hint("write `human` or `json`"));
        }
    };
    started.map_err(|e| Failure::new(Exit::Unavailable, "the log is set up already").because(e))
}
