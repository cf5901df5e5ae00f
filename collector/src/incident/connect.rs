//! Which findings belong together.
//!
//! Two findings do when they share a strong entity (principal, key, instance, resource) and are
//! at most [`STRONG_GAP`] apart; or when they share two weak ones (address and Region, or account,
//! Region and service) and are at most [`WEAK_GAP`] apart, or [`COST_GAP`] when one of them is a
//! cost, because the bill is late. And so on from finding to finding.

use std::collections::BTreeMap;
use std::time::Duration;

use super::service;
use crate::finding::{Entity, Finding, Kind};
use plimsoll_core::clock::UnixMillis;

/// How far apart findings may be that share a strong entity. A session of an assumed role lasts at
/// most 12 hours; a day holds two shifts of whoever uses a stolen key.
pub const STRONG_GAP: Duration = Duration::from_hours(24);
/// How far apart findings may be that share weak entities only.
pub const WEAK_GAP: Duration = Duration::from_hours(6);
/// How far apart a cost and its cause may be. Cost Explorer's data is up to 24 hours late and has
/// whole days. Source: Cost Management user guide, "Analyzing your costs with Cost Explorer".
pub const COST_GAP: Duration = Duration::from_hours(48);

/// Groups `findings`, which are sorted by their first time. Members keep that order.
pub(super) fn components<'f>(findings: &[&'f Finding]) -> Vec<Vec<&'f Finding>> {
    let mut links = Links::new(findings.len());
    let mut strong: BTreeMap<&Entity, Vec<usize>> = BTreeMap::new();
    let mut weak: BTreeMap<[String; 3], Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        for entity in finding.entities.iter().filter(|entity| entity.is_strong()) {
            strong.entry(entity).or_default().push(index);
        }
        if finding.kind != Kind::Cost {
            for key in weak_keys(finding) {
                weak.entry(key).or_default().push(index);
            }
        }
    }
    for members in strong.values() {
        links.chain(findings, members, STRONG_GAP);
    }
    for members in weak.values() {
        links.chain(findings, members, WEAK_GAP);
    }
    link_costs(findings, &mut links);
    let mut groups: BTreeMap<usize, Vec<&'f Finding>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        groups.entry(links.root(index)).or_default().push(finding);
    }
    groups.into_values().collect()
}

/// Ties each cost to what happened with the same service in the same account and Region. Cost
/// data often lacks the account or the Region; what is not known does not stand against it.
fn link_costs(findings: &[&Finding], links: &mut Links) {
    let of_costs = findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.kind == Kind::Cost);
    for (cost_index, cost) in of_costs {
        let services = services(cost);
        for (index, other) in findings.iter().enumerate() {
            let near = gap(cost, other) <= COST_GAP;
            let same_place =
                agree(account(cost), account(other)) && agree(region(cost), region(other));
            if near && same_place && self::services(other).any_of(&services) {
                links.join(cost_index, index);
            }
        }
    }
}

/// The weak entities of a finding, in the combinations that count.
fn weak_keys(finding: &Finding) -> Vec<[String; 3]> {
    let Some(region) = region(finding) else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    for entity in &finding.entities {
        if let Entity::Ip(address) = entity {
            keys.push(["ip".to_owned(), address.clone(), region.to_owned()]);
        }
    }
    if let Some(account) = account(finding) {
        for service in services(finding).0 {
            keys.push([service, account.to_owned(), region.to_owned()]);
        }
    }
    keys
}

/// The services of a finding under one name each, whatever its source calls them.
struct Services(Vec<String>);

impl Services {
    fn any_of(&self, others: &Self) -> bool {
        self.0.iter().any(|service| others.0.contains(service))
    }
}

fn services(finding: &Finding) -> Services {
    let named = finding.entities.iter().filter_map(|entity| match entity {
        Entity::Service(name) => Some(service::short_name(name)),
        _ => None,
    });
    Services(named.collect())
}

fn account(finding: &Finding) -> Option<&str> {
    finding.account.as_deref().or_else(|| {
        finding.entities.iter().find_map(|entity| match entity {
            Entity::Account(account) => Some(account.as_str()),
            _ => None,
        })
    })
}

fn region(finding: &Finding) -> Option<&str> {
    finding.region.as_deref().or_else(|| {
        finding.entities.iter().find_map(|entity| match entity {
            Entity::Region(region) => Some(region.as_str()),
            _ => None,
        })
    })
}

/// Whether two things are the same as far as both are known.
fn agree(one: Option<&str>, other: Option<&str>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// The time between two findings; zero when they overlap.
fn gap(one: &Finding, other: &Finding) -> Duration {
    let later_start = one.time_first.max(other.time_first);
    later_start.since(one.time_last.min(other.time_last))
}

/// Sets that grow together. The representative is the least index, so the result does not depend
/// on the order of the joins.
struct Links(Vec<usize>);

impl Links {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, index: usize) -> usize {
        let mut at = index;
        while let Some(parent) = self.0.get(at).copied()
            && parent != at
        {
            // Halve the path, so that the next look is shorter.
            let grandparent = self.0.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.0.get_mut(at) {
                *slot = grandparent;
            }
            at = grandparent;
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if let Some(slot) = self.0.get_mut(one.max(other)) {
            *slot = one.min(other);
        }
    }

    /// Joins neighbours of `members` (sorted by first time) that are within `reach` of anything
    /// before them. That gives the same sets as comparing every pair.
    fn chain(&mut self, findings: &[&Finding], members: &[usize], reach: Duration) {
        let mut before: Option<(usize, UnixMillis)> = None;
        for &index in members {
            let Some(finding) = findings.get(index) else {
                continue;
            };
            let mut last = finding.time_last;
            if let Some((previous, previous_last)) = before
                && finding.time_first.since(previous_last) <= reach
            {
                self.join(previous, index);
                last = last.max(previous_last);
            }
            before = Some((index, last));
        }
    }
}
