//! `${…}` in texts of content files: what may stand there, and how a value gets in. A value goes in as it is,
//! never split and never as an option; one that would change what a place means is refused.
//! Not for CEL (`expr`): placeholders cannot compute.

use std::collections::BTreeMap;

use crate::base::limits::NAME_BYTES_MAX;
use crate::base::text::shown;
use crate::event::degradation::DegradationSeen;

/// Names that may stand between `${` and `}`; attributes are `attributes.NAME`.
pub const NAMES: [&str; 6] = ["target", "subsystem", "code", "home", "attributes.NAME", "each"];

/// The target of a step that is done for several.
const EACH: &str = "each";

/// A placeholder that cannot be read or filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    /// `${` without `}`.
    #[error("`${{` without a closing `}}`")]
    Unclosed,
    /// A name that does not exist.
    #[error("`${{{0}}}` is no placeholder (known: {names})", names = NAMES.join(", "))]
    UnknownName(String),
    /// One that has no value here.
    #[error("`${{{name}}}` has no value: {why}")]
    NoValue {
        /// Its name.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// A value that must not stand in this place.
    #[error("the value of `${{{name}}}` may not go into {place}: it {problem}")]
    Unfit {
        /// Its name.
        name: String,
        /// Where it would go.
        place: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// A text cut at its placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Home,
    Event(&'a str),
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, PlaceholderError> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find("${") {
        let (before, tail) = rest.split_at(at);
        let end = tail.find('}').ok_or(PlaceholderError::Unclosed)?;
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(match &tail[2..end] {
            "home" => Part::Home,
            name @ ("target" | "subsystem" | "code" | EACH) => Part::Event(name),
            name if is_attribute(name) => Part::Event(name),
            name => return Err(PlaceholderError::UnknownName(shown(name, NAME_BYTES_MAX))),
        });
        rest = &tail[end + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

fn is_attribute(name: &str) -> bool {
    name.strip_prefix("attributes.").is_some_and(|key| {
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    })
}

/// Which placeholders a text may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// All but `${each}`: texts of a runbook.
    All,
    /// All of them: texts of a step that is done for several targets.
    Each,
    /// `${home}` only: texts of services and sentinels, which stand for themselves.
    HomeOnly,
    /// None at all.
    Nothing,
}

/// Checks a text without values.
pub fn check(text: &str, allowed: Allowed) -> Result<(), PlaceholderError> {
    for part in parts(text)? {
        let name = match part {
            Part::Text(_) => continue,
            Part::Home => "home",
            Part::Event(name) => name,
        };
        let why = match allowed {
            Allowed::Each => continue,
            Allowed::All if name != EACH => continue,
            Allowed::All => "only a step with `targets` has it",
            Allowed::HomeOnly if name == "home" => continue,
            Allowed::HomeOnly => "there is no degradation here; only ${home} may be used",
            Allowed::Nothing => "no placeholder may stand here",
        };
        return Err(PlaceholderError::NoValue { name: shown(name, NAME_BYTES_MAX), why });
    }
    Ok(())
}

/// Where a text goes, which decides what a value from an event may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// One element of an argv.
    Argument,
    /// The value of an environment variable.
    Environment,
    /// A working directory or the path of a pid file.
    Path,
    /// A URL.
    Url,
    /// The name of a lock.
    Lock,
    /// A service's id or a process name.
    Name,
    /// A message for people.
    Message,
}

impl Place {
    fn word(self) -> &'static str {
        match self {
            Self::Argument => "an argument",
            Self::Environment => "the environment",
            Self::Path => "a path",
            Self::Url => "a URL",
            Self::Lock => "a lock name",
            Self::Name => "a name",
            Self::Message => "a message",
        }
    }

    /// What is wrong with a value from an event in this place.
    fn unfit(self, value: &str, opens: bool) -> Option<&'static str> {
        match self {
            Self::Message => None,
            _ if value.chars().any(char::is_control) => Some("holds control characters"),
            _ if climbs(value) > 0 => Some("climbs with `..`"),
            Self::Argument if opens && value.starts_with('-') => {
                Some("would begin the argument as an option")
            }
            Self::Path if value.contains('/') || value == "." => Some("holds a `/` or is `.`"),
            Self::Url if !value.chars().all(|c| c.is_ascii_alphanumeric() || "._~-:".contains(c)) => {
                Some("holds characters that mean something in a URL")
            }
            _ => None,
        }
    }
}

/// The values for one degradation.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    home: &'a str,
    event: Option<&'a DegradationSeen>,
    each: Option<String>,
}

impl<'a> Values<'a> {
    /// For a degradation.
    pub fn of_event(home: &'a str, event: &'a DegradationSeen) -> Self {
        Self { home, event: Some(event), each: None }
    }
    /// Without one.
    pub fn of_home(home: &'a str) -> Self {
        Self { home, event: None, each: None }
    }
    /// The same for one of several targets.
    pub fn for_each(&self, target: &str) -> Self {
        Self { each: Some(target.to_owned()), ..self.clone() }
    }

    fn value(&self, name: &str) -> Result<&str, PlaceholderError> {
        let none = |why| PlaceholderError::NoValue { name: shown(name, NAME_BYTES_MAX), why };
        if name == EACH {
            return self.each.as_deref().ok_or_else(|| none("only a step with `targets` has it"));
        }
        let event = self.event.ok_or_else(|| none("there is no degradation here"))?;
        let value = match name {
            "target" => &event.target,
            "subsystem" => &event.subsystem,
            "code" => &event.code,
            other => {
                let attributes: &BTreeMap<String, String> = &event.attributes;
                let key = other.strip_prefix("attributes.").unwrap_or(other);
                attributes.get(key).ok_or_else(|| none("the degradation has no such attribute"))?
            }
        };
        if value.is_empty() { Err(none("it is empty")) } else { Ok(value) }
    }

    /// The text with every placeholder replaced.
    pub fn fill(&self, text: &str, place: Place) -> Result<String, PlaceholderError> {
        let mut out = String::with_capacity(text.len() + 32);
        // The same with a letter for each value from outside.
        let mut own = String::with_capacity(text.len() + 32);
        let mut last = None;
        for part in parts(text)? {
            match part {
                Part::Text(text) => {
                    out.push_str(text);
                    own.push_str(text);
                }
                Part::Home if self.home.is_empty() => {
                    let why = "the content folder has no path here";
                    return Err(PlaceholderError::NoValue { name: "home".into(), why });
                }
                Part::Home => {
                    out.push_str(self.home);
                    own.push_str(self.home);
                }
                Part::Event(name) => {
                    let value = self.value(name)?;
                    if let Some(problem) = place.unfit(value, out.is_empty()) {
                        let (name, place) = (shown(name, NAME_BYTES_MAX), place.word());
                        return Err(PlaceholderError::Unfit { name, place, problem });
                    }
                    out.push_str(value);
                    own.push('x');
                    last = Some(name);
                }
            }
        }
        // A `.` beside another one climbs as well, though no value holds two.
        if let (Some(name), true) = (last, place != Place::Message && climbs(&out) > climbs(&own)) {
            let problem = "climbs with `..`, together with what stands beside it";
            return Err(PlaceholderError::Unfit {
                name: shown(name, NAME_BYTES_MAX),
                place: place.word(),
                problem,
            });
        }
        Ok(out)
    }
}

/// How often a text leads one folder up.
fn climbs(text: &str) -> usize {
    text.split(['/', '\\']).filter(|part| *part == "..").count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::testing::seen;

    #[test]
    fn values_go_in_whole_and_missing_ones_refuse() {
        let event = seen("web 1; rm -rf /", &[("good", "/var/x y"), ("empty", ""), ("opt", "--force")]);
        let values = Values::of_event("/srv/home", &event);
        let fill = |text: &str| values.fill(text, Place::Argument);
        assert_eq!(fill("${target}").as_deref(), Ok("web 1; rm -rf /"));
        assert_eq!(fill("${home}/a-${attributes.good}$x").as_deref(), Ok("/srv/home/a-/var/x y$x"));
        assert!(matches!(fill("${attributes.none}"), Err(PlaceholderError::NoValue { .. })));
        assert!(matches!(fill("${attributes.empty}"), Err(PlaceholderError::NoValue { .. })));
        assert!(matches!(fill("${attributes.opt}"), Err(PlaceholderError::Unfit { .. })));
        assert_eq!(fill("--mode=${attributes.opt}").as_deref(), Ok("--mode=--force"));
        assert_eq!(fill("${nope}"), Err(PlaceholderError::UnknownName("nope".into())));
        assert_eq!(fill("${target"), Err(PlaceholderError::Unclosed));
        let hostile =
            fill(&format!("${{a\u{1b}[2J{}}}", "x".repeat(9_000))).expect_err("unknown").to_string();
        assert!(hostile.len() < 512 && !hostile.contains(char::is_control), "{hostile:?}");
        assert!(
            fill(&format!("${{attributes.{}}}", "x".repeat(9_000))).expect_err("none").to_string().len()
                < 512
        );
        // A value that looks like a placeholder stays text.
        let sly = seen("${home}", &[]);
        assert_eq!(Values::of_event("/h", &sly).fill("${target}", Place::Message).as_deref(), Ok("${home}"));
    }

    #[test]
    fn a_value_cannot_change_what_its_place_means() {
        let cases = [
            ("../etc", Place::Argument),
            ("a/../../etc", Place::Argument),
            ("a\nb", Place::Environment),
            ("a/b", Place::Path),
            ("evil@host", Place::Url),
            ("a/b", Place::Url),
            ("a?b", Place::Url),
            ("..", Place::Lock),
        ];
        for (target, place) in cases {
            let event = seen(target, &[]);
            let filled = Values::of_event("/h", &event).fill("x${target}", place);
            assert!(matches!(filled, Err(PlaceholderError::Unfit { .. })), "{target} {place:?}");
        }
    }

    #[test]
    fn values_do_not_climb_together_with_what_stands_beside_them() {
        let event = seen(".", &[("a", "./etc")]);
        let values = Values::of_event("/h/../k", &event);
        let places = [Place::Argument, Place::Environment, Place::Url, Place::Lock, Place::Name];
        for text in ["/x/.${target}/y", "/x/${target}.", "/x/${target}${target}", ".${attributes.a}"] {
            for place in places {
                let filled = values.fill(text, place);
                assert!(matches!(filled, Err(PlaceholderError::Unfit { .. })), "{text} {place:?}");
            }
        }
        // What the author wrote is theirs, and so is where the home is.
        assert_eq!(values.fill("../${target}", Place::Argument).as_deref(), Ok("../."));
        assert_eq!(values.fill("..${home}/${target}", Place::Lock).as_deref(), Ok("../h/../k/."));
        assert_eq!(values.fill("${target}${target}", Place::Message).as_deref(), Ok(".."));
    }

    #[test]
    fn services_and_sentinels_know_only_home() {
        assert_eq!(check("${home}/x", Allowed::HomeOnly), Ok(()));
        assert!(check("${target}", Allowed::HomeOnly).is_err());
        assert!(check("${home}", Allowed::Nothing).is_err());
        assert_eq!(check("${attributes.a-b.c}", Allowed::All), Ok(()));
        assert!(check("${attributes.a b}", Allowed::All).is_err());
    }
}
