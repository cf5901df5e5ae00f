//! Policies and the alarms that start them, as the simulation asks them.

use super::policy::{Adjustment, Step};

/// An alarm: N of N points of the average.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Seconds of a point: 10, 30 or a multiple of 60.
    pub period: u32,
    /// How many points in a row must breach.
    pub points: usize,
    /// What they are compared with.
    pub threshold: f64,
    /// Whether values above it breach, else those below.
    pub above: bool,
    /// Whether the threshold itself breaches.
    pub inclusive: bool,
}

impl Watch {
    /// Whether a point breaches.
    #[must_use]
    pub fn breaches(&self, value: f64) -> bool {
        let side = if self.above {
            value > self.threshold
        } else {
            value < self.threshold
        };
        side || (self.inclusive && value.total_cmp(&self.threshold).is_eq())
    }
}

/// What a policy does.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Keeps the metric at a target.
    Track {
        /// The target.
        target: f64,
        /// Points over the target until it scales out.
        out: Watch,
        /// The alarm below which it scales in; `None` when it does not.
        low: Option<Watch>,
    },
    /// Changes the capacity by how far the metric is from the alarm's threshold.
    Step {
        /// The alarm.
        watch: Watch,
        /// How `by` of the steps is meant.
        adjustment: Adjustment,
        /// The steps.
        steps: Vec<Step>,
        /// The least change of a percentage.
        minimum: f64,
    },
    /// One change, then a pause.
    Simple {
        /// The alarm.
        watch: Watch,
        /// How `by` is meant.
        adjustment: Adjustment,
        /// Instances or percent.
        by: f64,
        /// The least change of a percentage.
        minimum: f64,
        /// Seconds after a change in which it does nothing.
        cooldown: u32,
    },
}

/// One policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// Seconds in service until an instance counts as warm; `None`: as long as it takes to warm up.
    pub warm_up: Option<u32>,
}

/// Points of target tracking's alarm that scales out. Observed for a period of 60 s in public
/// accounts; AWS does not document it, nor what it is at 10 and 30 s, where it is taken to be the
/// same.
pub const TRACK_OUT_POINTS: usize = 3;
/// Seconds that target tracking's alarm that scales in looks back. Observed: 15 points of 60 s.
pub const TRACK_IN_SECONDS: u32 = 900;
/// Share of the target below which target tracking scales in. Observed; in older accounts 0.9.
pub const TRACK_IN_SHARE: f64 = 0.7;

impl Rule {
    /// Target tracking as it was observed.
    #[must_use]
    pub fn track(
        name: &str,
        target: f64,
        period: u32,
        warm_up: Option<u32>,
        scale_in: bool,
    ) -> Self {
        let watch = |points, threshold, above| Watch {
            period,
            points,
            threshold,
            above,
            inclusive: false,
        };
        let quiet = usize::try_from(TRACK_IN_SECONDS / period.max(1)).unwrap_or(15);
        Self {
            name: name.to_owned(),
            kind: Kind::Track {
                target,
                out: watch(TRACK_OUT_POINTS, target, true),
                low: scale_in.then(|| watch(quiet, target * TRACK_IN_SHARE, false)),
            },
            warm_up,
        }
    }
}
