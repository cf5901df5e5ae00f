//! Which incidents new findings change: looks as far back as it must, and no further.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::clock::UnixMillis;

use crate::finding::Finding;
use crate::incident::{COST_GAP, Incident, Known, came_back, correlate, revise};
use crate::state::{CORRELATED_MAX, StateError, Tx};

/// Correlates `changed` with what is stored around them, stores the incidents that are new or
/// different, and gives them. One that comes back after it was closed is to be told again.
///
/// Findings belong together over gaps of at most [`COST_GAP`], the longest of them, so an incident
/// is whole when nothing was left out within that gap before its first finding. The window grows
/// until that holds for every incident that is touched.
///
/// # Errors
/// SQLite's.
pub(crate) fn absorb(
    tx: &Tx<'_>,
    changed: &[Finding],
    now: UnixMillis,
) -> Result<Vec<Incident>, StateError> {
    let Some(first) = changed.iter().map(|finding| finding.time_first).min() else {
        return Ok(Vec::new());
    };
    let ids: BTreeSet<&str> = changed.iter().map(|finding| finding.id.as_str()).collect();
    let mut from = first - COST_GAP;
    let (touched, known) = loop {
        let findings = tx.findings_since(from)?;
        let (touched, known) = touched(tx, &findings, &ids)?;
        let fresh = touched.iter().map(|incident| incident.time_first);
        let told = known.incidents.values().map(|incident| incident.time_first);
        let needed = fresh.chain(told).min().unwrap_or(first) - COST_GAP;
        let cut = u32::try_from(findings.len()).unwrap_or(u32::MAX) >= CORRELATED_MAX;
        if needed >= from || cut {
            break (touched, known);
        }
        from = needed;
    };
    let revised = revise(touched, &known, now);
    for incident in &revised {
        let told = known.incidents.get(&incident.id);
        if told.is_some_and(|told| came_back(incident, told)) {
            tx.tell_again(&incident.id)?;
        }
        tx.store_incident(incident)?;
    }
    Ok(revised)
}

/// The incidents that hold a changed finding, or one that was told together with a changed one;
/// and what was told of all of them.
fn touched(
    tx: &Tx<'_>,
    findings: &[Finding],
    changed: &BTreeSet<&str>,
) -> Result<(Vec<Incident>, Known), StateError> {
    let owner = tx.owners(findings.iter().map(|finding| finding.id.as_str()))?;
    let told: BTreeSet<&String> = changed.iter().filter_map(|id| owner.get(*id)).collect();
    let concerns = |finding: &String| {
        changed.contains(finding.as_str()) || owner.get(finding).is_some_and(|id| told.contains(id))
    };
    let mut touched = correlate(findings);
    touched.retain(|incident| incident.findings.iter().any(concerns));
    let held = touched.iter().flat_map(|incident| &incident.findings);
    let owners = held.filter_map(|finding| owner.get(finding));
    let wanted: BTreeSet<&String> = owners
        .chain(touched.iter().map(|incident| &incident.id))
        .collect();
    let mut incidents = BTreeMap::new();
    for id in wanted {
        if let Some(incident) = tx.incident(id)? {
            incidents.insert(id.clone(), incident);
        }
    }
    Ok((touched, Known { incidents, owner }))
}
