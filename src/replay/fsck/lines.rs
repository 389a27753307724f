//! Lines of segment files, read from their bytes alone. A segment's content ends at the first empty line; behind it may
//! only be newlines.

use std::path::Path;

/// First seq of a segment, and its file's name.
pub(super) type Segment = (u64, String);

/// Every segment of a folder, in order.
pub(super) fn segments(folder: &Path) -> std::io::Result<Vec<Segment>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(digits) = name.strip_suffix(".ndjson")
            && digits.len() == 20
            && let Ok(first) = digits.parse()
        {
            all.push((first, name));
        }
    }
    all.sort();
    Ok(all)
}

/// Hands out each line with the byte at which it begins, until `f` has enough. A piece without LF at the end, and what
/// stands behind the padding, are handed out as lines too: whoever looks finds that they are none.
pub(super) fn each(bytes: &[u8], f: &mut dyn FnMut(&[u8], u64) -> bool) -> bool {
    let mut at = 0;
    let mut padded = false;
    while at < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n);
        match (end == at, padded) {
            (true, _) => padded = true,
            (false, _) => {
                if !f(&bytes[at..end], at as u64) {
                    return false;
                }
                if padded {
                    // Nothing may stand behind padding; it was handed out so that it is found wrong.
                    return true;
                }
            }
        }
        at = end + 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_ends_the_content_and_what_is_behind_it_is_found() {
        let lines = |bytes: &[u8]| {
            let mut found = Vec::new();
            each(bytes, &mut |line, byte| {
                found.push((String::from_utf8_lossy(line).into_owned(), byte));
                true
            });
            found
        };
        assert_eq!(lines(b"a\nbc\n\n\n"), [("a".to_owned(), 0), ("bc".to_owned(), 2)]);
        assert_eq!(lines(b"a\nb"), [("a".to_owned(), 0), ("b".to_owned(), 2)]);
        assert_eq!(lines(b"a\n\nx\ny\n"), [("a".to_owned(), 0), ("x".to_owned(), 3)]);
    }
}
