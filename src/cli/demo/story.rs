//! Entries of the journal told as a story: which phase of a healing an entry is, in words.
//! Reads the lines as any stranger would (JSON), so that the demo shows what the journal says and nothing else.

use serde::Deserialize;
use serde_json::Value;

use crate::base::ids::Seq;
use crate::base::text::clean;

/// What the demo needs of a line.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// Position.
    pub seq: Seq,
    /// Wall time, Unix µs.
    pub time: i64,
    /// Kind.
    pub kind: String,
    /// Incident, if any.
    pub incident: Option<String>,
    /// Payload.
    pub data: Value,
}

impl Entry {
    /// A text member of the payload, safe to print.
    pub fn text(&self, name: &str) -> String {
        self.data[name].as_str().map(clean).unwrap_or_default()
    }
    /// A number of the payload.
    pub fn number(&self, name: &str) -> u64 {
        self.data[name].as_u64().unwrap_or_default()
    }
    /// Verification said healthy.
    pub fn is_verified(&self) -> bool {
        self.kind == "verification.concluded" && self.data["verdict"] == "healthy"
    }
    /// The incident ended verified.
    pub fn is_healed(&self) -> bool {
        let closure = &self.data["closure"];
        self.kind == "incident.closed" && (closure == "healed" || closure == "healed_outcome_unknown")
    }
}

/// What an entry means for somebody who watches; none for entries that are detail.
pub fn tell(entry: &Entry, steps: &[String]) -> Option<String> {
    let step = |entry: &Entry| {
        let name = steps.get(entry.number("step") as usize).cloned();
        name.unwrap_or_else(|| format!("#{}", entry.number("step")))
    };
    Some(match entry.kind.as_str() {
        "degradation.seen" => format!("seen: {} ({})", entry.text("summary"), entry.text("code")),
        "incident.matched" => match entry.data["chosen"].as_str() {
            Some(chosen) => format!("runbook: {} ({})", clean(chosen), candidates(entry)),
            None => format!("no runbook may run ({})", candidates(entry)),
        },
        "incident.held" => format!("held: {}: {}", entry.text("reason"), entry.text("detail")),
        "lock.granted" => format!("lock: {}", tokens(entry)),
        "lock.refused" => format!("lock refused: {}", entry.text("reason")),
        "step.intended" if entry.data["undo"] == true => format!("undo of {} intended", step(entry)),
        "step.intended" => format!("step {} intended", step(entry)),
        "step.finished" => {
            format!("step {} {} in {} ms", step(entry), outcome(entry), entry.number("took_ms"))
        }
        "verification.concluded" => {
            format!(
                "verified: {} after {} looks ({})",
                entry.text("verdict"),
                entry.number("looks"),
                entry.text("evidence")
            )
        }
        "incident.escalated" => format!("escalated: {}", entry.text("reason")),
        "incident.closed" => format!("closed: {}", entry.text("closure").replace('_', " ")),
        "process.started" if entry.data["clean"] == false && entry.seq > 1 => {
            "the daemon is back, and knows that it was not stopped in order".to_owned()
        }
        "step.left_over" => format!("left-over process of {}: {}", step(entry), entry.text("fate")),
        "service.adopted" => {
            format!("service {} outlived the daemon: taken over again", entry.text("service"))
        }
        "attempt.resumed" => {
            format!(
                "recovery decided: {} ({})",
                entry.text("resumption").replace('_', " "),
                entry.text("reason")
            )
        }
        "attempt.frozen" => format!("frozen for a person: {}", entry.text("reason")),
        _ => return None,
    })
}

/// The ids of the steps of a planned attempt.
pub fn planned_steps(entry: &Entry) -> Option<Vec<String>> {
    let steps = entry.data["plan"]["steps"].as_array()?;
    Some(steps.iter().map(|s| clean(s["id"].as_str().unwrap_or_default())).collect())
}

fn candidates(entry: &Entry) -> String {
    let considered = entry.data["candidates"].as_array().map_or(0, Vec::len) as u64 + entry.number("more");
    format!("of {considered} considered, {} not for this trouble", entry.number("not_candidates"))
}

fn tokens(entry: &Entry) -> String {
    let tokens = entry.data["tokens"].as_object();
    let shown = tokens.into_iter().flatten().map(|(name, token)| format!("{} token {token}", clean(name)));
    shown.collect::<Vec<_>>().join(", ")
}

fn outcome(entry: &Entry) -> String {
    match &entry.data["outcome"] {
        Value::String(word) => clean(word).replace('_', " "),
        other => clean(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: &str, data: &str) -> Entry {
        serde_json::from_str(&format!(
            r#"{{"v":1,"seq":7,"time":1,"mono":1,"kind":"{kind}","incident":null,"data":{data}}}"#
        ))
        .expect("a line of the test")
    }

    #[test]
    fn phases_are_told_in_words_and_hostile_text_is_made_safe() {
        let steps = ["keep".to_owned()];
        let told = |kind: &str, data: &str| tell(&entry(kind, data), &steps);
        assert_eq!(
            told("degradation.seen", r#"{"summary":"gone\u001b[31m","code":"PROCESS_DEAD"}"#),
            Some("seen: gone\u{FFFD}[31m (PROCESS_DEAD)".to_owned())
        );
        assert_eq!(
            told("step.finished", r#"{"step":0,"outcome":"succeeded","took_ms":3}"#),
            Some("step keep succeeded in 3 ms".to_owned())
        );
        assert_eq!(
            told("step.finished", r#"{"step":5,"outcome":{"exited":1},"took_ms":3}"#),
            Some("step #5 {\"exited\":1} in 3 ms".to_owned())
        );
        assert_eq!(told("notice.queued", "{}"), None);
        assert!(entry("verification.concluded", r#"{"verdict":"healthy"}"#).is_verified());
        assert!(!entry("verification.concluded", r#"{"verdict":"unknown"}"#).is_verified());
        assert!(!entry("incident.closed", r#"{"closure":"recovered_unaided"}"#).is_healed());
    }
}
