//! What the configuration says about the series that metrics become.

use std::collections::BTreeMap;

use plimsoll_core::catalog::Unit;

use super::{Feed, Template};
use crate::scraper::NameFilter;

/// What the configuration says about series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Where metrics go that name no namespace of their own.
    pub namespace: String,
    /// A series per list for every metric: names of dimensions of the host, to which the metric's
    /// own are added. A name that ends with `?` may be unknown and is then left out; a list with
    /// another unknown name is left out as a whole.
    pub sets: Vec<Vec<String>>,
    /// A series more per list, with exactly these dimensions, the metric's own among them. A list
    /// with a name that the metric does not have, or that has all of its dimensions, gives none.
    pub aggregations: Vec<Vec<String>>,
    /// Which metrics are told for this host alone: by the lists of `sets` that hold `InstanceId`,
    /// `Host` or `host`. All of them are on a host that is in no
    /// fleet: where no other list is known but those of a kind of host, such as its type.
    pub per_instance: NameFilter,
    /// Which metrics are told in every list of `sets` that is shared with other hosts. The others
    /// are told in the first list of the host's fleet only.
    pub in_every_list: NameFilter,
    /// Dimensions with the same value on every metric of `sets`.
    pub append: Vec<(String, Template)>,
    /// The same for the metrics of one feed.
    pub append_of: BTreeMap<Feed, Vec<(String, Template)>>,
    /// The namespace of one feed.
    pub namespace_of: BTreeMap<Feed, String>,
    /// Names of the metrics that one feed tells, if not all.
    pub only_of: BTreeMap<Feed, NameFilter>,
    /// Changes of single metrics, in order.
    pub rules: Vec<MetricRule>,
}

/// A change of the metrics that fit a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricRule {
    /// The names, as they were before any rule.
    pub names: NameFilter,
    /// The name that CloudWatch gets.
    pub rename: Option<String>,
    /// The unit that CloudWatch gets. The value stays as it is.
    pub unit: Option<Unit>,
    /// Whether the metric is told at all.
    pub drop: bool,
    /// Whether only the aggregations are told.
    pub drop_original: bool,
}
