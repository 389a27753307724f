//! What an event may hold at all: its JSON fits a line, its integers are exact in every reader. Asked before an event
//! is decided, because behind that only the whole journal could refuse it.
//! Not for the strict form of a line: that is `journal`.

use super::Event;
use crate::base::limits::{EVENT_BYTES_MAX, INTEGER_MAX};

impl Event {
    /// Whether this event can become an entry; else what is beyond which bound.
    pub fn check_bounds(&self) -> Result<(), String> {
        let data = self.data().map_err(|error| format!("cannot be written as JSON: {error}"))?;
        if data.len() > EVENT_BYTES_MAX {
            return Err(format!("has {} bytes, at most {EVENT_BYTES_MAX}", data.len()));
        }
        match numbers(&data).find(|digits| digits.parse::<u64>().map_or(true, |n| n > INTEGER_MAX)) {
            Some(number) => Err(format!("holds the integer {number}, beyond 2^53 - 1")),
            None => Ok(()),
        }
    }
}

/// Digits of every number of a JSON text that serde wrote.
fn numbers(json: &str) -> impl Iterator<Item = &str> {
    let bytes = json.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => at = end_of_string(bytes, at),
                b'0'..=b'9' => {
                    let start = at;
                    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                        at += 1;
                    }
                    return json.get(start..at);
                }
                _ => at += 1,
            }
        }
        None
    })
}

/// The place behind the string that begins at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::control::Paused;
    use crate::event::incident::IncidentCoalesced;
    use crate::event::process::ClockStepped;

    #[test]
    fn numbers_are_found_outside_strings_only() {
        let text = r#"{"a1":"2\\","b":[3,-45],"c\"6":{"d":7},"e":"8\\\"9"}"#;
        assert_eq!(numbers(text).collect::<Vec<_>>(), ["3", "45", "7"]);
        assert_eq!(numbers("\"1").count(), 0);
    }

    #[test]
    fn what_no_line_can_hold_is_named() {
        let said = |event: Event| event.check_bounds().err().unwrap_or_default();
        assert_eq!(said(IncidentCoalesced { count: INTEGER_MAX }.into()), "");
        assert!(said(IncidentCoalesced { count: INTEGER_MAX + 1 }.into()).contains("9007199254740992"));
        assert!(said(ClockStepped { last_us: 0, now_us: i64::MIN }.into()).contains("beyond"));
        let long = Paused { by: "x".into(), reason: "y".repeat(EVENT_BYTES_MAX) };
        assert!(said(long.into()).contains("at most"));
    }
}
