//! What stands in an address: parameters of the query read from text, and the shapes that the API document gives for them.
//! What a shape allows is what reading accepts. Not for which route takes which (`routes`).

use std::borrow::Cow;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::problem::{self, Problem};
use crate::base::ids::{IncidentId, Seq};
use crate::base::limits::{INTEGER_MAX, NAME_BYTES_MAX, SHOWN_BYTES_MAX};
use crate::base::text::shown;
use crate::base::time::{Since, Span};
use crate::event::Event;

/// Names and values of a query, decoded; a name alone has the value of nothing.
fn pairs(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

/// A parameter of the query.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    pairs(query).find(|(key, _)| key == name).map(|(_, value)| value)
}

/// A misspelt parameter must not be taken for none: the answer would be another one than was asked for.
pub(super) fn check_names(query: Option<&str>, known: &[&str]) -> Result<(), Box<Problem>> {
    let Some((name, _)) = pairs(query).find(|(name, _)| !known.contains(&name.as_str())) else {
        return Ok(());
    };
    let detail = format!("this route takes no parameter `{}`", shown(&name, SHOWN_BYTES_MAX));
    let all: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let hint = format!("it takes {}", all.join(", "));
    Err(Problem::new(problem::BAD_PARAMETER, detail).field(&name).hint(hint))
}

/// A parameter of the query as `T`.
pub(super) fn read<T: FromStr<Err = &'static str>>(
    query: Option<&str>,
    name: &str,
) -> Result<Option<T>, Box<Problem>> {
    let Some(text) = parameter(query, name) else { return Ok(None) };
    let bad = |what| Problem::new(problem::BAD_PARAMETER, format!("`{name}` is {what}")).field(name);
    text.parse().map(Some).map_err(bad)
}

/// An entry's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position(pub Seq);

/// Behind which entry: its position, or -1 for the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct After(pub Option<Seq>);

/// How many at most; the route has a bound of its own, and more than that is that bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit(pub usize);

/// From which wall time on, Unix µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beginning(pub i64);

/// What an entry is found by: the name of a runbook, a target, an actor or an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Called(pub String);

/// The beginning of a kind, such as `attempt.`, or a whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KindPrefix(pub String);

/// An incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Incident(pub IncidentId);

impl FromStr for Beginning {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let since = Since::parse(text).map_err(
            |_| "how long ago (30m, 24h, 7d) or an RFC 3339 time (2026-01-31T08:00:00Z; `+` is written %2B)",
        )?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self(since.time_us(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))))
    }
}

impl FromStr for Called {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or("a name of 1 to 512 bytes without control characters")
    }
}

impl FromStr for KindPrefix {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Event::KINDS.iter().any(|(kind, _)| kind.starts_with(text));
        known.then(|| Self(text.to_owned())).ok_or("the beginning of a kind of entries, such as `attempt.`")
    }
}

impl FromStr for Incident {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "the id of an incident")
    }
}

impl FromStr for Position {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seq = text.parse().ok().filter(|seq| *seq <= INTEGER_MAX);
        seq.map(Self).ok_or("a seq: a whole number from 0 on")
    }
}

impl FromStr for After {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "-1" {
            return Ok(Self(None));
        }
        let Position(seq) = text.parse().map_err(|_| "a seq, or -1 for the start")?;
        Ok(Self(Some(seq)))
    }
}

impl FromStr for Limit {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            // Digits that no number holds are still "as many as there may be".
            true => Ok(Self(text.parse().unwrap_or(usize::MAX))),
            false => Err("a whole number from 0 on"),
        }
    }
}

macro_rules! shape {
    ($name:ident, $schema:expr) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

shape!(Position, json_schema!({ "type": "integer", "minimum": 0, "maximum": INTEGER_MAX }));
shape!(After, json_schema!({ "type": "integer", "minimum": -1, "maximum": INTEGER_MAX }));
shape!(Limit, json_schema!({ "type": "integer", "minimum": 0 }));
shape!(Called, json_schema!({ "type": "string", "minLength": 1, "maxLength": NAME_BYTES_MAX }));
shape!(KindPrefix, json_schema!({ "type": "string", "examples": ["attempt.", "lock.refused"] }));

impl JsonSchema for Beginning {
    fn schema_name() -> Cow<'static, str> {
        "Beginning".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let span = generator.subschema_for::<Span>();
        json_schema!({ "anyOf": [span, { "type": "string", "format": "date-time" }] })
    }
}

impl JsonSchema for Incident {
    fn schema_name() -> Cow<'static, str> {
        "Incident".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<IncidentId>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shapes_allow_is_read_and_nothing_else() {
        assert_eq!("9007199254740991".parse(), Ok(Position(INTEGER_MAX)));
        assert_eq!("-1".parse(), Ok(After(None)));
        assert_eq!("17".parse(), Ok(After(Some(17))));
        assert_eq!("99999999999999999999999".parse(), Ok(Limit(usize::MAX)));
        for bad in ["", "-1", "x", "1.5", "9007199254740992"] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
        }
        for bad in ["", "-2", "x"] {
            assert!(bad.parse::<After>().is_err() && bad.parse::<Limit>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_and_values_are_decoded_and_unknown_names_are_refused_with_the_known_ones() {
        let query = Some("target=web%2D%2A&code=a+b&&verbose");
        assert_eq!(parameter(query, "target").as_deref(), Some("web-*"));
        assert_eq!(parameter(query, "code").as_deref(), Some("a b"));
        assert_eq!(parameter(query, "verbose").as_deref(), Some(""));
        let known = ["target", "code", "verbose"];
        assert_eq!(check_names(query, &known), Ok(()));
        assert_eq!(check_names(Some("t%61rget=x"), &known), Ok(()));
        assert_eq!(check_names(None, &known), Ok(()));
        let problem = check_names(Some("code=1&tagret=x"), &known).expect_err("misspelt");
        assert_eq!((problem.status, problem.field.as_deref()), (400, Some("tagret")));
        assert!(problem.detail.contains("`tagret`"), "{}", problem.detail);
        assert_eq!(problem.hint, "it takes `target`, `code`, `verbose`");
    }

    #[test]
    fn beginnings_kinds_and_incidents_are_read() {
        assert_eq!("2023-11-14T22:13:20Z".parse(), Ok(Beginning(1_700_000_000_000_000)));
        assert!("24h".parse::<Beginning>().is_ok() && "soon".parse::<Beginning>().is_err());
        assert!("attempt.".parse::<KindPrefix>().is_ok() && "atempt.".parse::<KindPrefix>().is_err());
        assert!("x".parse::<Incident>().is_err());
    }

    #[test]
    fn a_parameter_that_cannot_be_read_is_named() {
        let limit = |query| read::<Limit>(Some(query), "limit");
        assert_eq!(limit("a=1&limit=5"), Ok(Some(Limit(5))));
        assert_eq!(limit("limits=5"), Ok(None));
        let problem = limit("limit=many").expect_err("no number");
        assert_eq!((problem.code.as_str(), problem.field.as_deref()), ("BAD_PARAMETER", Some("limit")));
    }
}
