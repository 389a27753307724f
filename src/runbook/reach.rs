//! What a step reaches, as far as its text tells: the service that it names, the event's target, or something that
//! nothing in it names. `may.targets` of a proposal bounds names only, so what is unnamed needs a wider blast radius.
//! Not for judging it by a proposal (`verified`).

use super::model::Action;
use super::placeholder::Allowed;
use super::steps::Texts;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach<'a> {
    /// The service with this id, or the one that this placeholder gives.
    Service(&'a str),
    /// The event's target, or one of the step's own `targets`: a text of it has `${target}` or `${each}`.
    Target,
    /// Nothing: it waits, or tells people.
    Nothing,
    /// Something that it does not name: a program, a request, a signal or a file without the event's target.
    Unnamed,
}

/// What an action reaches.
pub(super) fn of(action: Action<'_>) -> Reach<'_> {
    let spelling = match action {
        Action::Service(step) => return Reach::Service(step.parts().1),
        Action::Signal(step) => match step.service() {
            Some(service) => return Reach::Service(service),
            None => action.spelling(),
        },
        _ => action.spelling(),
    };
    if spelling.is_harmless() {
        return Reach::Nothing;
    }
    let mut texts = Texts::new(Allowed::Each);
    spelling.texts("", &mut texts);
    let says_target = |(_, text, allowed): &(String, &str, Allowed)| {
        *allowed == Allowed::Each && (text.contains("${target}") || text.contains("${each}"))
    };
    if texts.into_found().iter().any(says_target) { Reach::Target } else { Reach::Unnamed }
}
