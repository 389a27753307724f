//! `remediator init`: makes a home and says what to do next. Shows every shipped runbook and asks for its approval; what
//! is approved is signed with the operator's own SSH key.

pub mod files;
mod found;
pub mod home;
pub mod person;
pub mod sample;
pub mod staging;
pub mod texts;

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use home::{Answer, Made, Shown, Wish};
use person::{Key, Origin, Places};

use super::exit::{Exit, Failure};
use super::{Global, Home, Outcome, Output, out};
use crate::base::signers::is_principal;
use crate::runbook::LiveEvidence;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator init --approve-shipped --sample-service\n  remediator init --approve-shipped --live-evidence rehearsal\n  remediator serve"
)]
pub struct Args {
    /// Who you are in signatures: letters, digits, dots, dashes. Default: your user name.
    #[arg(long)]
    name: Option<String>,
    /// Your SSH key (ed25519; a private key, or a public one whose private half is in your agent). Default: the first
    /// of your agent or ~/.ssh, else a fresh one in your config folder.
    #[arg(long)]
    key: Option<PathBuf>,
    /// You may both write and approve what stays on this machine and can be repeated or taken back (default).
    #[arg(long, overrides_with = "no_solo")]
    solo: bool,
    /// Somebody else has to approve what you write.
    #[arg(long)]
    no_solo: bool,
    /// What has to show that a runbook of yours works before it goes live. Default: either; with the sample service,
    /// which nobody has rehearsed on this machine, none.
    #[arg(long, value_name = "KIND", value_parser = evidence)]
    live_evidence: Option<LiveEvidence>,
    /// Approve the shipped runbooks (and the sample) without being asked. Needed without a terminal.
    #[arg(long)]
    approve_shipped: bool,
    /// Do not look at what runs on this machine.
    #[arg(long)]
    no_discovery: bool,
    /// Adds a small web service with sentinels and runbooks to try things on.
    #[arg(long)]
    sample_service: bool,
    /// Port of the sample service on 127.0.0.1.
    #[arg(long, env = "REMEDIATOR_SAMPLE_PORT", default_value_t = 8866)]
    sample_port: u16,
}

impl Args {
    fn evidence(&self) -> LiveEvidence {
        let default = if self.sample_service { LiveEvidence::None } else { LiveEvidence::Either };
        self.live_evidence.unwrap_or(default)
    }
}

/// One of the words of the policy.
fn evidence(word: &str) -> Result<LiveEvidence, String> {
    let all = LiveEvidence::ALL;
    all.into_iter()
        .find(|value| value.word() == word)
        .ok_or_else(|| format!("write one of {}", all.map(LiveEvidence::word).join(", ")))
}

/// What is printed with `--output json`.
#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    home: &'a Path,
    node: String,
    principal: &'a str,
    key: &'a Path,
    key_origin: &'static str,
    approved: bool,
    shipped: Vec<String>,
    found: &'a found::Machine,
}

/// Makes the home.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::locate(global)?;
    let principal = principal(args.name.as_deref())?;
    home::must_be_free(home.root())?;
    if !args.approve_shipped && !std::io::stdin().is_terminal() {
        let what = "there is no terminal to ask for the approval of the shipped runbooks on";
        return Err(Failure::new(Exit::Usage, what).hint("add --approve-shipped"));
    }
    if args.sample_service {
        must_be_free_port(args.sample_port)?;
    }
    make(&args, &home, &principal, global.output == Output::Json)?;
    Ok(Exit::Ok)
}

/// The sample service could never start where another one listens, and that one would answer in its place.
fn must_be_free_port(port: u16) -> Result<(), Failure> {
    match std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(e) => {
            let what = format!("the sample service cannot listen on 127.0.0.1:{port}; nothing was made");
            Err(Failure::new(Exit::Unavailable, what)
                .hint("name a free port with --sample-port, or end what listens there (`ss -ltnp`)")
                .because(e))
        }
    }
}

fn make(args: &Args, home: &Home, principal: &str, json: bool) -> anyhow::Result<()> {
    let key = person::key(args.key.as_deref(), principal, &Places::of_environment())?;
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let program = program.to_str().context("the path of this program is not UTF-8")?;
    let sample = args.sample_service.then_some(sample::Facts { program, port: args.sample_port });
    let wish = Wish {
        home: home.root().to_owned(),
        principal: principal.to_owned(),
        key: key.path.clone(),
        solo: !args.no_solo,
        evidence: args.evidence(),
        listen: crate::remediator::config::LISTEN.to_owned(),
        sample,
    };
    let (mut approved, mut shown) = (false, Vec::new());
    let made = home::make(&wish, &mut |stands: &[Shown]| {
        shown = stands.iter().map(|s| s.id.clone()).collect();
        let answer = if args.approve_shipped { show(stands) } else { ask(stands)? };
        approved = answer == Answer::Approved;
        Ok(answer)
    })?;
    let mut machine = if args.no_discovery { found::Machine::default() } else { found::look() };
    if let Err(error) = found::offer(&made.home, &mut machine) {
        anstream::eprintln!("note: what was found on this machine could not be offered: {error:#}");
    }
    report(&made, principal, &key, approved, shown, &machine, json)?;
    Ok(())
}

fn principal(named: Option<&str>) -> Result<String, Failure> {
    let user = || std::env::var("USER").ok().filter(|name| is_principal(name));
    let principal = named.map(str::to_owned).or_else(user).unwrap_or_else(|| "operator".to_owned());
    if is_principal(&principal) {
        return Ok(principal);
    }
    let what = format!("`{}` cannot be the name of a principal", out::line(&principal));
    Err(Failure::new(Exit::Usage, what).hint("use letters, digits, dots, dashes and underscores"))
}

fn show(stands: &[Shown]) -> Answer {
    anstream::eprintln!("These may run once they are approved:");
    for s in stands {
        let radius = if s.radius.is_empty() { String::new() } else { format!(", radius {}", s.radius) };
        anstream::eprintln!("  {:<28} {}{radius}\n  {:<28} {}", s.id, s.title, "", s.digest);
    }
    Answer::Approved
}

fn ask(stands: &[Shown]) -> anyhow::Result<Answer> {
    show(stands);
    anstream::eprint!("Approve them with your key? [y/N] ");
    let mut said = String::new();
    std::io::stdin().lock().read_line(&mut said).context("cannot read your answer")?;
    let yes = matches!(said.trim(), "y" | "Y" | "yes");
    Ok(if yes { Answer::Approved } else { Answer::ObserveOnly })
}

fn report(
    made: &Made,
    principal: &str,
    key: &Key,
    approved: bool,
    shipped: Vec<String>,
    machine: &found::Machine,
    json: bool,
) -> Result<(), Failure> {
    let key_origin = match key.origin {
        Origin::Named => "the key that you named",
        Origin::Agent => "the first ed25519 key of your agent",
        Origin::SshFolder => "the first ed25519 key in ~/.ssh",
        Origin::Fresh => "a fresh key, made now",
        Origin::Ours => "the key that an earlier init made",
    };
    if json {
        let node = made.node.to_string();
        let home = made.home.as_path();
        let report = Report {
            v: 1,
            home,
            node,
            principal,
            key: &key.path,
            key_origin,
            approved,
            shipped,
            found: machine,
        };
        return out::json_of(&report);
    }
    let home = made.home.display();
    let standing = if approved {
        "approved: the runbooks above are live as soon as the daemon runs".to_owned()
    } else {
        "not approved: runbooks only observe; approve one with: remediator proposal approve ID".to_owned()
    };
    offered(machine)?;
    out::say(format!(
        "home      {home}\nyou       {principal}, signing with {} ({key_origin})\ntoken     {home}/state/token (0600; \
         send it as: Authorization: Bearer …)\nrunbooks  {standing}\n\nnext:\n  remediator serve --home {home}\n  \
         remediator status --home {home}",
        key.path.display()
    ))
}

/// What was found, and what is offered for it.
fn offered(machine: &found::Machine) -> Result<(), Failure> {
    for found in &machine.listening {
        let ports: Vec<String> = found.ports.iter().map(u16::to_string).collect();
        let program = out::line(&found.program);
        let offer = match &found.offered {
            Some(folder) => format!("; a sentinel and a runbook for it, switched off, are in {folder}"),
            None => String::new(),
        };
        out::say(format!("found     {program} listens on {}{offer}", ports.join(", ")))?;
    }
    for file in &machine.databases {
        out::say(format!("found     the database {} is open", out::line(file)))?;
    }
    Ok(())
}
