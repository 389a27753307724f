//! What stands in an address: parameters of the query read from text, and the shapes that the API document gives for them.
//! What a shape allows is what reading accepts. Not for which route takes which (`routes`).

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::problem::{self, Problem};
use crate::base::ids::Seq;
use crate::base::limits::INTEGER_MAX;

/// A parameter of the query, decoded as far as words and numbers need it.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    query.unwrap_or_default().split('&').find_map(|pair| match pair.split_once('=') {
        Some((key, value)) if key == name => Some(value.replace("%2D", "-").replace('+', " ")),
        None if pair == name => Some(String::new()),
        _ => None,
    })
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
    fn a_parameter_that_cannot_be_read_is_named() {
        let limit = |query| read::<Limit>(Some(query), "limit");
        assert_eq!(limit("a=1&limit=5"), Ok(Some(Limit(5))));
        assert_eq!(limit("limits=5"), Ok(None));
        let problem = limit("limit=many").expect_err("no number");
        assert_eq!((problem.code.as_str(), problem.field.as_deref()), ("BAD_PARAMETER", Some("limit")));
    }
}
