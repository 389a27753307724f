//! What holds for every text that is shown to people: it is short and moves no cursor.

/// Bytes of a message with its place, an excerpt and a hint: more is a page that nobody reads.
const BYTES_MAX: usize = 4 * 1024;

/// Whether a text can be printed and recorded as it is.
#[track_caller]
pub fn is_fit(text: impl std::fmt::Display) {
    let text = text.to_string();
    assert!(text.len() <= BYTES_MAX, "{} bytes: {}", text.len(), text.escape_debug());
    let control = text.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t');
    assert!(control.is_none(), "a control character: {}", text.escape_debug());
}

/// The same for one line.
#[track_caller]
pub fn is_line(text: impl std::fmt::Display) {
    let text = text.to_string();
    is_fit(&text);
    assert!(!text.contains('\n'), "several lines: {}", text.escape_debug());
}

/// Whether a value can stand in an entry: no floats, and integers that every JSON reader keeps.
#[track_caller]
pub fn is_strict(value: &serde_json::Value) {
    use serde_json::Value;
    const MAX: u64 = (1 << 53) - 1;
    match value {
        Value::Number(n) => {
            let small = n.as_i64().map(i64::unsigned_abs).or(n.as_u64()).is_some_and(|n| n <= MAX);
            assert!(small, "{n} cannot stand in an entry");
        }
        Value::Array(items) => items.iter().for_each(is_strict),
        Value::Object(members) => members.values().for_each(is_strict),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The input cut at lines `%%`: several files in one input.
pub fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    const MARK: &[u8] = b"\n%%\n";
    let (mut parts, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        parts.push(&rest[..=at]);
        rest = &rest[at + MARK.len()..];
    }
    parts.push(rest);
    parts
}
