//! Target `placeholders`: a text of a content file and a degradation whose values go into it. A value goes in as it is or
//! not at all, is never read as a placeholder again, and never changes what its place means.

use remediator::base::ids::{Fingerprint, Receipt};
use remediator::event::degradation::{DegradationSeen, Severity, Source};
use remediator::runbook::placeholder::{self, Allowed, Place, Values};

use super::said;

const PLACES: [Place; 7] =
    [Place::Argument, Place::Environment, Place::Path, Place::Url, Place::Lock, Place::Name, Place::Message];

/// See the module: the first line is the text, the next two are the target and an attribute.
pub fn check(bytes: &[u8]) {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let mut lines = input.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (text, target, value) = (next(), next(), next());
    for allowed in [Allowed::All, Allowed::Each, Allowed::HomeOnly, Allowed::Nothing] {
        if let Err(why) = placeholder::check(text, allowed) {
            said::is_fit(why);
        }
    }
    let seen = seen(target, value);
    let values = Values::of_event("/srv/home", &seen);
    for place in PLACES {
        match values.fill(text, place) {
            Ok(filled) => {
                assert_eq!(filled, by_hand(text, target, value), "{place:?}");
                assert_eq!(placeholder::check(text, Allowed::All), Ok(()), "filled and never checked");
                fits(&filled, text, place);
            }
            Err(why) => said::is_fit(why),
        }
    }
    match Values::of_home("/srv/home").fill(text, Place::Argument) {
        Ok(_) => assert_eq!(placeholder::check(text, Allowed::HomeOnly), Ok(())),
        Err(why) => said::is_fit(why),
    }
}

/// The same in other words.
fn by_hand(text: &str, target: &str, value: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("${") {
        out += &rest[..at];
        let end = at + rest[at..].find('}').expect("it was filled");
        out += match &rest[at + 2..end] {
            "home" => "/srv/home",
            "target" => target,
            "subsystem" => "service",
            "code" => "PROCESS_DEAD",
            "attributes.a" => value,
            other => panic!("{other} has no value"),
        };
        rest = &rest[end + 1..];
    }
    out + rest
}

fn fits(filled: &str, text: &str, place: Place) {
    if place == Place::Message {
        return;
    }
    let controls = |text: &str| text.chars().filter(|c| c.is_control()).count();
    assert_eq!(controls(filled), controls(text), "a value brought control characters along");
    if place == Place::Argument {
        assert!(text.starts_with('-') || !filled.starts_with('-'), "a value became an option: {filled:?}");
    }
    let climbs = |text: &str| text.split(['/', '\\']).filter(|part| *part == "..").count();
    // Where the home is, and what stands before it, is the author's.
    let own = climbs(&text.replace("${home}", "/srv/home"));
    assert!(climbs(filled) <= own, "a value climbs: {filled:?}");
    if place == Place::Path {
        let slashes = |text: &str| text.matches('/').count();
        let own = slashes(text) + 2 * text.matches("${home}").count();
        assert_eq!(slashes(filled), own, "a value leads elsewhere: {filled:?}");
    }
}

fn seen(target: &str, value: &str) -> DegradationSeen {
    DegradationSeen {
        subject: None,
        receipt: Receipt(uuid::Uuid::nil()),
        subsystem: "service".into(),
        code: "PROCESS_DEAD".into(),
        target: target.into(),
        severity: Severity::Error,
        summary: "gone".into(),
        detail: None,
        attributes: [("a".to_owned(), value.to_owned())].into(),
        observed_at: None,
        source: Source::Sentinel("eye".into()),
        sender_id: None,
        fingerprint: Fingerprint::of("service", "PROCESS_DEAD", target),
        actionable: true,
    }
}
