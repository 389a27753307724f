//! `POST /login`, `POST /logout` and `GET /v1/session`: a browser's session. Not for what a session is (`sessions`) nor
//! for who may use one (`auth`, `origin`).

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::auth::{now_s, person};
use super::super::problem::{self, Problem};
use super::super::query::parameter;
use super::super::{Api, Bearer, Place, origin};
use super::{Needs, Operation, Role, Routes, body, json, page};
use crate::base::limits::SESSION_AGE_S_MAX;

/// What the page asks for first needs it: a session that may less would show nothing.
const PAGE: Needs = Needs::Role(Role::Read);
const FORM: &str = "application/x-www-form-urlencoded";

/// Those that need no token.
pub(super) fn open_routes() -> Routes {
    let of_login = Operation::new(Needs::Nothing, "Begins a browser's session with a person's token of the role read or more")
        .more(
            "The answer sets the cookie `remediator_session` (HttpOnly, SameSite=Strict; Secure unless the daemon was \
             asked at a loopback address). A session ends after 12 h without use, after 7 days, with /logout and with \
             its token, and may what that may. At most ten logins may fail in a minute, of everybody together.",
        )
        .body::<Login>()
        .body_as::<Login>(FORM)
        .answers::<Session>(200, "It has begun")
        .answers_as::<String>(303, "It has begun; the answer to a form leads to the page", "text/plain")
        .problem(&[problem::BAD_TOKEN, problem::PERSONS_ONLY, problem::ROLE_NEEDED, problem::FOREIGN_REQUEST])
        .problem(&[problem::TOO_MANY_LOGINS, problem::INTERNAL]);
    let of_logout = Operation::new(Needs::Nothing, "Ends a browser's session")
        .answers::<Ended>(200, "It is over, if there was one")
        .problem(&[problem::FOREIGN_REQUEST]);
    Routes::new("Page").post("/login", login, of_login).post("/logout", logout, of_logout)
}

pub(super) fn routes() -> Routes {
    let about =
        Operation::new(Needs::Role(Role::Audit), "Who is asking").answers::<Session>(200, "It is a person");
    Routes::new("Page").get("/v1/session", session, about)
}

/// The body of a login.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// A person's token.
    token: String,
}

/// Whose session it is.
#[derive(Serialize, JsonSchema)]
struct Session {
    v: u32,
    person: String,
    /// What the token, and the session that stands for it, may do.
    role: Role,
    /// Which page this daemon has: an open one of another daemon is to be loaded again.
    page: &'static str,
}

impl Session {
    fn of(bearer: &Bearer) -> Result<Self, Box<Problem>> {
        let (name, role) = person(bearer)?;
        Ok(Self { v: 1, person: name.to_owned(), role, page: page::version() })
    }
}

/// The answer to a logout.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SessionEnded")]
struct Ended {
    v: u32,
    ended: bool,
}

async fn login(
    State(api): State<Api>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    origin::check_login(&api.place, &headers)?;
    let now = now_s();
    api.sessions.may_try(now).map_err(|seconds| {
        Problem::new(problem::TOO_MANY_LOGINS, "nobody can log in just now").retry_after(seconds)
    })?;
    // What curl sends with -d is called a form and may be JSON, as everywhere here.
    let called = headers.get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(FORM.as_bytes()));
    let is_form = called && !bytes.as_ref().is_ok_and(|bytes| bytes.starts_with(b"{"));
    let token = match is_form {
        true => of_form(bytes)?,
        false => body::<Login>(bytes)?.token,
    };
    let tokens = api.tokens.now();
    let Some(stored) = tokens.stored(token.trim()) else {
        api.sessions.failed(now);
        return Err(Problem::new(problem::BAD_TOKEN, "no person has this token").hint(
            "yours is in the home (`cat \"$REMEDIATOR_HOME/state/token\"`), or what `remediator token new` printed",
        ));
    };
    PAGE.allow(Some(&stored.bearer)).map_err(|mut problem| {
        problem.detail = format!("the page is not for this token: {}", problem.detail);
        problem
    })?;
    let session = Session::of(&stored.bearer)?;
    let id = api.sessions.begin(stored.hash, now).map_err(|error| {
        let detail = format!("the operating system gives no randomness: {error}");
        Problem::new(problem::INTERNAL, detail)
    })?;
    let mut response = match is_form {
        true => (StatusCode::SEE_OTHER, [(header::LOCATION, "/")], "logged in\n").into_response(),
        false => json(&session)?,
    };
    set_cookie(&api.place, &mut response, &headers, &id, SESSION_AGE_S_MAX)?;
    Ok(response)
}

fn of_form(bytes: Result<Bytes, BytesRejection>) -> Result<String, Box<Problem>> {
    let bytes = bytes.map_err(|e| Problem::new(problem::BAD_REPORT, e.body_text()))?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| Problem::new(problem::BAD_UTF8, "the form is not UTF-8"))?;
    parameter(Some(text), "token")
        .ok_or_else(|| Problem::new(problem::BAD_REPORT, "the form has no `token`").field("token"))
}

async fn logout(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Box<Problem>> {
    let id = origin::cookie(&headers).map(str::to_owned);
    if let Some(id) = &id {
        origin::check(&api.place, &axum::http::Method::POST, &headers)?;
        api.sessions.end(id, now_s());
    }
    let mut response = json(&Ended { v: 1, ended: id.is_some() })?;
    set_cookie(&api.place, &mut response, &headers, "", 0)?;
    Ok(response)
}

/// No script reads it, no page of others sends it, and it leaves this machine over TLS only.
fn set_cookie(
    place: &Place,
    response: &mut Response,
    asked: &HeaderMap,
    id: &str,
    age_s: u64,
) -> Result<(), Box<Problem>> {
    let secure = if origin::is_secure(place, asked) { "; Secure" } else { "" };
    let name = origin::cookie_name(asked);
    let cookie = format!("{name}={id}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}");
    let value = HeaderValue::from_str(&cookie)
        .map_err(|_| Problem::new(problem::INTERNAL, "the cookie cannot be written"))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(())
}

async fn session(Extension(bearer): Extension<Bearer>) -> Result<Response, Box<Problem>> {
    json(&Session::of(&bearer)?)
}
