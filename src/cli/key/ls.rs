//! `remediator key ls`: every key that ever signed, with the entries it signed, and whether the one in force is at hand.

use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::journal::{Depth, verify};
use crate::remediator::read_journal_key;

/// List the keys of the journal: public halves, from which entry to which, and whether the one in force is there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 the key in force is there, 1 it is lost or another.\n\n\
Example:\n  remediator key ls\n  remediator key ls --output json")]
pub struct Args {}

/// Lists.
pub fn run(_: Args, global: &Global) -> Outcome {
    let home = Home::readable(global)?;
    let report = verify(&home.state(), Depth::Quick, &mut |_| {})?;
    let at_hand = read_journal_key(&home.state());
    let in_force = report.keys.last().map(|key| key.id);
    let good = at_hand.as_ref().is_ok_and(|key| Some(key.id()) == in_force);
    let until = |n: usize| report.keys.get(n + 1).map(|next| next.from.saturating_sub(1));
    if global.output == Output::Json {
        let keys = report.keys.iter().enumerate().map(|(n, key)| {
            serde_json::json!({"id": key.id, "public_key": key.public_key, "from": key.from, "until": until(n)})
        });
        let problem = at_hand.as_ref().err().map(ToString::to_string);
        out::json_of(&serde_json::json!({
            "v": 1, "keys": keys.collect::<Vec<_>>(), "at_hand": good, "problem": problem,
        }))?;
    } else {
        let rows = report.keys.iter().enumerate().map(|(n, key)| {
            let until = until(n).map_or_else(|| "now".to_owned(), |seq| seq.to_string());
            vec![key.id.to_string(), key.from.to_string(), until, key.public_key.to_string()]
        });
        out::say(out::table(&["KEY", "FROM SEQ", "UNTIL", "PUBLIC KEY"], rows.collect()))?;
        match &at_hand {
            Ok(_) if good => {}
            Ok(key) => {
                out::say(format!("{} the key at hand is {}, another one", out::state("failed"), key.id()))?
            }
            Err(error) => out::say(format!("{} {error}", out::state("failed")))?,
        }
    }
    Ok(if good { Exit::Ok } else { Exit::Findings })
}
