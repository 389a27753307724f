//! Look kind `run`: a program looks and prints what it saw as one JSON object (docs/sentinels.md). Whatever is not
//! exactly that says nothing: it is unknown. Not for starting programs: whoever made the eyes does that.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{Programs, saw};
use crate::base::limits::{INTEGER_MAX, LOOK_VALUES_MAX};
use crate::base::text::clip;
use crate::event::plan::RunPlan;
use crate::event::verification::{Observation, Verdict, is_value_name};

/// Bytes of unreadable output that are shown.
const SHOWN_BYTES_MAX: usize = 80;

pub(super) async fn look(programs: &Programs, plan: &RunPlan, timeout: Duration) -> Observation {
    let (programs, plan) = (Programs::clone(programs), plan.clone());
    let name = plan.argv.first().cloned().unwrap_or_default();
    // It ends by itself soon after its time: whoever runs it sees to that.
    let ran = tokio::task::spawn_blocking(move || programs(&plan, timeout)).await;
    match ran {
        Ok(Ok(printed)) => match read(&printed) {
            Ok(observation) => observation,
            Err(why) => saw(Verdict::Unknown, format!("{name}: {why}")),
        },
        Ok(Err(why)) => saw(Verdict::Unknown, format!("{name} {why}")),
        Err(error) => saw(Verdict::Unknown, format!("{name}: the look broke off: {error}")),
    }
}

/// What a program prints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    v: u32,
    verdict: Verdict,
    #[serde(default)]
    evidence: String,
    #[serde(default)]
    values: BTreeMap<String, i64>,
}

fn read(printed: &[u8]) -> Result<Observation, String> {
    let said: Said = serde_json::from_slice(printed).map_err(|error| {
        let text = String::from_utf8_lossy(printed);
        let text = text.trim();
        let shown =
            if text.is_empty() { "nothing".to_owned() } else { format!("`{}`", clip(text, SHOWN_BYTES_MAX)) };
        format!("printed {shown}, which is not one JSON object with v, verdict, evidence and values: {error}")
    })?;
    if said.v != 1 {
        return Err(format!("printed version {} of the format; this program reads 1", said.v));
    }
    if said.values.len() > LOOK_VALUES_MAX {
        return Err(format!("printed {} values; at most {LOOK_VALUES_MAX} are kept", said.values.len()));
    }
    if let Some(name) = said.values.keys().find(|name| !is_value_name(name)) {
        let name = clip(name, SHOWN_BYTES_MAX);
        return Err(format!(
            "`{name}` is no name of a value (a to z, 0 to 9, _, at most 64, a letter first)"
        ));
    }
    if let Some((name, _)) = said.values.iter().find(|(_, value)| value.unsigned_abs() > INTEGER_MAX) {
        return Err(format!("the value {name} is out of range: at most 2^53 - 1 either way"));
    }
    Ok(Observation { verdict: said.verdict, evidence: said.evidence, values: said.values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_object_is_read() {
        let seen =
            read(br#" {"v":1,"verdict":"failed","evidence":"3 unsent","values":{"oldest_ms":61000}} "#);
        let seen = seen.unwrap();
        assert_eq!((seen.verdict, seen.evidence.as_str()), (Verdict::Failed, "3 unsent"));
        assert_eq!(seen.values["oldest_ms"], 61_000);
        assert_eq!(read(br#"{"v":1,"verdict":"unknown"}"#).unwrap().verdict, Verdict::Unknown);
    }

    #[test]
    fn anything_else_says_nothing_and_why() {
        let many: Vec<String> = (0..17).map(|n| format!("\"a{n}\":1")).collect();
        let many = format!(r#"{{"v":1,"verdict":"healthy","values":{{{}}}}}"#, many.join(","));
        for (printed, words) in [
            ("", "printed nothing"),
            ("OK", "printed `OK`"),
            (r#"{"v":2,"verdict":"healthy"}"#, "version 2"),
            (r#"{"verdict":"healthy"}"#, "missing field `v`"),
            (r#"{"v":1,"verdict":"fine"}"#, "unknown variant `fine`"),
            (r#"{"v":1,"verdict":"healthy","extra":1}"#, "unknown field `extra`"),
            (r#"{"v":1,"verdict":"healthy","verdict":"failed"}"#, "duplicate field"),
            (r#"{"v":1,"verdict":"healthy"}{"v":1,"verdict":"failed"}"#, "trailing characters"),
            (r#"{"v":1,"verdict":"healthy","values":{"x":1.5}}"#, "floating point"),
            (r#"{"v":1,"verdict":"healthy","values":{"X y":1}}"#, "no name of a value"),
            (r#"{"v":1,"verdict":"healthy","values":{"x":9007199254740992}}"#, "out of range"),
            (many.as_str(), "17 values"),
        ] {
            let why = read(printed.as_bytes()).unwrap_err();
            assert!(why.contains(words), "{printed}: {why}");
        }
        assert!(read(b"\xff\xfe").is_err());
    }
}
