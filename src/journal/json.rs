//! The strict form of JSON in a line: no blanks outside strings, one way to write each string and number,
//! no floats, no duplicate members. Checks only; reading values is serde's work.

pub use crate::base::limits::INTEGER_MAX;

/// Deeper than any payload of ours; bounds the recursion.
const DEPTH_MAX: usize = 64;

/// Members of an object above which duplicates are looked for by sorting.
const FEW_MEMBERS: usize = 16;

/// Checks that `text` is one JSON value in strict form. The error is the byte and what is wrong there.
pub fn check(text: &str) -> Result<(), (usize, &'static str)> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0, names: Vec::new() };
    scan.value(0)?;
    if scan.at < scan.bytes.len() {
        return Err((scan.at, "bytes after the end of the value"));
    }
    Ok(())
}

type Checked = Result<(), (usize, &'static str)>;

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Names of the members of all objects that are open, innermost last.
    names: Vec<&'a [u8]>,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fail(&self, what: &'static str) -> Checked {
        Err((self.at, what))
    }

    fn value(&mut self, depth: usize) -> Checked {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') if depth < DEPTH_MAX => self.object(depth),
            Some(b'[') if depth < DEPTH_MAX => self.array(depth),
            Some(b'{' | b'[') => self.fail("nested too deeply"),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.fail("no JSON value without blanks"),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Checked {
        if !self.bytes[self.at..].starts_with(word) {
            return self.fail("no JSON value");
        }
        self.at += word.len();
        Ok(())
    }

    fn integer(&mut self) -> Checked {
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let start = self.at;
        let mut value: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.at - start;
        if digits == 0 || (digits > 1 && self.bytes[start] == b'0') || (negative && value == 0) {
            return self.fail("not a plain integer");
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return self.fail("a float");
        }
        if value > INTEGER_MAX {
            return self.fail("an integer beyond 2^53 - 1");
        }
        Ok(())
    }

    fn string(&mut self) -> Result<&'a [u8], (usize, &'static str)> {
        let start = self.at + 1;
        self.at = start;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err((self.at, "a raw control character")),
                Some(_) => self.at += 1,
                None => return Err((self.at, "a string that does not end")),
            }
        }
        let inner = &self.bytes[start..self.at];
        self.at += 1;
        Ok(inner)
    }

    /// Only what cannot stand for itself is escaped, and in the shortest form.
    fn escape(&mut self) -> Checked {
        let rest = &self.bytes[self.at + 1..];
        match rest.first() {
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let code = match rest.get(1..5) {
                    Some([b'0', b'0', high @ (b'0' | b'1'), low @ (b'0'..=b'9' | b'a'..=b'f')]) => {
                        (high - b'0') * 16 + if *low <= b'9' { low - b'0' } else { low - b'a' + 10 }
                    }
                    _ => return self.fail("an escape that is not the shortest form"),
                };
                if matches!(code, 0x08 | 0x09 | 0x0a | 0x0c | 0x0d) {
                    return self.fail("an escape that is not the shortest form");
                }
                self.at += 6;
            }
            _ => return self.fail("an escape that is not the shortest form"),
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Checked {
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.fail("expected , or ]"),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Checked {
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let mine = self.names.len();
        loop {
            if self.peek() != Some(b'"') {
                return self.fail("expected a member's name");
            }
            let name = self.string()?;
            self.new_name(mine, name)?;
            if self.peek() != Some(b':') {
                return self.fail("expected :");
            }
            self.at += 1;
            self.value(depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.fail("expected , or }"),
            }
        }
        self.all_different(mine)?;
        self.names.truncate(mine);
        self.at += 1;
        Ok(())
    }

    fn new_name(&mut self, mine: usize, name: &'a [u8]) -> Checked {
        if self.names.len() - mine < FEW_MEMBERS && self.names[mine..].contains(&name) {
            return self.fail("a member twice");
        }
        self.names.push(name);
        Ok(())
    }

    fn all_different(&mut self, mine: usize) -> Checked {
        if self.names.len() - mine <= FEW_MEMBERS {
            return Ok(());
        }
        let names = &mut self.names[mine..];
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return self.fail("a member twice");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_strict_form_passes_and_everything_else_is_named() {
        for good in ["{}", "[]", r#"{"a":[1,-2,true,null,"x\n\"\u001f"],"b":{"a":9007199254740991}}"#] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "{} ",
            "{ }",
            r#"{"a":1,"a":2}"#,
            "1.5",
            "1e3",
            "01",
            "-0",
            "9007199254740992",
            r#""\u0041""#,
            r#""\u000a""#,
            r#""\/""#,
            "\"\n\"",
            "[1,]",
            r#"{"a"}"#,
            "tru",
            "\"",
            "\\",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&"[".repeat(1000)).is_err());
        let many: Vec<String> = (0..100).map(|i| format!("\"k{}\":1", i % 99)).collect();
        assert!(check(&format!("{{{}}}", many.join(","))).is_err());
    }

    proptest! {
        #[test]
        fn what_serde_writes_is_strict(text in "\\PC{0,40}", raw in proptest::collection::vec(any::<u32>(), 0..20)) {
            let chars: String = raw.iter().filter_map(|c| char::from_u32(c % 0x2ff)).collect();
            let value = serde_json::json!({"a": text, "b": [chars, 1, -5, null], "c": {}});
            prop_assert_eq!(check(&value.to_string()), Ok(()));
        }

        #[test]
        fn nothing_makes_it_panic(text in "[\\[\\]{}\",:\\\\u0-9a-f.\\- ]{0,60}") {
            if check(&text).is_ok() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            }
        }
    }
}
