//! What a token may do: its role, and what a route needs. Enforced in one place before a route is reached, from the
//! same word that the API document shows. Not for whose token it is (`auth`, `tokens`).

use std::fmt;
use std::str::FromStr;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::Bearer;
use super::problem::{self, Problem};

/// The role of a person's token. Each may all that the one before it may.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The audit log: entries, stream, proofs, keys, and figures.
    Audit,
    /// And every view: incidents, status, explanations, sentinels, the page.
    Read,
    /// And reports: degradations, what other programs send, heartbeats.
    Write,
    /// And all else that a person may: controls, revoking, tests of channels. What tokens without a role have.
    #[default]
    Lead,
}

impl Role {
    /// All, from the least to the most.
    pub const ALL: [Self; 4] = [Self::Audit, Self::Read, Self::Write, Self::Lead];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Read => "read",
            Self::Write => "write",
            Self::Lead => "lead",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = &'static str;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.word() == word).ok_or("one of lead, write, read, audit")
    }
}

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// No token.
    Nothing,
    /// A person's token with this role or more.
    Role(Role),
    /// The same, or a sentinel's token, within its grant.
    RoleOrSentinel(Role),
}

impl Needs {
    /// Whether this bearer may.
    pub fn allow(self, bearer: Option<&Bearer>) -> Result<(), Box<Problem>> {
        let (Self::Role(needed) | Self::RoleOrSentinel(needed)) = self else { return Ok(()) };
        match bearer {
            Some(Bearer::Person { name, role }) => must_have(name, *role, needed),
            Some(Bearer::Sentinel { .. }) if matches!(self, Self::RoleOrSentinel(_)) => Ok(()),
            Some(sentinel) => Err(no_person(sentinel)),
            None => Err(Problem::new(problem::NO_TOKEN, "nobody was asked for a token")),
        }
    }
    /// The role that it names.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Nothing => None,
            Self::Role(role) | Self::RoleOrSentinel(role) => Some(role),
        }
    }
}

/// A sentinel's token where a person's is needed.
pub(super) fn no_person(bearer: &Bearer) -> Box<Problem> {
    let (Bearer::Person { name, .. } | Bearer::Sentinel { name, .. }) = bearer;
    let detail = format!("sentinel {name} may report degradations of its subsystems, nothing else");
    Problem::new(problem::PERSONS_ONLY, detail)
}

/// That a person's role is enough; else which one is needed, and how to get it.
fn must_have(name: &str, role: Role, needed: Role) -> Result<(), Box<Problem>> {
    if role >= needed {
        return Ok(());
    }
    let detail = format!("this token of {name} has the role `{role}`, and `{needed}` is needed");
    let hint = format!("the home's owner makes one: `remediator token new --role {needed} --name NAME`");
    Err(Problem::new(problem::ROLE_NEEDED, detail).hint(hint))
}

/// Lets a request through that may reach its route.
pub(super) async fn enforce(needs: Needs, request: Request, next: Next) -> Response {
    match needs.allow(request.extensions().get::<Bearer>()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_the_ones_before_it_may_and_a_sentinel_only_reports() {
        let person = |role| Bearer::Person { name: "ada".into(), role };
        for (n, needed) in Role::ALL.into_iter().enumerate() {
            for (m, role) in Role::ALL.into_iter().enumerate() {
                assert_eq!(Needs::Role(needed).allow(Some(&person(role))).is_ok(), m >= n, "{role} {needed}");
            }
            assert_eq!(needed.word().parse(), Ok(needed));
        }
        let eye = Bearer::Sentinel { name: "eye".into(), subsystems: Vec::new() };
        assert!(Needs::RoleOrSentinel(Role::Write).allow(Some(&eye)).is_ok());
        assert!(Needs::Role(Role::Audit).allow(Some(&eye)).is_err());
        assert!(Needs::Role(Role::Audit).allow(None).is_err() && Needs::Nothing.allow(None).is_ok());
        let problem = Needs::Role(Role::Lead).allow(Some(&person(Role::Read))).expect_err("no lead");
        assert!(problem.detail.contains("`read`") && problem.hint.contains("token new --role lead"));
        assert!("Lead".parse::<Role>().is_err());
    }
}
