//! Makes one incident from its findings.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::clock::UnixMillis;

use super::{
    Incident, NAMES_MAX, NEXT_STEPS_MAX, RuleCount, Status, TIMELINE_MAX, incident_id, score,
};
use crate::finding::{Entity, Evidence, Finding, Kind};

/// Findings whose sentences make the summary.
const SUMMARY_FINDINGS: usize = 3;

/// The incident of `members`, which are sorted by their first time and at least one.
pub(super) fn incident(members: &[&Finding]) -> Incident {
    let ranked = by_urgency(members);
    let (timeline, timeline_omitted) = timeline(members);
    let first = members.iter().map(|finding| finding.time_first).min();
    let last = members.iter().map(|finding| finding.time_last).max();
    let is_security = members.iter().any(|finding| finding.kind == Kind::Security);
    Incident {
        id: id(members),
        revision: 1,
        status: Status::Open,
        severity: score::severity(members),
        kind: if is_security {
            Kind::Security
        } else {
            Kind::Cost
        },
        title: title(&ranked),
        summary: summary(&ranked),
        time_first: first.unwrap_or_default(),
        time_last: last.unwrap_or_default(),
        timeline,
        timeline_omitted,
        rules: rules(&ranked),
        sources: members.iter().map(|finding| finding.source).collect(),
        principals: names(members, |entity| matches!(entity, Entity::Principal(_))),
        access_keys: names(members, |entity| matches!(entity, Entity::AccessKey(_))),
        resources: names(members, |entity| {
            matches!(entity, Entity::Instance(_) | Entity::Resource(_))
        }),
        addresses: names(members, |entity| matches!(entity, Entity::Ip(_))),
        accounts: members
            .iter()
            .filter_map(|finding| finding.account.clone())
            .collect(),
        regions: members
            .iter()
            .filter_map(|finding| finding.region.clone())
            .collect(),
        usd_per_day: score::usd_per_day(members),
        next_steps: next_steps(&ranked),
        includes: BTreeSet::new(),
        sample: members.iter().all(|finding| finding.sample),
        updated: UnixMillis::default(),
        opened: UnixMillis::default(),
        findings: members.iter().map(|finding| finding.id.clone()).collect(),
    }
}

/// Gives incidents that began alike on the same day, with nothing strong to tell them apart, ids
/// of their own. `incidents` are sorted.
pub(super) fn tell_apart(incidents: &mut [Incident]) {
    let mut taken = BTreeSet::new();
    for incident in incidents {
        if !taken.insert(incident.id.clone()) {
            let first = incident.findings.iter().map(String::as_str);
            incident.id = incident_id([incident.id.as_str()].into_iter().chain(first.take(1)));
            taken.insert(incident.id.clone());
        }
    }
}

/// What the incident began with, and the day it began on.
fn id(members: &[&Finding]) -> String {
    let Some(first) = members.first() else {
        return incident_id([]);
    };
    let day = first.time_first.to_string();
    let day = day.split('T').next().unwrap_or_default();
    let strong = first.entities.iter().find(|entity| entity.is_strong());
    let root = strong.map_or_else(
        || {
            let weak: Vec<String> = first.entities.iter().map(ToString::to_string).collect();
            format!("{} {}", first.rule, weak.join(" "))
        },
        ToString::to_string,
    );
    incident_id([root.as_str(), day])
}

/// The most urgent first; among equals what threatens security before what costs, then the
/// earliest.
fn by_urgency<'f>(members: &[&'f Finding]) -> Vec<&'f Finding> {
    let mut ranked = members.to_vec();
    ranked.sort_by(|a, b| {
        let urgency = b.severity.cmp(&a.severity).then(a.kind.cmp(&b.kind));
        urgency.then_with(|| (a.time_first, &a.id).cmp(&(b.time_first, &b.id)))
    });
    ranked
}

/// The title of the most urgent finding, and how many other things were found.
fn title(ranked: &[&Finding]) -> String {
    let titles: BTreeSet<&str> = ranked
        .iter()
        .map(|finding| finding.title.as_str())
        .collect();
    let Some(first) = ranked.first() else {
        return String::new();
    };
    match titles.len() {
        0 | 1 => first.title.clone(),
        2 => format!("{}, and 1 more", first.title),
        count => format!("{}, and {} more", first.title, count - 1),
    }
}

fn summary(ranked: &[&Finding]) -> String {
    let mut sentences: Vec<&str> = Vec::new();
    for finding in ranked {
        let sentence = finding.summary.trim();
        if !sentence.is_empty() && !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
        if sentences.len() == SUMMARY_FINDINGS {
            break;
        }
    }
    sentences.join(" ")
}

/// Every line once, in order; of a very long one the first and the last half.
fn timeline(members: &[&Finding]) -> (Vec<Evidence>, usize) {
    let all: BTreeSet<&Evidence> = members
        .iter()
        .flat_map(|finding| &finding.evidence)
        .collect();
    let omitted = all.len().saturating_sub(TIMELINE_MAX);
    let half = TIMELINE_MAX / 2;
    let kept = all
        .into_iter()
        .enumerate()
        .filter(|(index, _)| omitted == 0 || *index < half || *index >= half + omitted);
    (kept.map(|(_, line)| line.clone()).collect(), omitted)
}

/// The rules, the most urgent first.
fn rules(ranked: &[&Finding]) -> Vec<RuleCount> {
    let mut rules: Vec<RuleCount> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in ranked {
        let place = *places.entry(&finding.rule).or_insert(rules.len());
        match rules.get_mut(place) {
            Some(rule) => rule.count += 1,
            None => rules.push(RuleCount {
                rule: finding.rule.clone(),
                title: finding.title.clone(),
                severity: finding.severity,
                count: 1,
            }),
        }
    }
    rules
}

fn names(members: &[&Finding], wanted: impl Fn(&Entity) -> bool) -> BTreeSet<String> {
    let entities = members.iter().flat_map(|finding| &finding.entities);
    let names: BTreeSet<String> = entities
        .filter(|entity| wanted(entity))
        .map(|entity| entity.value().to_owned())
        .collect();
    names.into_iter().take(NAMES_MAX).collect()
}

/// The steps of the most urgent findings first, each once.
fn next_steps(ranked: &[&Finding]) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for step in ranked.iter().flat_map(|finding| &finding.next_steps) {
        if steps.len() < NEXT_STEPS_MAX && !steps.contains(step) {
            steps.push(step.clone());
        }
    }
    steps
}
