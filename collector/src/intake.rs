//! What happens to one unit inside its transaction: what is new is told from what was seen, the
//! detectors look at it, and findings, quarantine and progress are written.
//!
//! It does not know incidents or notifications; whoever calls it adds those in the same
//! transaction.

use std::collections::BTreeMap;

use plimsoll_core::clock::UnixMillis;

use crate::detect::{Detectors, Novelty, novelty};
use crate::finding::Finding;
use crate::signal::{Activity, CostHistory, Signal};
use crate::source::cost::refreshed_moment;
use crate::source::{Progress, Unit};
use crate::state::{Scope, StateError, Tx};

/// What a unit came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TakenIn {
    /// Findings that are new or say something else than before, in the order of their signals.
    pub findings: Vec<Finding>,
    /// Signals that were new, by source: `cloudtrail`, `guardduty`, `cost`.
    pub read: BTreeMap<&'static str, u64>,
    /// Signals that had been taken in before.
    pub repeated: u64,
    /// What could not be read, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// What is of no use here, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
}

/// Handles a unit. Everything is written through `tx`; nothing is kept if the caller fails later.
///
/// # Errors
/// SQLite's.
pub fn take_in(
    tx: &Tx<'_>,
    unit: &Unit,
    detectors: &Detectors,
    now: UnixMillis,
) -> Result<TakenIn, StateError> {
    let mut taken = TakenIn {
        skipped: unit.skipped.clone(),
        ..TakenIn::default()
    };
    begin(tx, &unit.progress, now)?;
    for problem in &unit.problems {
        tx.quarantine(problem, now)?;
        count(&mut taken.rejected, problem.reason.as_str());
    }
    let mut found = activities(tx, unit, detectors, now, &mut taken)?;
    for signal in &unit.signals {
        match signal {
            Signal::Activity(_) => {}
            Signal::Finding(finding) => {
                if tx.finding_is_newer(&finding.arn, finding.updated, now)? {
                    count(&mut taken.read, "guardduty");
                    found.extend(detectors.guardduty(finding));
                } else {
                    taken.repeated += 1;
                }
            }
            Signal::Cost(history) => {
                tx.store_cost(&history.days)?;
                if !history.days.is_empty() {
                    count(&mut taken.read, "cost");
                }
                let known = CostHistory {
                    account: history.account.clone(),
                    days: tx.cost()?,
                };
                found.extend(detectors.cost(&known));
            }
        }
    }
    for finding in found {
        if tx.store_finding(&finding)? {
            taken.findings.push(finding);
        }
    }
    if !taken.findings.is_empty() {
        tx.forget_findings()?;
    }
    end(tx, &unit.progress, now)?;
    Ok(taken)
}

/// Activities in the order of their events: what an earlier one teaches, a later one knows.
fn activities(
    tx: &Tx<'_>,
    unit: &Unit,
    detectors: &Detectors,
    now: UnixMillis,
    taken: &mut TakenIn,
) -> Result<Vec<Finding>, StateError> {
    let mut new: Vec<&Activity> = Vec::new();
    for signal in &unit.signals {
        if let Signal::Activity(activity) = signal {
            if tx.event_is_new(&activity.event_id, now)? {
                count(&mut taken.read, "cloudtrail");
                new.push(activity);
            } else {
                taken.repeated += 1;
            }
        }
    }
    new.sort_by(|a, b| (a.time, &a.event_id).cmp(&(b.time, &b.event_id)));
    let mut found = Vec::new();
    for activity in new {
        let novelty = look_back(tx, activity, detectors)?;
        found.extend(detectors.activity(activity, novelty));
    }
    Ok(found)
}

/// What is new about an activity, and remembers it as seen.
fn look_back(
    tx: &Tx<'_>,
    activity: &Activity,
    detectors: &Detectors,
) -> Result<Novelty, StateError> {
    if activity.read_only {
        return Ok(Novelty::default());
    }
    let account = activity.account.as_deref().unwrap_or_default();
    let region = activity.region.as_str();
    let time = activity.time;
    let account_since = tx.first_seen(Scope::Account, account, "", time)?;
    let region_since = if novelty::is_use(activity) {
        tx.first_seen(Scope::Region, account, region, time)?
    } else {
        // An attempt that failed is no use, but it is judged like one.
        tx.first_known(Scope::Region, account, region)?
            .map_or(time, |known| known.min(time))
    };
    Ok(detectors
        .regions
        .novelty(activity, account_since, region_since))
}

/// Progress that comes before the signals: it clears what they replace.
fn begin(tx: &Tx<'_>, progress: &[Progress], now: UnixMillis) -> Result<(), StateError> {
    for step in progress {
        match step {
            Progress::Reread { origin } => tx.forget_quarantine_of(origin)?,
            Progress::Cost { days, .. } => tx.cost_read(days, now)?,
            Progress::File(_) | Progress::Object { .. } => {}
        }
    }
    Ok(())
}

/// Progress that comes after the signals: it says that they are done.
fn end(tx: &Tx<'_>, progress: &[Progress], now: UnixMillis) -> Result<(), StateError> {
    for step in progress {
        match step {
            Progress::File(version) => tx.file_done(version)?,
            Progress::Object { bucket, key } => tx.object_done(bucket, key, now)?,
            Progress::Cost { paid: true, .. } => tx.set_moment(refreshed_moment(), now)?,
            Progress::Cost { paid: false, .. } | Progress::Reread { .. } => {}
        }
    }
    tx.forget_seen(now)?;
    tx.forget_quarantine()
}

fn count(counts: &mut BTreeMap<&'static str, u64>, word: &'static str) {
    *counts.entry(word).or_default() += 1;
}

#[cfg(test)]
mod tests;
