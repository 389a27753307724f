//! `GET /v1/explain/{what}`: why and why-not, for a seq, an incident id or a receipt.

use axum::extract::{Path, State};
use axum::response::Response;

use super::super::Api;
use super::super::problem::{self, Problem};
use super::{Needs, Operation, Role, Routes};
use crate::audit::ExplainView;
use crate::base::limits::INTEGER_MAX;

pub(super) fn routes() -> Routes {
    let about = Operation::new(Needs::Role(Role::Read), "Why and why-not")
        .more(
            "Every decision with each candidate's why, holds, limits, the authority of each attempt, and the way back \
             from there to where it came from.",
        )
        .path::<What>("what", "A seq, the id of an incident, or a receipt")
        .answers::<ExplainView>(200, "The explanation")
        .problem(&[problem::NOT_FOUND, problem::BAD_PARAMETER])
        .reads();
    Routes::new("Incidents").get("/v1/explain/{what}", explain, about)
}

/// What can be explained; only its shape.
struct What;

impl schemars::JsonSchema for What {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "What".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": INTEGER_MAX }, { "type": "string", "format": "uuid" }],
        })
    }
}

async fn explain(State(api): State<Api>, Path(what): Path<String>) -> Result<Response, Box<Problem>> {
    api.show(move |audit| audit.explain(&what)).await
}
