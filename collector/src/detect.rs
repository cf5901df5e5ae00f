//! Signals → findings. Pure: no clock, no file, no network; the same signals give the same
//! findings.
//!
//! Activities go through the rules ([`RuleSet`]), GuardDuty's findings are taken over by severity
//! (`guardduty`), daily cost goes through two robust tests ([`cost`]). What a detector has to
//! know of the past (was this Region used before?) is looked up by [`crate::intake`] and handed in.

mod cloudtrail;
mod condition;
pub mod cost;
mod field;
mod guardduty;
pub mod novelty;
mod robust;
mod rule;
mod rules;
mod selection;
mod template;
mod yaml;

pub use rule::{NewThing, Novelty, Rule};
pub use rules::RuleSet;
pub use yaml::RuleError;

use crate::finding::Finding;
use crate::signal::{Activity, CostHistory, GuardDutyFinding};

/// Every detector, ready.
#[derive(Clone, Debug, Default)]
pub struct Detectors {
    /// The rules for activities.
    pub rules: RuleSet,
    /// What counts as a new Region.
    pub regions: novelty::Regions,
    /// From which amounts on cost is told of.
    pub cost: cost::Thresholds,
}

impl Detectors {
    /// What the rules say of an activity.
    #[must_use]
    pub fn activity(&self, activity: &Activity, novelty: Novelty) -> Vec<Finding> {
        let found = |rule| cloudtrail::finding(rule, activity, novelty);
        self.rules.rules().iter().filter_map(found).collect()
    }

    /// GuardDuty's finding as ours; `None` when somebody archived it.
    #[must_use]
    pub fn guardduty(&self, finding: &GuardDutyFinding) -> Option<Finding> {
        guardduty::finding(finding)
    }

    /// What the tests say of the last days of a history.
    #[must_use]
    pub fn cost(&self, history: &CostHistory) -> Vec<Finding> {
        cost::findings(history, self.cost)
    }
}
