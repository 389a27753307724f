//! `remediator audit cosign`: asks the witnesses of a policy to cosign the newest checkpoint (c2sp.org/tlog-witness). What
//! each has seen is its own business: it says so, and gets the proof from there.

use std::path::PathBuf;
use std::time::Duration;

use super::super::client;
use super::super::exit::Failure;
use super::super::reader::Reader;
use super::super::{Exit, Global, Outcome, Output, out};
use super::verify::beside;
use crate::base::limits::NOTE_BYTES_MAX;
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::merkle::consistency;
use crate::tlog::note::{Note, Signature};
use crate::tlog::policy::{Policy, Witness};
use crate::tlog::submit::{Answer, ask};
use crate::tlog::{Tree, tree};

/// The longest that is waited for a witness.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(20);

/// Have the witnesses of a policy cosign the newest checkpoint, and write it down with their signatures.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 the policy's quorum has cosigned, 10 too few did.

Example:
  remediator audit cosign --policy ./policy --to ./cosigned
  remediator audit prove 17 --checkpoint ./cosigned
  remediator audit verify --policy ./policy --checkpoint ./cosigned")]
pub struct Args {
    /// Which witnesses, each with its URL: a file as c2sp.org/tlog-policy has it.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Where to write the checkpoint.
    #[arg(long, value_name = "FILE", default_value = "cosigned")]
    to: PathBuf,
}

/// Asks one after another, and ends with whether they are enough.
pub fn run(args: Args, global: &Global) -> Outcome {
    let text = std::fs::read_to_string(&args.policy).map_err(|e| {
        Failure::new(Exit::Usage, format!("cannot read the policy {}", args.policy.display())).because(e)
    })?;
    let policy = Policy::parse(&text)
        .map_err(|e| Failure::new(Exit::Usage, format!("{}: {e}", args.policy.display())))?;
    let reader = Reader::new(global)?;
    let mut note = newest(&reader)?;
    let head = Checkpoint::parse(&note.text).map_err(|e| Failure::new(Exit::Damage, e.to_string()))?;
    let tree = tree(&reader.home().state(), head.size)
        .map_err(|e| Failure::new(Exit::Unavailable, e.to_string()).because(e))?;
    let asking = Asking::new()?;
    for (name, witness) in policy.witnesses() {
        let Some(url) = &witness.url else { continue };
        match asking.cosignature(url, witness, &note, &head, &tree) {
            Ok(signatures) => note.signatures.extend(signatures),
            Err(why) => anstream::eprintln!("note: {name} did not cosign: {}", out::line(&why)),
        }
    }
    std::fs::write(&args.to, note.to_string()).map_err(|e| {
        Failure::new(Exit::Unavailable, format!("cannot write {}", args.to.display())).because(e)
    })?;
    let judged = policy.judge(&note);
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({
            "v": 1, "file": args.to, "origin": head.origin, "size": head.size, "cosigned": judged.cosigned,
            "quorum": judged.quorum,
        }))?,
        Output::Human => {
            let who: Vec<&str> = judged.cosigned.keys().map(String::as_str).collect();
            let who = if who.is_empty() { "nobody".to_owned() } else { who.join(", ") };
            out::say(format!(
                "{}: {} entries, cosigned by {}",
                args.to.display(),
                head.size,
                out::line(&who)
            ))?;
        }
    }
    Ok(if judged.quorum { Exit::Ok } else { Exit::NoQuorum })
}

fn newest(reader: &Reader) -> Result<Note, Failure> {
    let text = match reader.ask("/checkpoint")? {
        Some(text) => text,
        None => {
            let none = || Failure::new(Exit::Unavailable, "no checkpoint was ever published here");
            let path = beside(&reader.home().state()).ok_or_else(none)?;
            std::fs::read_to_string(&path).map_err(|e| none().because(e))?
        }
    };
    Note::parse(&text)
        .map_err(|e| Failure::new(Exit::Damage, format!("the checkpoint is no signed note: {e}")))
}

struct Asking {
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Asking {
    fn new() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime
            .map_err(|e| Failure::new(Exit::Unavailable, "cannot start the HTTP client").because(e))?;
        Ok(Self { http: client::outside(CONNECT, ANSWER)?, runtime })
    }

    /// The witness's own lines, verified; or why there are none.
    fn cosignature(
        &self,
        url: &str,
        witness: &Witness,
        note: &Note,
        head: &Checkpoint,
        tree: &Tree,
    ) -> Result<Vec<Signature>, String> {
        let prove = |old| consistency(tree, old, head.size).map_err(|e| e.to_string());
        ask(witness, (note, head), 0, &prove, &mut |body| self.send(url, body))
    }

    fn send(&self, url: &str, body: String) -> Result<Answer, String> {
        let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        self.runtime.block_on(async {
            let mut response = self.http.post(&url).body(body).send().await.map_err(|e| e.to_string())?;
            let status = response.status();
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|e| e.to_string())? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > NOTE_BYTES_MAX {
                    return Err("its answer is longer than any can be".to_owned());
                }
            }
            Answer::of(status.as_u16(), &String::from_utf8_lossy(&bytes))
        })
    }
}
