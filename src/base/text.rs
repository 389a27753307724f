//! Outside text: what other programs wrote, made safe to keep and to show.
//! Control characters (but tab and newline) become U+FFFD; long text goes to a blob.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digest::Blake3;

/// Text from outside, in the entry or in a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum OutsideText {
    /// At most [`super::limits::TEXT_INLINE_BYTES_MAX`] bytes, in the entry itself.
    Text(String),
    /// Content-addressed: the blob was durable before the entry that names it.
    Blob(Blake3),
}

impl OutsideText {
    /// Cleaned text that is known to be short.
    pub fn inline(text: &str) -> Self {
        Self::Text(clean(text))
    }
}

/// Replaces control characters but tab and newline by U+FFFD (C0, DEL, C1).
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' && c != '\n' { '\u{FFFD}' } else { c }).collect()
}

/// Somebody else's words within one of our messages: cleaned, without invisible characters, and cut to so many bytes.
pub fn shown(text: &str, bytes_max: usize) -> String {
    const CUT: &str = "…";
    let mut out = clean(text).replace(is_invisible, "\u{FFFD}");
    if out.len() > bytes_max {
        out.truncate(clip(&out, bytes_max.saturating_sub(CUT.len())).len());
        out.push_str(CUT);
    }
    out
}

/// Characters that show nothing themselves and change how what stands around them is shown: names with them can look
/// like other names.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// A path or a name as a shell takes it: what somebody pastes is one word, whatever is in it.
pub fn for_shell(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+:@%=,".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) && !text.starts_with('-') {
        return text.to_owned();
    }
    // What does not show, or breaks the line, is written out as bash and zsh read it.
    if text.contains(|c: char| c.is_control() || is_invisible(c)) {
        let written = |c: char| match c {
            '\'' | '\\' => format!("\\{c}"),
            c if c.is_control() || is_invisible(c) => {
                c.to_string().bytes().map(|byte| format!("\\x{byte:02x}")).collect()
            }
            c => c.to_string(),
        };
        return format!("$'{}'", text.chars().map(written).collect::<String>());
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The longest prefix of `text` that is at most `bytes_max` bytes and ends on a character boundary.
pub fn clip(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// A file name for any name: letters, digits, `_`, `-` and inner `.` as they are, the rest percent-encoded.
/// Two names never share a file, none leaves its folder, and a long one ends in its digest.
pub fn file_name(name: &str) -> String {
    const PLAIN_MAX: usize = 160;
    let mut out = String::with_capacity(name.len());
    for (i, byte) in name.bytes().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => out.push(char::from(byte)),
            b'.' if i > 0 => out.push('.'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    if out.is_empty() {
        return "%".to_owned();
    }
    if out.len() > PLAIN_MAX {
        out.truncate(PLAIN_MAX);
        out.push('~');
        out.push_str(&Blake3::of(name.as_bytes()).to_string());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced_and_layout_is_kept() {
        assert_eq!(clean("a\tb\nc\u{1b}[31m\r\u{9b}x\u{7f}"), "a\tb\nc\u{FFFD}[31m\u{FFFD}\u{FFFD}x\u{FFFD}");
    }

    #[test]
    fn what_others_say_is_shown_short_and_harmless() {
        assert_eq!(shown("a\u{1b}[2J\u{202E}b\n", 99), "a\u{FFFD}[2J\u{FFFD}b\n");
        assert_eq!(shown("abcdef", 6), "abcdef");
        assert_eq!(shown("abcdefg", 6), "abc…");
        assert_eq!(shown(&"é".repeat(9_000), 512).len(), 511);
        assert_eq!(shown(&"\u{1b}".repeat(9_000), 512).len(), 510);
    }

    #[test]
    fn clipping_never_splits_a_character() {
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip("aé", 3), "aé");
    }

    #[test]
    fn file_names_stay_in_their_folder_and_apart() {
        for (name, file) in
            [("service:web", "service%3Aweb"), ("../x", "%2E.%2Fx"), ("", "%"), ("a.b", "a.b")]
        {
            assert_eq!(file_name(name), file);
        }
        let (a, b) = ("x".repeat(300) + "a", "x".repeat(300) + "b");
        assert_ne!(file_name(&a), file_name(&b));
        assert!(file_name(&"ü".repeat(4096)).len() < 255);
    }

    #[test]
    fn one_word_for_a_shell_whatever_is_in_it() {
        for (text, word) in [
            ("/srv/home-1", "/srv/home-1"),
            ("/srv/my home", "'/srv/my home'"),
            ("it's; rm", r"'it'\''s; rm'"),
            ("", "''"),
            ("-rf", "'-rf'"),
            ("a\nb'c\\d", r"$'a\x0ab\'c\\d'"),
            ("a\u{202E}b", r"$'a\xe2\x80\xaeb'"),
        ] {
            assert_eq!(for_shell(text), word);
        }
    }
}
