//! Eyes: what they see just now, heartbeats of others (dead man), and grants taken back.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::super::auth::by;
use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::{Needs, Operation, Reason, Recorded, Role, Routes, body, json, reason};
use crate::base::ids::Seq;
use crate::base::limits::INTEGER_MAX;
use crate::base::text::clip;
use crate::remediator::{BeatRefused, Live};

pub(super) fn routes() -> Routes {
    let of_list =
        Operation::new(Needs::Role(Role::Read), "What every sentinel sees just now, and who else may report")
            .answers::<List>(200, "The sentinels")
            .reads();
    let of_revoke =
        Operation::new(Needs::Role(Role::Lead), "A person takes the grant of an external sentinel back")
            .more("Less power needs a token only.")
            .path::<String>("name", "The sentinel")
            .body::<Reason>()
            .answers::<Recorded>(200, "It is durable")
            .refusal(409, &["NO_GRANT"])
            .decides();
    let of_beat = Operation::new(Needs::RoleOrSentinel(Role::Write), "A sign of life")
        .more("It says when its sender lived, so one that is sent again says nothing new.")
        .path::<String>("name", "The heartbeat, as a live sentinel expects it")
        .body::<Beat>()
        .answers::<Counted>(200, "It counts")
        .problem(&[problem::NOT_FOUND, problem::OUTSIDE_GRANT])
        .problem(&[problem::HEARTBEAT_REPLAYED, problem::HEARTBEAT_AHEAD])
        .decides();
    Routes::new("Sentinels")
        .get("/v1/sentinels", list, of_list)
        .post("/v1/sentinels/{name}/revoke", revoke, of_revoke)
        .post("/v1/heartbeats/{name}", heartbeat, of_beat)
}

/// All eyes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SentinelList")]
struct List {
    v: u32,
    /// Declared here and live.
    sentinels: Vec<Live>,
    /// Others that may report.
    granted: Vec<Granted>,
}

/// An external sentinel.
#[derive(Serialize, JsonSchema)]
struct Granted {
    sentinel: String,
    subsystems: Vec<String>,
    granted_by: String,
    seq: Seq,
}

async fn list(State(api): State<Api>) -> Result<Response, Box<Problem>> {
    api.ready()?;
    let sentinels = api.daemon.sentinels()?;
    let grants = api.read(|audit| Ok(audit.grants())).await?;
    let granted = grants.into_iter().map(|(sentinel, grant)| Granted {
        sentinel,
        subsystems: grant.subsystems,
        granted_by: grant.by,
        seq: grant.seq,
    });
    json(&List { v: 1, sentinels, granted: granted.collect() })
}

async fn revoke(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(name): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = by(&bearer)?;
    let reason = reason(bytes)?;
    api.ready()?;
    let seq = api.daemon.revoke_grant(name, by, reason).await?;
    json(&Recorded { v: 1, seq })
}

/// The body of a heartbeat.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Beat {
    /// When the sender lives, by its own clock (Unix ms).
    #[schemars(range(max = INTEGER_MAX))]
    #[serde(deserialize_with = "whole")]
    at_ms: u64,
}

/// A whole number as JSON Schema means it: `7.0` is one, and what some languages write of their clock.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    struct Whole;
    impl Visitor<'_> for Whole {
        type Value = u64;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a whole number from 0 on")
        }
        fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }
        fn visit_f64<E: de::Error>(self, number: f64) -> Result<u64, E> {
            match number.fract() == 0.0 && (0.0..=INTEGER_MAX as f64).contains(&number) {
                true => Ok(number as u64),
                false => Err(E::invalid_value(de::Unexpected::Float(number), &self)),
            }
        }
    }
    from.deserialize_u64(Whole)
}

/// The answer to one that counts.
#[derive(Serialize, JsonSchema)]
struct Counted {
    v: u32,
    heartbeat: String,
    counted: bool,
    age_ms: u64,
}

async fn heartbeat(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(name): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    api.ready()?;
    let Beat { at_ms } = body(bytes)?;
    if at_ms > INTEGER_MAX {
        return Err(Problem::new(problem::BAD_REPORT, "`at_ms` is Unix time in milliseconds").field("at_ms"));
    }
    let shown = clip(&name, 64).to_owned();
    let not_expected = || {
        let detail = format!("no live sentinel expects a heartbeat `{shown}`");
        Problem::new(problem::NOT_FOUND, detail)
    };
    let expected = api.daemon.heartbeat_subsystems(&name)?.ok_or_else(not_expected)?;
    if let Bearer::Sentinel { name: sender, subsystems } = &bearer
        && !expected.iter().any(|subsystem| subsystems.contains(subsystem))
    {
        let said = format!("heartbeat {shown}");
        api.daemon.refuse(bearer.source(), problem::OUTSIDE_GRANT.1, said).await?;
        let detail = format!("sentinel {sender} may speak for: {}", subsystems.join(", "));
        return Err(Problem::new(problem::OUTSIDE_GRANT, detail));
    }
    match api.daemon.heartbeat(name.clone(), bearer.source(), at_ms).await {
        Ok(heard) => json(&Counted { v: 1, heartbeat: name, counted: true, age_ms: heard.age_ms }),
        Err(BeatRefused::NotExpected(_)) => Err(not_expected()),
        Err(error @ BeatRefused::Replayed { .. }) => {
            Err(Problem::new(problem::HEARTBEAT_REPLAYED, error.to_string()))
        }
        Err(error @ BeatRefused::Ahead { .. }) => {
            Err(Problem::new(problem::HEARTBEAT_AHEAD, error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let at = |text: &str| serde_json::from_str::<Beat>(text).map(|beat| beat.at_ms).ok();
        assert_eq!(at(r#"{"at_ms":17}"#), Some(17));
        assert_eq!(at(r#"{"at_ms":1795761247108.0}"#), Some(1_795_761_247_108));
        for bad in ["-1", "1.5", "1e300", "\"1\"", "null"] {
            assert_eq!(at(&format!(r#"{{"at_ms":{bad}}}"#)), None, "{bad}");
        }
    }
}
