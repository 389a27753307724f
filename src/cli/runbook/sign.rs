//! `runbook sign`: a detached SSH signature beside a file. The role follows from where the file lies.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::folder;
use super::recorded::Recorded;
use crate::base::signers::Holder;
use crate::cli::exit::{Exit, Failure};
use crate::cli::init::person::{self, Places};
use crate::cli::{Global, Outcome, Output, out};
use crate::runbook::content::TRUST_DIR;
use crate::runbook::{ContentFolder, Role, Trust, authoring, checks, proposals};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 signed, 1 the file has problems, 2 wrong use, 4 your key has no such role.\n\n\
Example:\n  remediator runbook sign runbooks/web/runbook.yaml --key ~/.ssh/id_ed25519\n\n\
`ssh-keygen -Y sign -n runbook@remediator -f KEY FILE` does the same."
)]
pub struct Args {
    /// Files below runbooks/ or proposals/; a relative path is looked for here, then in the home.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Your SSH key: private, or public with the private half in your agent. Default: the one that `init` would take.
    #[arg(long)]
    key: Option<PathBuf>,
}

#[derive(Serialize)]
struct Signed {
    file: String,
    signature: PathBuf,
    principal: String,
    role: &'static str,
}

#[derive(Serialize)]
struct Report {
    v: u32,
    signed: Vec<Signed>,
}

/// Signs each file.
pub fn run(args: Args, global: &Global) -> Outcome {
    let files: Vec<PathBuf> = args.files.iter().map(|file| folder::locate(global, file)).collect();
    all(&files, args.key.as_deref(), global)
}

/// Signs these files, and says so.
pub fn all(files: &[PathBuf], key: Option<&Path>, global: &Global) -> Outcome {
    let mut signed = Vec::new();
    for file in files {
        signed.push(sign(global, file, key)?);
    }
    if global.output == Output::Json {
        out::json_of(&Report { v: 1, signed })?;
    } else {
        for s in signed {
            out::say(format!("{} signed by {} as {}", s.file, s.principal, s.role))?;
        }
    }
    Ok(Exit::Ok)
}

/// The key to sign with: the named one, else of the keys at hand the first that has the role here, else the first.
pub fn key_of(trust: &Trust, named: Option<&Path>, role: Role) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let keys = person::candidates(&Places::of_environment());
    let holds = |path: &Path| {
        person::public_of(path).is_ok_and(|public| {
            matches!(trust.signers().holder(&public, role.namespace(), Some(out::now_us())), Holder::Holds(_))
        })
    };
    let chosen = keys.iter().find(|key| holds(&key.path)).or_else(|| keys.first());
    chosen.map(|key| key.path.clone()).ok_or_else(|| {
        Failure::new(Exit::Usage, "you have no ed25519 key in an agent, in ~/.ssh or in your config folder")
            .hint("name one with --key PATH (ssh-keygen -t ed25519 makes one)")
    })
}

fn sign(global: &Global, file: &Path, named: Option<&Path>) -> Result<Signed, Failure> {
    let root = folder::root_of(file).ok_or_else(|| {
        let what = format!("{} lies neither below runbooks/ nor below proposals/", file.display());
        Failure::new(Exit::Usage, what).hint("move it there: what a signature is for follows from the place")
    })?;
    let name = folder::name_in(&root, file).unwrap_or_default();
    let role = authoring::role_of(&name).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{name} is no file that is signed"))
            .hint("signed are runbooks/**, proposals/ID/proposal.yaml and the files in proposals/trust/")
    })?;
    let bytes = std::fs::read(file)
        .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}", file.display())).because(e))?;
    let content = folder::read(&root)?;
    must_be_sound((&name, file), &bytes, role, &content)?;
    let recorded = Recorded::of(global, &root);
    let trust = recorded.trust(&content);
    if role == Role::Trust {
        for change in recorded.changes(&content) {
            anstream::eprintln!("  {change}");
        }
    }
    let key = key_of(&trust, named, role)?;
    let principal = holder_of(&trust, &key, role)?;
    let signature = authoring::sign_beside(file, &bytes, &key, role)
        .map_err(|e| Failure::new(Exit::Findings, format!("cannot sign {}", file.display())).because(e))?;
    Ok(Signed { file: name, signature, principal, role: role.namespace() })
}

/// Nobody should sign what would be refused anyway, nor what could never be mended.
fn must_be_sound(
    (name, file): (&str, &Path),
    bytes: &[u8],
    role: Role,
    content: &ContentFolder,
) -> Result<(), Failure> {
    let lint = format!("remediator runbook lint {}", file.display());
    let (problem, hint) = match role {
        Role::Runbook => {
            let rejected = checks::read(name, bytes).err();
            (rejected.and_then(|r| r.problems.first().map(ToString::to_string)), lint)
        }
        Role::Proposal => (proposals::parse_proposal(name, bytes).err().map(|p| p.to_string()), lint),
        Role::Trust => {
            let mut files = content.trust_files();
            files.insert(name.trim_start_matches(TRUST_DIR).to_owned(), bytes.to_vec());
            let sound = Trust::load(&files).and_then(|trust| trust.must_be_sound(out::now_us()));
            (sound.err().map(|e| e.to_string()), "change it, then sign it".to_owned())
        }
        Role::Approval | Role::Control => (None, lint),
    };
    problem.map_or(Ok(()), |problem| {
        Err(Failure::new(Exit::Findings, format!("not signed: {problem}")).hint(hint))
    })
}

/// Whose key it is, if it may sign in this role here.
pub fn holder_of(trust: &Trust, key: &Path, role: Role) -> Result<String, Failure> {
    let public = person::public_of(key).map_err(|e| Failure::new(Exit::Usage, format!("{e:#}")))?;
    let refused = |what: String| {
        let hint = "who may sign what stands in proposals/trust/allowed_signers";
        Err(Failure::new(Exit::Refused, what).hint(hint))
    };
    match trust.signers().holder(&public, role.namespace(), Some(out::now_us())) {
        Holder::Holds(grant) => Ok(grant.principal.clone()),
        Holder::OutsideValidity(grant) => {
            refused(format!("the key of `{}` is not valid now", grant.principal))
        }
        Holder::OtherRoles(grant) => {
            refused(format!("`{}` may not sign as {}", grant.principal, role.namespace()))
        }
        Holder::Unknown => {
            refused(format!("the key {} ({}) is nobody's here", key.display(), public.fingerprint()))
        }
    }
}
