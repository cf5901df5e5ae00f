//! The alarms of a fleet as data.
//!
//! Every alarm says in its description what it means, why it matters, what to do next, and what
//! missing data is taken for. Thresholds stand in [`threshold`], so that the dashboard draws the
//! same lines. Each alarm costs US$0.10 a month (standard resolution), so there is one for each
//! thing that someone must act on and none besides.

mod specs;

use std::collections::BTreeMap;

use plimsoll_core::catalog::Metric;

pub use specs::alarms;

/// What the name of every alarm that Plimsoll makes begins with.
pub const PREFIX: &str = "plimsoll-";

/// The thresholds, shared with the charts.
pub mod threshold {
    /// Above this a group has no room for a burst before Auto Scaling has added an instance.
    pub const CPU_PERCENT: f64 = 90.0;
    /// Above this the page cache is squeezed and the next allocation may wake the OOM killer.
    pub const MEMORY_PERCENT: f64 = 90.0;
    /// Above this there are hours rather than days left on most volumes.
    pub const DISK_PERCENT: f64 = 85.0;
    /// A line that waits longer than this is of no use to whoever looks at a fault now.
    pub const UNSENT_SECONDS: f64 = 300.0;
    /// The collector's default for a cost incident of medium severity.
    pub const RISK_USD_PER_DAY: f64 = 50.0;
    /// CloudTrail delivers within about five minutes on average; an hour means that it does not.
    /// Source: AWS CloudTrail user guide, "How CloudTrail works".
    pub const TRAIL_QUIET_SECONDS: f64 = 3_600.0;
}

/// How a value is held against the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Above is bad.
    GreaterThan,
    /// At or above is bad.
    AtLeast,
    /// Below is bad.
    LessThan,
}

impl Comparison {
    /// The operator as CloudWatch spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThan => "GreaterThanThreshold",
            Self::AtLeast => "GreaterThanOrEqualToThreshold",
            Self::LessThan => "LessThanThreshold",
        }
    }
}

/// What a period without data is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// As bad as a breach: silence is the fault.
    Breaching,
    /// As good as a value within bounds: someone else watches for silence.
    NotBreaching,
    /// Unknown: the alarm says so.
    Unknown,
}

impl Missing {
    /// `TreatMissingData` as CloudWatch spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
            Self::Unknown => "missing",
        }
    }
}

/// The statistic over a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The mean.
    Average,
    /// The greatest.
    Maximum,
    /// How many values came.
    SampleCount,
}

impl Statistic {
    /// The statistic as CloudWatch spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Average => "Average",
            Self::Maximum => "Maximum",
            Self::SampleCount => "SampleCount",
        }
    }
}

/// One alarm on one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// Its name, with [`PREFIX`].
    pub name: String,
    /// What, why, next, and what silence means; [`crate::lint::alarms`] checks the form.
    pub description: String,
    /// What is measured; only metrics of the catalog can be.
    pub metric: &'static Metric,
    /// The exact dimensions of the series.
    pub dimensions: BTreeMap<String, String>,
    /// The statistic over a period.
    pub statistic: Statistic,
    /// The length of a period in seconds.
    pub period_seconds: u32,
    /// How many periods are looked at.
    pub evaluation_periods: u32,
    /// How many of them must breach.
    pub datapoints_to_alarm: u32,
    /// How the statistic is held against the threshold.
    pub comparison: Comparison,
    /// The threshold in the metric's unit.
    pub threshold: f64,
    /// What missing data is taken for.
    pub missing: Missing,
}
