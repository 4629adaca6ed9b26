//! Rows of the table, and the arithmetic behind them.

use anyhow::Result;
use std::fmt;
use std::io::Write;
use std::time::Duration;

/// One line of the table.
pub struct Row {
    /// Number of the row in the list of targets, or nothing.
    pub number: &'static str,
    /// What was measured.
    pub what: &'static str,
    /// What came out.
    pub figure: String,
    /// The limit, or whatever else helps to judge the figure, from the same run.
    pub beside: String,
    /// What was promised.
    pub target: String,
    /// How it stands.
    pub verdict: Verdict,
}

/// How a figure stands to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Reached.
    Met,
    /// Not reached.
    Missed,
    /// Not measured on this machine.
    Skipped,
    /// There is no target for it.
    Shown,
}

impl Verdict {
    /// Met if so.
    pub fn of(met: bool) -> Self {
        if met { Self::Met } else { Self::Missed }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::Skipped => "skipped",
            Verdict::Shown => "",
        };
        let Self { number, what, figure, beside, target, .. } = self;
        write!(f, "| {number} | {what} | {figure} | {beside} | {target} | {verdict} |")
    }
}

/// Writes a line of the table as soon as it is known.
pub fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Says something about the run that is no part of the table.
pub fn note(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr().lock(), "{line}")?)
}

/// Times, sorted.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl From<Vec<Duration>> for Times {
    fn from(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }
}

impl Times {
    /// The time that this share of all stayed at or below; nearest rank, `percent` of 100.
    pub fn at(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }

    /// The shortest.
    pub fn shortest(&self) -> Duration {
        self.0.first().copied().unwrap_or_default()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Milliseconds for people.
pub fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 0.1 {
        format!("{:.1} µs", ms * 1000.0)
    } else if ms < 10.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

/// Mebibytes.
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_nearest_ranks() {
        let times = Times::from((1..=200).rev().map(Duration::from_millis).collect::<Vec<_>>());
        assert_eq!((times.at(50), times.at(99)), (Duration::from_millis(100), Duration::from_millis(198)));
        assert_eq!((times.shortest(), times.longest()), (Duration::from_millis(1), Duration::from_millis(200)));
        assert_eq!(Times::default().at(99), Duration::ZERO);
    }
}
