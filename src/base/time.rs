//! Time as data: an instant stamped at the edge, and durations as people write them (`30s`, `24h`).
//! Nothing here reads a clock; the clock is in `remediator::clock`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment: the wall for people, the monotonic clock for measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Unix time in microseconds (informational; may step).
    pub time_us: i64,
    /// Milliseconds of CLOCK_BOOTTIME (only comparable within one boot of the operating system).
    pub mono_ms: u64,
}

/// A span in milliseconds. In files people write: a number and a unit, `250ms`, `30s`, `5m`, `24h`, `7d`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

/// Longest span anybody may write: a year. Above it a typing error is likelier than a wish.
const SPAN_MS_MAX: u64 = 366 * 86_400_000;

/// A duration that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a duration: `{0}` (write a whole number and a unit: 250ms, 30s, 5m, 24h, 7d; at most 366d)")]
pub struct SpanError(String);

impl Span {
    /// A span of whole milliseconds. At most 366 days: a longer one could be written but not read back.
    pub const fn from_ms(ms: u64) -> Self {
        Self(if ms > SPAN_MS_MAX { SPAN_MS_MAX } else { ms })
    }
    /// A span of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_ms(secs.saturating_mul(1000))
    }
    /// Milliseconds.
    pub const fn ms(self) -> u64 {
        self.0
    }
    /// As the standard library's duration.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
    /// Parses the written form.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let fail = || SpanError(text.chars().take(40).collect());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text.get(..digits).and_then(|n| n.parse().ok()).ok_or_else(fail)?;
        let unit_ms = match text.get(digits..) {
            Some("ms") => 1,
            Some("s") => 1_000,
            Some("m") => 60_000,
            Some("h") => 3_600_000,
            Some("d") => 86_400_000,
            _ => return Err(fail()),
        };
        match number.checked_mul(unit_ms) {
            Some(ms) if ms <= SPAN_MS_MAX => Ok(Self(ms)),
            _ => Err(fail()),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit_ms, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
            if self.0 >= unit_ms && self.0.is_multiple_of(unit_ms) {
                return write!(f, "{}{unit}", self.0 / unit_ms);
            }
        }
        write!(f, "{}ms", self.0)
    }
}
impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for Span {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}
impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|h|d)$",
            "description": "A duration: a whole number and a unit, such as 250ms, 30s, 5m, 24h or 7d."
        })
    }
}

/// Where looking back begins, as people write it: so long ago (`24h`), or a moment (`2026-01-31T08:00:00Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So long before now.
    Ago(Span),
    /// From this wall time on, Unix µs.
    At(i64),
}

/// A beginning that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a beginning: `{0}` (write how long ago, such as 30m, 24h or 7d, or a time such as 2026-01-31T08:00:00Z)"
)]
pub struct SinceError(String);

impl Since {
    /// Parses the written form.
    pub fn parse(text: &str) -> Result<Self, SinceError> {
        if let Ok(span) = Span::parse(text) {
            return Ok(Self::Ago(span));
        }
        let at = text.parse::<jiff::Timestamp>().map(|at| Self::At(at.as_microsecond()));
        at.map_err(|_| SinceError(text.chars().take(40).collect()))
    }
    /// Unix µs, seen from `now_us`.
    pub fn time_us(self, now_us: i64) -> i64 {
        match self {
            Self::Ago(span) => now_us.saturating_sub_unsigned(span.ms().saturating_mul(1000)),
            Self::At(time_us) => time_us,
        }
    }
}

/// RFC 3339 text of a wall time, with microseconds, in UTC.
pub fn rfc3339(time_us: i64) -> String {
    match jiff::Timestamp::from_microsecond(time_us) {
        Ok(timestamp) => format!("{timestamp:.6}"),
        Err(_) => format!("@{time_us}us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_what_they_write() {
        for (text, ms) in [("0ms", 0), ("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("7d", 604_800_000)]
        {
            assert_eq!(Span::parse(text).map(Span::ms), Ok(ms), "{text}");
            assert_eq!(Span::from_ms(ms).to_string(), text);
        }
        for bad in ["", "30", "s", "-1s", "1.5s", "1 s", "99999999999999999999s", "367d", "5M"] {
            assert!(Span::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_beginning_is_a_span_or_a_moment() {
        let at = |text| Since::parse(text).map(|since| since.time_us(1_700_000_000_000_000));
        assert_eq!(at("1h"), Ok(1_699_996_400_000_000));
        assert_eq!(at("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000_000));
        assert_eq!(at("2023-11-14T23:13:20+01:00"), Ok(1_700_000_000_000_000));
        assert_eq!(at(&rfc3339(17)), Ok(17), "what is shown can be written");
        for bad in ["", "yesterday", "24", "2023-11-14", "2023-11-14T22:13:20", "400d"] {
            assert!(Since::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn wall_time_is_utc_with_microseconds() {
        assert_eq!(rfc3339(1_700_000_000_000_001), "2023-11-14T22:13:20.000001Z");
    }
}
