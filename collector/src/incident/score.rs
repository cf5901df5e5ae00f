//! How urgent an incident is, and what it burns.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Entity, Finding, Severity, SourceKind};

/// The worst severity; one step more when two independent sources agree, critical when three do.
/// Findings that were made to try the alarm out agree with nobody.
pub(super) fn severity(findings: &[&Finding]) -> Severity {
    let worst = findings
        .iter()
        .map(|finding| finding.severity)
        .max()
        .unwrap_or_default();
    let sources: BTreeSet<SourceKind> = findings
        .iter()
        .filter(|finding| !finding.sample)
        .map(|finding| finding.source)
        .collect();
    match sources.len() {
        0 | 1 => worst,
        2 => raise(worst),
        _ => Severity::Critical,
    }
}

/// One step up.
fn raise(severity: Severity) -> Severity {
    Severity::ALL
        .into_iter()
        .find(|other| *other > severity)
        .unwrap_or(Severity::Critical)
}

/// US$ a day. The sources look at the same money from different sides, so the largest of their
/// sums counts and not the sum of all. A service whose cost was found on several days burns what
/// its worst day did; several calls that started something burn what they started together.
pub(super) fn usd_per_day(findings: &[&Finding]) -> Option<f64> {
    let mut by_source: BTreeMap<SourceKind, f64> = BTreeMap::new();
    let mut by_service: BTreeMap<String, f64> = BTreeMap::new();
    for finding in findings {
        let Some(usd) = finding
            .usd_per_day
            .filter(|usd| usd.is_finite() && *usd > 0.0)
        else {
            continue;
        };
        if finding.source == SourceKind::Cost {
            let worst = by_service.entry(service_of(finding)).or_insert(0.0);
            *worst = worst.max(usd);
        } else {
            *by_source.entry(finding.source).or_insert(0.0) += usd;
        }
    }
    if !by_service.is_empty() {
        by_source.insert(SourceKind::Cost, by_service.values().sum());
    }
    by_source.into_values().reduce(f64::max)
}

/// The service that a cost is about.
fn service_of(finding: &Finding) -> String {
    let services = finding.entities.iter().filter_map(|entity| match entity {
        Entity::Service(name) => Some(name.as_str()),
        _ => None,
    });
    services.collect::<Vec<_>>().join(",")
}
