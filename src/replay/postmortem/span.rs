//! Spans of milliseconds for people, without locale: the two largest units that matter.

/// `420 ms`, `12.4 s`, `3 min 20 s`, `5 h 10 min`, `2 d 3 h`.
pub(super) fn say(ms: u64) -> String {
    let two = |big: u64, unit: &str, small: u64, smaller: &str| match small {
        0 => format!("{big} {unit}"),
        _ => format!("{big} {unit} {small} {smaller}"),
    };
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => two(ms / 60_000, "min", ms % 60_000 / 1_000, "s"),
        3_600_000..86_400_000 => two(ms / 3_600_000, "h", ms % 3_600_000 / 60_000, "min"),
        _ => two(ms / 86_400_000, "d", ms % 86_400_000 / 3_600_000, "h"),
    }
}

/// Since the first report, as it stands in tables: `+12.4 s`.
pub(super) fn since(ms: u64) -> String {
    format!("+{}", say(ms))
}

#[cfg(test)]
mod tests {
    use super::say;

    #[test]
    fn spans_are_short_and_exact_enough() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1 s"),
            (12_430, "12.4 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (18_600_000, "5 h 10 min"),
            (183_600_000, "2 d 3 h"),
        ];
        for (ms, said) in cases {
            assert_eq!(say(ms), said);
        }
    }
}
