//! What changed between two versions of a YAML file, as its meaning: which step, which limit, which target. Comments,
//! spacing and the order of keys mean nothing; the order of a list does. Not for judging a change.

use serde_json::{Map, Value};

use crate::base::limits::{DIFFERENCES_MAX, EVIDENCE_BYTES_MAX};
use crate::base::text::shown;

use super::problem::Source;
use super::yaml;

/// What a file without a difference says.
pub const NOTHING: &str = "only comments, spacing or the order of keys";

/// One line for each difference, at most [`DIFFERENCES_MAX`] of them, by the path of the value: a step is named by its
/// id. Bytes that are no YAML are another file altogether.
pub fn say(before: &[u8], after: &[u8]) -> Vec<String> {
    let (Some(before), Some(after)) = (read(before), read(after)) else {
        return vec!["one of the two cannot be read".to_owned()];
    };
    let mut found = Vec::new();
    compare("", &before, &after, &mut found);
    if found.is_empty() {
        return vec![NOTHING.to_owned()];
    }
    let more = found.len().saturating_sub(DIFFERENCES_MAX);
    found.truncate(DIFFERENCES_MAX);
    found.extend((more > 0).then(|| format!("and {more} more")));
    found
}

fn read(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.trim().is_empty())?;
    yaml::typed(Source { file: "", text }).ok()
}

fn compare(at: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => members(at, old, new, found),
        (Value::Array(old), Value::Array(new)) => match (named(old), named(new)) {
            (Some(old), Some(new)) => {
                let ids =
                    |of: &[(&str, &Value)]| of.iter().map(|(id, _)| (*id).to_owned()).collect::<Vec<_>>();
                let (was, is) = (ids(&old), ids(&new));
                let map = |of: Vec<(&str, &Value)>| -> Map<String, Value> {
                    of.into_iter().map(|(id, value)| (format!("[{id}]"), value.clone())).collect()
                };
                members(at, &map(old), &map(new), found);
                let (mut a, mut b) = (was.clone(), is.clone());
                a.sort();
                b.sort();
                if a == b && was != is {
                    found.push(format!("{at}: order {} → {}", was.join(", "), is.join(", ")));
                }
            }
            _ if old.len() == new.len() && old.len() > 1 => {
                let pairs = old.iter().zip(new).enumerate();
                pairs.for_each(|(n, (old, new))| compare(&format!("{at}[{n}]"), old, new, found));
            }
            _ => found.push(both(at, before, after)),
        },
        _ => found.push(both(at, before, after)),
    }
}

/// Both sides. Of long ones what is the same at their beginning is left out: what differs must be seen.
fn both(at: &str, before: &Value, after: &Value) -> String {
    let (old, new) = (text(before), text(after));
    if old.len().max(new.len()) <= SHORT {
        return format!("{at}: {} → {}", short(before), short(after));
    }
    let same = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count().saturating_sub(CONTEXT);
    let rest =
        |text: &str| shown(&text.chars().skip(same).collect::<String>(), SHORT).replace(['\n', '\t'], " ");
    let begins = if same > 0 { format!(" (from character {} on)", same + 1) } else { String::new() };
    format!("{at}{begins}: {} → {}", rest(&old), rest(&new))
}

/// Bytes of a value that are shown.
const SHORT: usize = EVIDENCE_BYTES_MAX / 4;
/// Characters before the first difference that are shown.
const CONTEXT: usize = 20;

fn members(at: &str, old: &Map<String, Value>, new: &Map<String, Value>, found: &mut Vec<String>) {
    let below = |name: &str| match at {
        _ if name.starts_with('[') => format!("{at}{name}"),
        "" => name.to_owned(),
        _ => format!("{at}.{name}"),
    };
    for (name, value) in old {
        match new.get(name) {
            Some(now) => compare(&below(name), value, now, found),
            None => found.push(format!("{}: {} → gone", below(name), short(value))),
        }
    }
    for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        found.push(format!("{}: new: {}", below(name), short(value)));
    }
}

/// A list of things that each have an id of their own.
fn named(list: &[Value]) -> Option<Vec<(&str, &Value)>> {
    let mut ids: Vec<(&str, &Value)> = Vec::with_capacity(list.len());
    for value in list {
        let id = value.get("id")?.as_str()?;
        if ids.iter().any(|(known, _)| *known == id) {
            return None;
        }
        ids.push((id, value));
    }
    Some(ids)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn short(value: &Value) -> String {
    shown(&text(value), SHORT).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "steps:\n  - {id: a, timeout: 5s, run: {argv: [/bin/x, y]}}\n  - {id: b, timeout: 5s}\nlimits: {attempts: 3}\n";

    fn changed(from: &str, to: &str) -> Vec<String> {
        say(OLD.as_bytes(), OLD.replacen(from, to, 1).as_bytes())
    }

    #[test]
    fn a_difference_is_named_by_step_and_key() {
        assert_eq!(changed("attempts: 3", "attempts: 30"), ["limits.attempts: 3 → 30"]);
        assert_eq!(changed("timeout: 5s", "timeout: 9s"), ["steps[a].timeout: 5s → 9s"]);
        assert_eq!(changed("y]", "z]"), ["steps[a].run.argv[1]: y → z"]);
        assert_eq!(
            changed("y]", "y, z]"),
            ["steps[a].run.argv: [\"/bin/x\",\"y\"] → [\"/bin/x\",\"y\",\"z\"]"]
        );
        assert_eq!(
            changed("  - {id: b, timeout: 5s}\n", ""),
            ["steps[b]: {\"id\":\"b\",\"timeout\":\"5s\"} → gone"]
        );
        assert_eq!(changed("limits:", "priority: 4\nlimits:"), ["priority: new: 4"]);
    }

    #[test]
    fn what_means_the_same_is_no_difference_and_another_order_is_one() {
        assert_eq!(changed("steps:", "# why\nsteps:"), [NOTHING]);
        let turned = "limits: {attempts: 3}\nsteps:\n  - {id: b, timeout: 5s}\n  - {id: a, timeout: 5s, run: {argv: [/bin/x, y]}}\n";
        assert_eq!(say(OLD.as_bytes(), turned.as_bytes()), ["steps: order a, b → b, a"]);
    }

    #[test]
    fn what_differs_is_seen_however_far_behind_it_stands() {
        let long = |end: &str| format!("run: {{argv: [/bin/sh, -c, 'echo {}; {end}']}}\n", "a".repeat(3_000));
        let found = say(long("true").as_bytes(), long("touch /x").as_bytes());
        let (from, to) = ("aaaaaaaaaaaaaaaaa; true", "aaaaaaaaaaaaaaaaa; touch /x");
        assert_eq!(found, [format!("run.argv[2] (from character 2989 on): {from} → {to}")]);
    }

    #[test]
    fn many_differences_and_unreadable_files_are_bounded() {
        let many = |value: u32| (0..200).map(|i| format!("k{i}: {value}\n")).collect::<String>();
        let found = say(many(1).as_bytes(), many(2).as_bytes());
        assert_eq!(
            (found.len(), found.last().map(String::as_str)),
            (DIFFERENCES_MAX + 1, Some("and 168 more"))
        );
        assert_eq!(say(b"", OLD.as_bytes()), ["one of the two cannot be read"]);
    }
}
