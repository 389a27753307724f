//! A route and what the API document says of it, in one place: there is no other way to add a route, so that none is
//! missing from `/openapi.json`. Not for handlers (`routes`) nor for the document's form (`document`).

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, get, post};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::Api;
use super::problem::{self, Kind};
use super::query::check_names;
use super::roles::{self, Needs, Role};

/// How a type's schema is made, without its value.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A parameter in the path, the query or a header.
pub(super) struct Parameter {
    pub place: &'static str,
    pub name: &'static str,
    pub what: &'static str,
    pub schema: SchemaOf,
}

/// One form that an answer or a body can have.
pub(super) struct Form {
    pub media: &'static str,
    pub schema: SchemaOf,
}

/// An answer that is no problem.
pub(super) struct Good {
    pub status: u16,
    pub what: &'static str,
    pub forms: Vec<Form>,
}

/// What the document says of a route, and what it needs.
pub(super) struct Operation {
    pub needs: Needs,
    pub summary: &'static str,
    pub more: &'static str,
    pub parameters: Vec<Parameter>,
    pub bodies: Vec<Form>,
    pub good: Vec<Good>,
    pub problems: Vec<(u16, &'static str)>,
}

impl Operation {
    /// A route with what it needs and its one line.
    pub fn new(needs: Needs, summary: &'static str) -> Self {
        let (parameters, bodies, good) = (Vec::new(), Vec::new(), Vec::new());
        let about = Self { needs, summary, more: "", parameters, bodies, good, problems: Vec::new() };
        let about = match needs {
            Needs::Role(_) => about.problem(&[problem::PERSONS_ONLY]),
            _ => about,
        };
        match needs.role() {
            Some(role) if role > Role::Audit => about.problem(&[problem::ROLE_NEEDED]),
            _ => about,
        }
    }
    /// More than a line.
    pub fn more(mut self, more: &'static str) -> Self {
        self.more = more;
        self
    }
    /// The `{name}` in the path.
    pub fn path<T: JsonSchema>(self, name: &'static str, what: &'static str) -> Self {
        self.parameter::<T>("path", name, what)
    }
    /// `?name=`.
    pub fn query<T: JsonSchema>(self, name: &'static str, what: &'static str) -> Self {
        let problem = problem::BAD_PARAMETER;
        self.parameter::<T>("query", name, what).problem(&[problem])
    }
    /// Every name that its query may have; `node` every one may have (`guard`).
    fn query_names(&self) -> Vec<&'static str> {
        let own = self.parameters.iter().filter(|parameter| parameter.place == "query");
        own.map(|parameter| parameter.name).chain(["node"]).collect()
    }
    /// A header of the request.
    pub fn header<T: JsonSchema>(self, name: &'static str, what: &'static str) -> Self {
        self.parameter::<T>("header", name, what)
    }
    fn parameter<T: JsonSchema>(
        mut self,
        place: &'static str,
        name: &'static str,
        what: &'static str,
    ) -> Self {
        self.parameters.push(Parameter { place, name, what, schema: schema_of::<T> });
        self
    }
    /// The JSON body, with every way in which a body can be wrong.
    pub fn body<T: JsonSchema>(self) -> Self {
        self.body_as::<T>("application/json")
    }
    /// A further form that the body may have.
    pub fn body_as<T: JsonSchema>(mut self, media: &'static str) -> Self {
        self.bodies.push(Form { media, schema: schema_of::<T> });
        self.problem(&[problem::BAD_JSON, problem::BAD_UTF8, problem::BAD_REPORT])
    }
    /// A body that is text and no JSON; what can be wrong with it is the route's own.
    pub fn body_of_text(mut self, media: &'static str) -> Self {
        self.bodies.push(Form { media, schema: schema_of::<String> });
        self
    }
    /// An answer as JSON.
    pub fn answers<T: JsonSchema>(self, status: u16, what: &'static str) -> Self {
        self.answers_as::<T>(status, what, "application/json")
    }
    /// An answer in some form; a status that was said before gets one form more.
    pub fn answers_as<T: JsonSchema>(mut self, status: u16, what: &'static str, media: &'static str) -> Self {
        let form = Form { media, schema: schema_of::<T> };
        match self.good.iter_mut().find(|good| good.status == status) {
            Some(good) => good.forms.push(form),
            None => self.good.push(Good { status, what, forms: vec![form] }),
        }
        self
    }
    /// Problems that it can answer with, besides those of every route.
    pub(super) fn problem(mut self, kinds: &[Kind]) -> Self {
        self.problems.extend(kinds.iter().map(|kind| (kind.0.as_u16(), kind.1)));
        self
    }
    /// Codes of refusals that come from the remediator.
    pub fn refusal(mut self, status: u16, codes: &[&'static str]) -> Self {
        self.problems.extend(codes.iter().map(|code| (status, *code)));
        self
    }
    /// It answers from the read model.
    pub fn reads(self) -> Self {
        self.problem(&[
            problem::NOT_READY,
            problem::REBUILDING,
            problem::BEHIND,
            problem::PRUNED,
            problem::INTERNAL,
        ])
    }
    /// It has the turn decide something and answers when that is durable.
    pub fn decides(self) -> Self {
        use problem::{FULL, INTERNAL, NOT_READY, RESERVE_ONLY, SEALED, STOPPING};
        self.problem(&[NOT_READY, FULL, RESERVE_ONLY, SEALED, STOPPING, INTERNAL])
    }
}

/// A route that refuses parameters of the query which it does not list.
fn only_known(handler: MethodRouter<Api>, known: Vec<&'static str>) -> MethodRouter<Api> {
    let known: Arc<[&'static str]> = known.into();
    handler.route_layer(from_fn(move |request: Request, next: Next| {
        let known = Arc::clone(&known);
        async move {
            match check_names(request.uri().query(), &known) {
                Ok(()) => next.run(request).await,
                Err(problem) => problem.into_response(),
            }
        }
    }))
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// One route as the document lists it.
pub(super) struct Listed {
    pub method: &'static str,
    pub path: &'static str,
    pub family: &'static str,
    pub operation: Operation,
}

/// Routes of a family, each with its place in the document.
pub(super) struct Routes {
    family: &'static str,
    router: Router<Api>,
    listed: Vec<Listed>,
}

impl Routes {
    /// None yet; `family` is the heading under which the document shows them.
    pub fn new(family: &'static str) -> Self {
        Self { family, router: Router::new(), listed: Vec::new() }
    }
    /// A GET route.
    pub fn get<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Api>,
        T: 'static,
    {
        self.route("get", path, get(handler), operation)
    }
    /// A POST route.
    pub fn post<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Api>,
        T: 'static,
    {
        self.route("post", path, post(handler), operation)
    }
    fn route(
        mut self,
        method: &'static str,
        path: &'static str,
        handler: MethodRouter<Api>,
        operation: Operation,
    ) -> Self {
        let handler = match path.starts_with("/v1/") {
            true => only_known(handler, operation.query_names()),
            false => handler,
        };
        let needs = operation.needs;
        // Outside of everything else that the route checks: who may not gets no other answer.
        let handler = match needs {
            Needs::Nothing => handler,
            _ => handler.route_layer(from_fn(move |request, next| roles::enforce(needs, request, next))),
        };
        self.router = self.router.route(path, handler);
        self.listed.push(Listed { method, path, family: self.family, operation });
        self
    }
    /// These and those of another family.
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.listed.extend(other.listed);
        self
    }
    /// Their bodies may have so many bytes.
    pub fn bodies_up_to(mut self, bytes: usize) -> Self {
        self.router = self.router.layer(DefaultBodyLimit::max(bytes));
        self
    }
    /// The router that serves them.
    pub fn into_router(self) -> Router<Api> {
        self.router
    }
    /// What the document lists.
    pub fn into_listed(self) -> Vec<Listed> {
        self.listed
    }
}
