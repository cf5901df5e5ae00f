//! The incident for programs: queues, web hooks, functions.
//!
//! The schema grows only: fields are added, never renamed or given another meaning, and `schema`
//! changes when that cannot be kept. Times are RFC 3339 in UTC, money is US$.

use std::collections::BTreeSet;

use serde::Serialize;

use super::certainty;
use crate::finding::Kind;
use crate::incident::{Incident, RuleCount, Status};

/// The name of the schema.
const SCHEMA: &str = "plimsoll.incident.v1";

#[derive(Serialize)]
struct Report<'i> {
    schema: &'static str,
    id: &'i str,
    revision: u32,
    status: &'static str,
    severity: &'static str,
    kind: &'static str,
    title: &'i str,
    summary: &'i str,
    confidence: String,
    first_time: String,
    last_time: String,
    timeline: Vec<Line<'i>>,
    timeline_omitted: usize,
    sources: Vec<&'static str>,
    rules: &'i [RuleCount],
    principals: Vec<&'i str>,
    access_keys: Vec<&'i str>,
    resources: Vec<&'i str>,
    addresses: Vec<&'i str>,
    accounts: Vec<&'i str>,
    regions: Vec<&'i str>,
    usd_at_risk_per_day: Option<f64>,
    usd_at_risk_30_days: Option<f64>,
    next_steps: &'i [String],
    includes: Vec<&'i str>,
    names_omitted: usize,
    sample: bool,
}

#[derive(Serialize)]
struct Line<'i> {
    time: String,
    source: &'static str,
    what: &'i str,
    reference: &'i str,
}

/// How much of an incident is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Lines of the timeline, the first and the last of them.
    pub(super) lines: usize,
    /// Names of each sort, and rules.
    pub(super) names: usize,
}

/// The incident to that extent, with the numbers of what is left out.
pub(super) fn text(incident: &Incident, extent: Extent) -> Result<String, serde_json::Error> {
    let Extent { lines, names } = extent;
    let total = incident.timeline.len();
    let half = lines / 2;
    let kept =
        incident.timeline.iter().enumerate().filter(|(index, _)| {
            total <= lines || *index < half || *index >= total - (lines - half)
        });
    serde_json::to_string(&Report {
        schema: SCHEMA,
        id: &incident.id,
        revision: incident.revision,
        status: status(incident),
        severity: incident.severity.as_str(),
        kind: kind(incident),
        title: &incident.title,
        summary: &incident.summary,
        confidence: certainty(incident),
        first_time: incident.time_first.to_string(),
        last_time: incident.time_last.to_string(),
        timeline: kept
            .map(|(_, line)| Line {
                time: line.time.to_string(),
                source: line.source.as_str(),
                what: &line.what,
                reference: &line.reference,
            })
            .collect(),
        timeline_omitted: incident.timeline_omitted + total.saturating_sub(lines),
        sources: incident
            .sources
            .iter()
            .map(|source| source.as_str())
            .collect(),
        rules: incident.rules.get(..names).unwrap_or(&incident.rules),
        principals: all(&incident.principals, names),
        access_keys: all(&incident.access_keys, names),
        resources: all(&incident.resources, names),
        addresses: all(&incident.addresses, names),
        accounts: all(&incident.accounts, names),
        regions: all(&incident.regions, names),
        usd_at_risk_per_day: incident.usd_per_day.map(cents),
        usd_at_risk_30_days: incident.usd_per_day.map(|usd| cents(usd * 30.0)),
        next_steps: &incident.next_steps,
        includes: all(&incident.includes, names),
        names_omitted: omitted(incident, names),
        sample: incident.sample,
    })
}

/// `security` or `cost`.
pub(super) fn kind(incident: &Incident) -> &'static str {
    match incident.kind {
        Kind::Security => "security",
        Kind::Cost => "cost",
    }
}

fn status(incident: &Incident) -> &'static str {
    match incident.status {
        Status::Open => "open",
        Status::Closed => "closed",
        Status::Merged { .. } => "merged",
    }
}

fn all(names: &BTreeSet<String>, count: usize) -> Vec<&str> {
    names.iter().map(String::as_str).take(count).collect()
}

/// How many names are left out when `count` of each sort are told.
fn omitted(incident: &Incident, count: usize) -> usize {
    let sorts = [
        &incident.principals,
        &incident.access_keys,
        &incident.resources,
        &incident.addresses,
        &incident.accounts,
        &incident.regions,
        &incident.includes,
    ];
    let names = sorts.map(|names| names.len().saturating_sub(count));
    names.iter().sum::<usize>() + incident.rules.len().saturating_sub(count)
}

/// US$ to the cent; more digits would only look exact.
fn cents(usd: f64) -> f64 {
    (usd * 100.0).round() / 100.0
}
