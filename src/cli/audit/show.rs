//! `remediator audit show SEQ`: one entry.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::exit::Failure;
use super::super::reader::Reader;
use super::super::{Exit, Global, Outcome, Output, out};
use crate::audit::say;
use crate::base::ids::{IncidentId, Seq};
use crate::base::sealed::masked;
use crate::base::time::rfc3339;
use crate::event::{Cause, Event};

/// Show one entry; with --output json the stored line byte for byte.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator audit show 17")]
pub struct Args {
    /// Its seq.
    seq: Seq,
}

/// A stored line as people read it.
pub struct Decoded {
    /// Its seq.
    pub seq: Seq,
    /// When, RFC 3339.
    pub at: String,
    /// Its kind.
    pub kind: String,
    /// What it says.
    pub said: String,
    incident: Option<IncidentId>,
    cause: Option<Cause>,
    data: String,
}

#[derive(Deserialize)]
struct Members<'a> {
    seq: Seq,
    time: i64,
    kind: String,
    kv: u32,
    incident: Option<IncidentId>,
    cause: Option<Cause>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Decoded {
    /// Of a stored line. A kind of a newer version is shown without a sentence.
    pub fn of(line: &str) -> Result<Self, Failure> {
        let m: Members<'_> = serde_json::from_str(line).map_err(|e| {
            Failure::new(Exit::Damage, "a stored line cannot be read")
                .hint("`remediator audit verify` checks the journal")
                .because(e)
        })?;
        let said = match Event::parse(&m.kind, m.kv, m.data.get()) {
            // What nobody opened before.
            Ok(event) => masked(&say(&event)).into_owned(),
            Err(error) => error.to_string(),
        };
        let (seq, incident, cause) = (m.seq, m.incident, m.cause);
        let data = m.data.get().to_owned();
        Ok(Self { seq, at: rfc3339(m.time), kind: m.kind, said, incident, cause, data })
    }
}

/// Prints the entry.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reader = Reader::new(global)?;
    let line = match reader.ask(&format!("/v1/audit/{}", args.seq))? {
        Some(line) => line,
        None => reader.entries()?.line(args.seq)?,
    };
    if global.output == Output::Json {
        out::json(&line)?;
        return Ok(Exit::Ok);
    }
    let d = Decoded::of(&reader.opened(&line)?)?;
    out::say(format!("{} {}  {}", out::head("Entry"), d.seq, out::line(&d.kind)))?;
    out::say(format!("{}\n{}", out::when(&d.at), out::line(&d.said)))?;
    if let Some(incident) = d.incident {
        out::say(format!("incident {incident}"))?;
    }
    match d.cause {
        Some(Cause::Seq(seq)) => out::say(format!("caused by entry {seq}"))?,
        Some(Cause::Remote { node, seq, .. }) => out::say(format!("caused by entry {seq} of node {node}"))?,
        None => {}
    }
    let data: serde_json::Value = serde_json::from_str(&d.data).unwrap_or_default();
    let pretty = serde_json::to_string_pretty(&data).unwrap_or(d.data);
    pretty.lines().try_for_each(|l| out::say(out::line(l)))?;
    Ok(Exit::Ok)
}
