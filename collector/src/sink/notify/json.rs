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
    sample: bool,
}

#[derive(Serialize)]
struct Line<'i> {
    time: String,
    source: &'static str,
    what: &'i str,
    reference: &'i str,
}

/// The incident with at most `lines` lines of its timeline, the first and the last of them.
pub(super) fn text(incident: &Incident, lines: usize) -> Result<String, serde_json::Error> {
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
        rules: &incident.rules,
        principals: all(&incident.principals),
        access_keys: all(&incident.access_keys),
        resources: all(&incident.resources),
        addresses: all(&incident.addresses),
        accounts: all(&incident.accounts),
        regions: all(&incident.regions),
        usd_at_risk_per_day: incident.usd_per_day.map(cents),
        usd_at_risk_30_days: incident.usd_per_day.map(|usd| cents(usd * 30.0)),
        next_steps: &incident.next_steps,
        includes: all(&incident.includes),
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

fn all(names: &BTreeSet<String>) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// US$ to the cent; more digits would only look exact.
fn cents(usd: f64) -> f64 {
    (usd * 100.0).round() / 100.0
}
