//! Findings that belong together, with a timeline and a cost.
//!
//! Which findings belong together is a function of the set of findings and nothing else: not of
//! the order they came in, not of how often, not of the clock. [`correlate`] is that function.
//! [`revise()`] then compares its result with what was told before: an incident keeps the id that
//! people know, and its revision grows when something was joined. Nothing here reads a clock,
//! opens a file or makes a call.

mod build;
mod connect;
mod revise;
mod score;
mod service;

use std::collections::BTreeSet;

use plimsoll_core::clock::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::finding::{Evidence, Finding, Kind, Severity, SourceKind, millis, stable_id};

pub use connect::{COST_GAP, STRONG_GAP, WEAK_GAP};
pub use revise::{Known, came_back, close_quiet, revise};

/// Lines of a timeline that are kept; the first and the last half of what there is.
pub const TIMELINE_MAX: usize = 200;
/// Names of each sort (principals, resources, …) that are kept, in order.
pub const NAMES_MAX: usize = 100;
/// Next steps that are told; more than these nobody reads at night.
pub const NEXT_STEPS_MAX: usize = 8;

/// Findings that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// `INC-7F3A2C`: short enough to be said aloud, made from what it began with and the day. It
    /// never changes once it was told.
    pub id: String,
    /// Grows by one whenever something is joined or changes.
    pub revision: u32,
    /// Whether it still goes on.
    pub status: Status,
    /// How urgent it is: the worst finding, raised when independent sources agree.
    pub severity: Severity,
    /// Security if any finding is.
    pub kind: Kind,
    /// A short name for people.
    pub title: String,
    /// One sentence for each of the worst findings.
    pub summary: String,
    /// When the first thing happened.
    #[serde(with = "millis")]
    pub time_first: UnixMillis,
    /// When the last thing happened.
    #[serde(with = "millis")]
    pub time_last: UnixMillis,
    /// What happened, in order.
    pub timeline: Vec<Evidence>,
    /// How many lines were left out of the middle of the timeline.
    pub timeline_omitted: usize,
    /// The rules that found something, with how often each did.
    pub rules: Vec<RuleCount>,
    /// Which sources say so.
    pub sources: BTreeSet<SourceKind>,
    /// Users, roles and root, as ARNs.
    pub principals: BTreeSet<String>,
    /// Access key ids.
    pub access_keys: BTreeSet<String>,
    /// Instances and other resources.
    pub resources: BTreeSet<String>,
    /// Addresses that calls came from.
    pub addresses: BTreeSet<String>,
    /// Accounts.
    pub accounts: BTreeSet<String>,
    /// Regions.
    pub regions: BTreeSet<String>,
    /// US$ that it is estimated to burn in a day, if that can be said.
    pub usd_per_day: Option<f64>,
    /// What to do now, first things first.
    pub next_steps: Vec<String>,
    /// Incidents that were told by themselves before they turned out to be part of this one.
    pub includes: BTreeSet<String>,
    /// Whether every finding was made to try the alarm out.
    pub sample: bool,
    /// When it was last revised, by the collector's clock.
    #[serde(with = "millis")]
    pub updated: UnixMillis,
    /// When it was first told of, by the collector's clock.
    #[serde(with = "millis")]
    pub opened: UnixMillis,
    /// The ids of its findings. Stored in a table of their own.
    #[serde(skip)]
    pub findings: BTreeSet<String>,
}

/// How often a rule found something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCount {
    /// The rule.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// The worst severity of its findings.
    pub severity: Severity,
    /// How many findings.
    pub count: usize,
}

/// Whether an incident still goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// Something was joined within the quiet period.
    Open,
    /// Nothing was joined for the quiet period. It opens again when something is.
    Closed,
    /// A later finding showed that it is part of another incident, which tells the whole.
    Merged {
        /// The other one.
        into: String,
    },
}

impl Incident {
    /// Whether it still goes on.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == Status::Open
    }
}

/// The id of an incident: six hexadecimal digits of a stable hash. Two of a thousand incidents
/// would share one in three cases of a hundred; the second then gets another by the same rule.
fn incident_id<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let digits: String = stable_id(parts).chars().take(6).collect();
    format!("INC-{}", digits.to_ascii_uppercase())
}

/// Groups findings into incidents. The result depends on the set of findings only: a finding that
/// is given twice counts once (by id; of two versions the later one counts). All incidents are
/// open, in revision 1, with an id of their own and no times of the collector.
#[must_use]
pub fn correlate(findings: &[Finding]) -> Vec<Incident> {
    let mut latest: Vec<&Finding> = findings.iter().collect();
    latest.sort_by(|a, b| version(a).cmp(&version(b)));
    latest.dedup_by(|later, kept| {
        let same = later.id == kept.id;
        if same {
            // The sort puts the later version behind; it takes the place of the earlier one.
            std::mem::swap(later, kept);
        }
        same
    });
    latest.sort_by(|a, b| (a.time_first, &a.id).cmp(&(b.time_first, &b.id)));
    let mut incidents: Vec<Incident> = connect::components(&latest)
        .into_iter()
        .map(|members| build::incident(&members))
        .collect();
    incidents.sort_by(|a, b| (a.time_first, &a.id).cmp(&(b.time_first, &b.id)));
    build::tell_apart(&mut incidents);
    incidents
}

/// Orders versions of one finding; content decides where times are equal, so that the choice does
/// not depend on the order of arrival.
fn version(finding: &Finding) -> (&str, UnixMillis, usize, &str, Severity) {
    (
        &finding.id,
        finding.time_last,
        finding.evidence.len(),
        &finding.summary,
        finding.severity,
    )
}

#[cfg(test)]
pub(crate) mod tests;
