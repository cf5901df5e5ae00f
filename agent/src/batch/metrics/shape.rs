//! Which series a sample becomes: its name, its unit and its dimension sets.
//!
//! A [`Shape`] is what the configuration says, with the names of dimensions; [`Resolved`] is the
//! same with the values of this host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::{MetricRule, Shape, Template};
use crate::identity::Host;
use crate::sample::{Feed, Labels, MetricName, Sample};
use plimsoll_aws::Series;

/// Dimensions that only this host has.
const OWN_DIMENSIONS: [&str; 3] = ["InstanceId", "Host", "host"];

/// Dimensions that tell a kind of host, not a fleet that someone looks at as a whole.
const KINDS: [&str; 5] = [
    "InstanceType",
    "ImageId",
    "AvailabilityZone",
    "Region",
    "AccountId",
];

/// A [`Shape`] on this host.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    shape: Shape,
    namespace: Arc<str>,
    sets: Vec<Set>,
    append: Dimensions,
    append_of: BTreeMap<Feed, Dimensions>,
    host: BTreeMap<String, (Arc<str>, Arc<str>)>,
    unknown: BTreeSet<String>,
    /// The first list that a fleet shares.
    fleet: Option<usize>,
}

type Dimensions = Vec<(Arc<str>, Arc<str>)>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Set {
    dimensions: Dimensions,
    is_own: bool,
}

impl Set {
    fn is_of_fleet(&self) -> bool {
        let is_kind = |name: &str| KINDS.contains(&name);
        !self.is_own && !self.dimensions.iter().all(|(name, _)| is_kind(name))
    }
}

impl Shape {
    /// Fills in what the host is called.
    pub(crate) fn resolve(&self, host: &Host) -> Resolved {
        let mut resolved = Resolved {
            namespace: Arc::from(&*self.namespace),
            sets: Vec::new(),
            append: Dimensions::new(),
            append_of: BTreeMap::new(),
            host: BTreeMap::new(),
            unknown: BTreeSet::new(),
            fleet: None,
            shape: self.clone(),
        };
        resolved.append = fill(&self.append, host);
        let feeds = self.append_of.iter();
        resolved.append_of = feeds
            .map(|(feed, append)| (*feed, fill(append, host)))
            .collect();
        for names in &self.sets {
            if let Some(set) = resolved.set(names, host)
                && !resolved.sets.contains(&set)
            {
                resolved.sets.push(set);
            }
        }
        resolved.fleet = resolved.sets.iter().position(Set::is_of_fleet);
        for name in self.aggregations.iter().flatten() {
            if let Some(dimension) = host.dimension(name) {
                resolved.host.insert(name.clone(), dimension);
            }
        }
        resolved
    }
}

impl Resolved {
    /// The names whose value is not known and whose lists are left out.
    pub(crate) fn unknown(&self) -> &BTreeSet<String> {
        &self.unknown
    }

    /// Whether there is any list left.
    pub(crate) fn is_known(&self) -> bool {
        !self.sets.is_empty() || self.shape.sets.is_empty()
    }

    fn set(&mut self, names: &[String], host: &Host) -> Option<Set> {
        let mut dimensions = Dimensions::with_capacity(names.len());
        let mut whole = true;
        for written in names {
            let name = written.trim_end_matches('?');
            match host.dimension(name) {
                Some(dimension) => dimensions.push(dimension),
                None if name.len() < written.len() => {}
                None => {
                    whole = false;
                    self.unknown.insert(name.to_owned());
                }
            }
        }
        dimensions.sort();
        dimensions.dedup();
        let is_own = dimensions
            .iter()
            .any(|(name, _)| OWN_DIMENSIONS.contains(&&**name));
        whole.then_some(Set { dimensions, is_own })
    }

    /// The series that a sample becomes, each with its namespace.
    pub(super) fn series(&self, feed: Feed, sample: &Sample) -> Vec<(Arc<str>, Arc<Series>)> {
        let name = sample.name();
        let told = self.shape.only_of.get(&feed);
        let rules = self.shape.rules.iter();
        let rules: Vec<&MetricRule> = rules.filter(|rule| rule.names.admits(name)).collect();
        if told.is_some_and(|only| !only.admits(name)) || rules.iter().any(|rule| rule.drop) {
            return Vec::new();
        }
        let rename = rules.iter().rev().find_map(|rule| rule.rename.as_deref());
        let unit = rules.iter().rev().find_map(|rule| rule.unit);
        let name: Arc<str> = Arc::from(rename.unwrap_or(name));
        let unit = unit.unwrap_or(sample.metric.unit());
        let namespace = self.namespace(feed, sample);
        let mut lists: Vec<Dimensions> = Vec::new();
        if !rules.iter().any(|rule| rule.drop_original) {
            lists.extend(self.originals(feed, sample));
        }
        if feed != Feed::Emf {
            lists.extend(self.aggregated(feed, &sample.labels));
        }
        let mut all: Vec<(Arc<str>, Arc<Series>)> = Vec::with_capacity(lists.len());
        for dimensions in lists {
            let series = Arc::new(Series {
                name: Arc::clone(&name),
                unit,
                dimensions: dimensions.into(),
            });
            if all.iter().all(|(_, known)| *known != series) {
                all.push((Arc::clone(&namespace), series));
            }
        }
        all
    }

    fn namespace(&self, feed: Feed, sample: &Sample) -> Arc<str> {
        if let MetricName::Given(given) = &sample.metric
            && let Some(namespace) = &given.namespace
        {
            return Arc::clone(namespace);
        }
        match self.shape.namespace_of.get(&feed) {
            Some(namespace) => Arc::from(&**namespace),
            None => Arc::clone(&self.namespace),
        }
    }

    /// One list per set, with the metric's own dimensions and what is appended. Nothing that is
    /// appended overrides what the metric says itself.
    fn originals(&self, feed: Feed, sample: &Sample) -> Vec<Dimensions> {
        if feed == Feed::Emf {
            return vec![self.told(feed, sample)];
        }
        let alone = self.fleet.is_none() || self.shape.per_instance.admits(sample.name());
        let everywhere = self.shape.in_every_list.admits(sample.name());
        let is_told = |place: usize, set: &Set| {
            if set.is_own {
                alone
            } else {
                everywhere || self.fleet == Some(place)
            }
        };
        let sets = self.sets.iter().enumerate();
        let sets = sets.filter(|(place, set)| is_told(*place, set));
        let sets = sets.map(|(_, set)| set);
        let appended = self.append_of.get(&feed).into_iter().flatten();
        let appended: Vec<_> = appended.chain(&self.append).collect();
        let lists = sets.map(|set| {
            let mut dimensions: Dimensions = sample.labels.iter().cloned().collect();
            for dimension in set.dimensions.iter().chain(appended.iter().copied()) {
                if dimensions.iter().all(|(name, _)| *name != dimension.0) {
                    dimensions.push(dimension.clone());
                }
            }
            dimensions.sort();
            dimensions
        });
        lists.collect()
    }

    /// A record of embedded metric format says itself which series it wants, so that they are the
    /// same ones that CloudWatch Logs would make of it. Only what is appended to this feed by name
    /// is added.
    fn told(&self, feed: Feed, sample: &Sample) -> Dimensions {
        let mut dimensions: Dimensions = sample.labels.iter().cloned().collect();
        for dimension in self.append_of.get(&feed).into_iter().flatten() {
            if sample.labels.value(&dimension.0).is_none() {
                dimensions.push(dimension.clone());
            }
        }
        dimensions.sort();
        dimensions
    }

    fn aggregated(&self, feed: Feed, labels: &Labels) -> Vec<Dimensions> {
        let appended = || {
            let own = self.append_of.get(&feed).into_iter().flatten();
            own.chain(&self.append)
        };
        let find = |name: &String| {
            let label = labels
                .value(name)
                .map(|v| (Arc::from(&**name), Arc::clone(v)));
            let appended = || appended().find(|(known, _)| **known == **name).cloned();
            label
                .or_else(appended)
                .or_else(|| self.host.get(name).cloned())
        };
        let whole = labels.iter().count()
            + appended().count()
            + self.sets.first().map_or(0, |set| set.dimensions.len());
        let lists = self.shape.aggregations.iter();
        lists
            .filter(|names| names.len() < whole)
            .filter_map(|names| {
                let mut dimensions: Dimensions = names.iter().map(find).collect::<Option<_>>()?;
                dimensions.sort();
                Some(dimensions)
            })
            .collect()
    }
}

/// Fills in templates. One without a value on this host is left out.
fn fill(append: &[(String, Template)], host: &Host) -> Dimensions {
    let filled = append.iter().filter_map(|(name, template)| {
        let value = template.fill_known(|placeholder| host.placeholder(placeholder))?;
        Some((Arc::from(&**name), Arc::from(value)))
    });
    filled.collect()
}
