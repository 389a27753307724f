//! Samples and what is said of them: median, extremes, percentiles, in units that people read.

use std::time::{Duration, Instant};

/// Values of one quantity.
#[derive(Debug, Clone, Default)]
pub struct Sample(Vec<f64>);

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }
}

impl Sample {
    pub fn median(&self) -> f64 {
        self.percentile(50.0)
    }
    pub fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }
    pub fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// The value that `percent` of all do not exceed.
    pub fn percentile(&self, percent: f64) -> f64 {
        let Some(last) = self.0.len().checked_sub(1) else { return f64::NAN };
        let at = (percent / 100.0 * last as f64).round() as usize;
        self.0[at.min(last)]
    }
    /// `median (min–max) unit`
    pub fn says(&self, unit: &str) -> String {
        format!("{} ({}–{}) {unit}", number(self.median()), number(self.min()), number(self.max()))
    }
    /// `p50 …, p99 … unit (n)`
    pub fn says_tail(&self, unit: &str) -> String {
        let (p50, p99) = (number(self.median()), number(self.percentile(99.0)));
        format!(
            "p50 {p50}, p99 {p99} {unit} ({}–{}, n {})",
            number(self.min()),
            number(self.max()),
            self.len()
        )
    }
}

/// Three significant digits, thousands apart.
pub fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 1_000.0 => {
            let whole = format!("{value:.0}");
            let mut out = String::new();
            for (i, digit) in whole.chars().enumerate() {
                if i > 0 && (whole.len() - i).is_multiple_of(3) {
                    out.push(',');
                }
                out.push(digit);
            }
            out
        }
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// How long it took, in seconds, and what it gave.
pub fn timed<T>(f: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let given = f();
    (began.elapsed().as_secs_f64(), given)
}

/// Asks again and again until there is an answer; none when the time is over.
pub fn eventually<T>(patience: Duration, pause: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= until {
            return None;
        }
        std::thread::sleep(pause);
    }
}

/// Lets time pass.
pub fn pass(time: Duration) {
    eventually(time, time.min(Duration::from_millis(100)), || None::<()>);
}

/// CPU seconds (user and system) that this process has used.
pub fn cpu_seconds() -> f64 {
    let ticks = procfs::ticks_per_second() as f64;
    let stat = procfs::process::Process::myself().and_then(|me| me.stat());
    stat.map_or(f64::NAN, |stat| (stat.utime + stat.stime) as f64 / ticks)
}
