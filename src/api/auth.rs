//! Who speaks: the bearer token of a request, or the session that stands for one, checked before its route is reached.
//! Not for: what a route allows.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::problem::{self, Problem};
use super::{Api, Bearer, Role, origin, roles};
use crate::base::digest::Blake3;

/// The session that a request rests on, by its id.
#[derive(Clone)]
pub(super) struct BySession(pub String);

/// Lets a request with a known token through, with its [`Bearer`].
pub(super) async fn bearer(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    match of(&api, request.method(), request.headers()) {
        Ok((bearer, session)) => {
            request.extensions_mut().insert(bearer);
            if let Some(session) = session {
                request.extensions_mut().insert(session);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Who it is, and by which session if by one.
type Known = (Bearer, Option<BySession>);

fn of(api: &Api, method: &Method, headers: &HeaderMap) -> Result<Known, Box<Problem>> {
    match (headers.get(header::AUTHORIZATION), origin::cookie(headers)) {
        (Some(value), _) => Ok((by_token(api, value)?, None)),
        (None, Some(id)) => by_session(api, id, method, headers),
        (None, None) => Err(Problem::new(problem::NO_TOKEN, "there is no Authorization header")),
    }
}

fn by_session(api: &Api, id: &str, method: &Method, headers: &HeaderMap) -> Result<Known, Box<Problem>> {
    origin::check(&api.place, method, headers)?;
    let known = api.sessions.person(id, &api.tokens.now(), now_s());
    let known = known.map(|bearer| (bearer, Some(BySession(id.to_owned()))));
    known.ok_or_else(|| Problem::new(problem::SESSION_ENDED, "no session has this cookie"))
}

/// Unix seconds.
pub(super) fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn by_token(api: &Api, value: &HeaderValue) -> Result<Bearer, Box<Problem>> {
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let Some(token) = token else {
        return Err(Problem::new(problem::NO_TOKEN, "the Authorization header is not `Bearer TOKEN`"));
    };
    let known = api.tokens.now().verify(token).cloned().or_else(|| granted(api, token));
    known.ok_or_else(|| Problem::new(problem::BAD_TOKEN, "no person or sentinel has this token"))
}

/// An external sentinel whose grant is in force: the journal holds a hash of its token, and nothing else.
fn granted(api: &Api, token: &str) -> Option<Bearer> {
    let (name, subsystems) = api.daemon.audit()?.granted(&Blake3::of(token.as_bytes()))?;
    Some(Bearer::Sentinel { name, subsystems })
}

/// A person's name and role; a sentinel can only publish (RM-1).
pub(super) fn person(bearer: &Bearer) -> Result<(&str, Role), Box<Problem>> {
    match bearer {
        Bearer::Person { name, role } => Ok((name, *role)),
        Bearer::Sentinel { .. } => Err(roles::no_person(bearer)),
    }
}

/// Who it is, as entries name whoever ordered something.
pub(super) fn by(bearer: &Bearer) -> Result<String, Box<Problem>> {
    Ok(format!("person:{}", person(bearer)?.0))
}
