//! The written form of sealed text: text about a subject (a customer, a tenant, a person) that is ciphertext wherever it is
//! kept, so that it is forgotten when its key is destroyed. Found, masked and replaced here, also in the midst of other
//! text; pure, and without any key. Not for keys, sealing and opening: that is `subject`.
//!
//! `sealed:1:ID:BODY;` with the id of the subject's key (several, joined by `+`, where text is of several subjects), and
//! in BODY, URL-safe base64 without padding, the nonce and the ciphertext. The `;` tells whole text from cut-off text.

use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::ids::SubjectId;
use super::limits::SEALED_SUBJECTS_MAX;

/// What every sealed text begins with; 1 is the version of the form.
pub const PREFIX: &str = "sealed:1:";
/// What stands for sealed text where nobody opens it.
pub const MASK: &str = "(sealed)";
const END: char = ';';

/// One sealed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// Whose keys it takes, all of them.
    pub subjects: BTreeSet<SubjectId>,
    /// What it says up to the body: bound to the ciphertext.
    pub head: &'a str,
    body: &'a str,
}

impl Sealed<'_> {
    /// Nonce and ciphertext; none when it was tampered with.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(self.body).ok()
    }
}

/// What a sealed text of these subjects begins with, up to its body.
pub fn head(subjects: &BTreeSet<SubjectId>) -> String {
    let ids: Vec<String> = subjects.iter().map(ToString::to_string).collect();
    format!("{PREFIX}{}:", ids.join("+"))
}

/// Sealed text as it is written.
pub fn written(head: &str, nonce_and_ciphertext: &[u8]) -> String {
    format!("{head}{}{END}", URL_SAFE_NO_PAD.encode(nonce_and_ciphertext))
}

/// Whether all of the text is one sealed text.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(PREFIX) && matches!(next(text), Found::Whole(_, end) if end == text.len())
}

/// The text with [`MASK`] in place of what is sealed: for whoever is to read it and must not keep it.
pub fn masked(text: &str) -> Cow<'_, str> {
    replaced(text, &mut |_| MASK.to_owned())
}

/// The longest beginning of at most so many bytes, or all of a text that is sealed as a whole: a piece of that is nothing.
pub fn clip(text: &str, bytes_max: usize) -> &str {
    if is_sealed(text) { text } else { super::text::clip(text, bytes_max) }
}

/// The text with each sealed text in it replaced by what `open` makes of it; what was cut off is masked.
pub fn replaced<'a>(text: &'a str, open: &mut dyn FnMut(&Sealed<'_>) -> String) -> Cow<'a, str> {
    let Some(mut at) = text.find(PREFIX) else { return Cow::Borrowed(text) };
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    loop {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = match next(from) {
            Found::Whole(sealed, end) => {
                out.push_str(&open(&sealed));
                end
            }
            Found::CutOff(end) => {
                out.push_str(MASK);
                end
            }
            Found::Words => {
                out.push_str(PREFIX);
                PREFIX.len()
            }
        };
        rest = from.get(end..).unwrap_or_default();
        match rest.find(PREFIX) {
            Some(next) => at = next,
            None => {
                out.push_str(rest);
                return Cow::Owned(out);
            }
        }
    }
}

enum Found<'a> {
    /// One, and where it ends.
    Whole(Sealed<'a>, usize),
    /// The beginning of one, and where that ends.
    CutOff(usize),
    /// Somebody wrote these words.
    Words,
}

/// What stands at the beginning of a text that begins with [`PREFIX`].
fn next(text: &str) -> Found<'_> {
    let run = |from: usize, fits: &dyn Fn(u8) -> bool| {
        let rest = text.as_bytes().get(from..).unwrap_or_default();
        from + rest.iter().position(|byte| !fits(*byte)).unwrap_or(rest.len())
    };
    let ids_end = run(PREFIX.len(), &|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'+');
    if ids_end == text.len() {
        return Found::CutOff(ids_end);
    }
    let ids = text.get(PREFIX.len()..ids_end).unwrap_or_default();
    let subjects: Option<BTreeSet<SubjectId>> = ids.split('+').map(|id| id.parse().ok()).collect();
    let Some(subjects) = subjects.filter(|all| all.len() <= SEALED_SUBJECTS_MAX) else { return Found::Words };
    if text.as_bytes().get(ids_end) != Some(&b':') {
        return Found::Words;
    }
    let from = ids_end + 1;
    let end = run(from, &|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    match (text.get(..from), text.get(from..end)) {
        (Some(head), Some(body)) if text.as_bytes().get(end) == Some(&(END as u8)) => {
            Found::Whole(Sealed { subjects, head, body }, end + END.len_utf8())
        }
        _ => Found::CutOff(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &[&str]) -> BTreeSet<SubjectId> {
        ids.iter().map(|id| id.parse().expect("an id")).collect()
    }

    #[test]
    fn sealed_text_is_found_also_in_the_midst_of_other_text() {
        let subjects = of(&["0123456789abcdef", "00000000000000aa"]);
        let token = written(&head(&subjects), b"nonce and more");
        assert!(is_sealed(&token) && !is_sealed(&format!("{token}.")) && !is_sealed("words"));
        let text = format!("reported again: {token}{token}, \"sealed:1:\" are words");
        let mut seen = Vec::new();
        let opened = replaced(&text, &mut |sealed| {
            seen.push((sealed.subjects.clone(), sealed.bytes().expect("base64"), sealed.head.to_owned()));
            "X".into()
        });
        assert_eq!(opened, "reported again: XX, \"sealed:1:\" are words");
        assert_eq!(seen[0], (subjects.clone(), b"nonce and more".to_vec(), head(&subjects)));
        assert_eq!(masked("nothing"), "nothing");
    }

    #[test]
    fn what_was_cut_off_is_masked_and_never_clipped() {
        let token = written(&head(&of(&["0123456789abcdef"])), &[7; 90]);
        for end in PREFIX.len()..token.len() {
            let masked = masked(&token[..end]).into_owned();
            assert!(masked == MASK || masked.starts_with(PREFIX), "{masked}");
            assert!(end <= PREFIX.len() + 16 || masked == MASK, "{masked}");
        }
        assert_eq!(clip(&token, 20), token);
        assert_eq!(clip("some words", 4), "some");
    }
}
