//! What a run is judged by.

use serde::Serialize;

/// The figures of one alternative.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measure {
    /// Decisions that raised the desired capacity.
    pub scale_outs: u32,
    /// Decisions that lowered it.
    pub scale_ins: u32,
    /// Changes that go the other way than the one before, by the hours of the history (at least
    /// one).
    pub reversals_per_hour: f64,
    /// Instance time that was ended within an hour of its launch, as a share of all. What is ended
    /// is taken to be what was launched last.
    pub wasted_share: f64,
    /// Minutes with the utilisation over the objective.
    pub minutes_over: f64,
    /// The worst utilisation by the objective.
    pub worst_ratio: f64,
    /// Mean number of instances.
    pub mean_capacity: f64,
    /// Most instances at once.
    pub most_capacity: f64,
    /// US$ for the history, On-Demand.
    pub usd_on_demand: f64,
    /// US$ for the history at the Spot prices given.
    pub usd_spot: Option<f64>,
    /// US$ for a month of 720 hours like the history, On-Demand.
    pub usd_month: f64,
    /// Seconds from the first utilisation over the objective to the next decision to scale out.
    pub first_answer_seconds: Option<u32>,
    /// Minutes in which the history has a gap; they count nowhere else.
    pub minutes_unknown: f64,
}

/// Reversals an hour from which a policy is said to thrash: a convention of Plimsoll's.
pub const THRASH_REVERSALS: f64 = 1.0;
/// Wasted share from which a policy is said to thrash: a convention of Plimsoll's.
pub const THRASH_WASTED: f64 = 0.2;

impl Measure {
    /// Why the policy thrashes, if it does.
    #[must_use]
    pub fn thrash(&self) -> Option<String> {
        if self.reversals_per_hour >= THRASH_REVERSALS {
            return Some(format!(
                "it changed direction {:.1} times an hour",
                self.reversals_per_hour
            ));
        }
        (self.wasted_share >= THRASH_WASTED).then(|| {
            format!(
                "{:.0} % of the instance time was ended within an hour of its launch",
                self.wasted_share * 100.0
            )
        })
    }
}
