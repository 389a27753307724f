//! Target globs: `*` stands for any run of characters, `?` for exactly one. No escapes, no classes.

/// Whether `text` fits `pattern`. Linear in practice, at worst the product of both lengths.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, next_char(text, t)),
            Some(c) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    let from = next_char(text, from);
                    star = Some((at, from));
                    (p, t) = (at + 1, from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// Where the character after that at `at` begins.
fn next_char(text: &[u8], at: usize) -> usize {
    let rest = text[at + 1..].iter().take_while(|byte| **byte & 0xc0 == 0x80);
    at + 1 + rest.count()
}

/// Whether some text fits both patterns.
pub fn overlap(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // row[j]: whether a[i..] and b[j..] have a text in common, filled from the ends.
    let mut below = vec![false; b.len() + 1];
    for i in (0..=a.len()).rev() {
        let mut row = vec![false; b.len() + 1];
        for j in (0..=b.len()).rev() {
            row[j] = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some('*'), None) => below[j],
                (None, Some('*')) => row[j + 1],
                (Some('*'), Some(_)) => below[j] || row[j + 1],
                (Some(_), Some('*')) => row[j + 1] || below[j],
                (Some(x), Some(y)) => (*x == '?' || *y == '?' || x == y) && below[j + 1],
                _ => false,
            };
        }
        below = row;
    }
    below[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn globs_match_and_overlap() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("web-*", "web-1", true),
            ("web-*", "db-1", false),
            ("*-1", "web-11", false),
            ("w?b", "web", true),
            ("a*b*c", "a-b-b-c", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
        for (a, b, both) in [
            ("web-*", "*-1", true),
            ("web", "db", false),
            ("a*", "*b", true),
            ("a?", "a", false),
            ("*", "x", true),
        ] {
            assert_eq!(overlap(a, b), both, "{a} {b}");
        }
    }

    /// What the manual says, without thinking of speed.
    fn fits(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => fits(&pattern[1..], text) || (!text.is_empty() && fits(pattern, &text[1..])),
            (Some(c), Some(t)) => (*c == '?' || c == t) && fits(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_text_that_fits_both_shows_an_overlap(a in "[aäß*?]{0,6}", b in "[aäß*?]{0,6}", text in "[aäß]{0,6}") {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            prop_assert_eq!(matches(&a, &text), fits(&chars(&a), &chars(&text)), "{} {}", a, text);
            if matches(&a, &text) && matches(&b, &text) {
                prop_assert!(overlap(&a, &b));
            }
            prop_assert_eq!(overlap(&a, &b), overlap(&b, &a));
        }
    }
}
