//! Every metric that Plimsoll emits, written once.
//!
//! A sample can only be made from a [`Metric`] of this list, so a name, a unit or a namespace
//! cannot be mistyped somewhere else. Dashboards, alarms, the metrics reference and the tests read
//! the same list.

mod agent;
mod collector;
mod host;

pub use agent::*;
pub use collector::*;
pub use host::*;

/// Where the metrics of one family live. Custom namespaces; the `AWS/` prefix is reserved.
pub mod namespace {
    /// What a host measures about itself.
    pub const HOST: &str = "Plimsoll/Host";
    /// What the agent says about its own work.
    pub const AGENT: &str = "Plimsoll/Agent";
    /// Findings and incidents.
    pub const SECURITY: &str = "Plimsoll/Security";
    /// Money.
    pub const COST: &str = "Plimsoll/Cost";
    /// What the collector says about its own work.
    pub const COLLECTOR: &str = "Plimsoll/Collector";
}

/// The units of CloudWatch that Plimsoll uses.
/// Source: CloudWatch API reference, `MetricDatum`, member `Unit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// A share from 0 to 100.
    Percent,
    /// A size.
    Bytes,
    /// A size over time.
    BytesPerSecond,
    /// How many.
    Count,
    /// How many over time.
    CountPerSecond,
    /// A length of time.
    Seconds,
    /// A length of time.
    Milliseconds,
    /// No unit fits, such as load or US$.
    None,
}

impl Unit {
    /// The unit as CloudWatch spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Percent => "Percent",
            Self::Bytes => "Bytes",
            Self::BytesPerSecond => "Bytes/Second",
            Self::Count => "Count",
            Self::CountPerSecond => "Count/Second",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
            Self::None => "None",
        }
    }
}

/// One metric that we emit.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// One of [`namespace`].
    pub namespace: &'static str,
    /// The metric's name; host metrics keep the names that users of the amazon-cloudwatch-agent
    /// know.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Dimensions of its own, besides those of the instance: `path`, `name`, `interface`.
    pub dimensions: &'static [&'static str],
    /// One sentence for the reference manual.
    pub help: &'static str,
}

/// All of them, in the order of the reference manual.
pub const ALL: &[&[&Metric]] = &[HOST_METRICS, AGENT_METRICS, COLLECTOR_METRICS];

/// Every metric of the catalog.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    ALL.iter().flat_map(|family| family.iter().copied())
}

/// Declares constants of [`Metric`] and the list of them, so that neither can be forgotten.
macro_rules! metrics {
    ($list:ident, $what:literal, $namespace:expr;
     $($id:ident $name:literal $unit:ident [$($dimension:literal)*] $help:literal)*) => {
        $(
            #[doc = $help]
            pub const $id: crate::catalog::Metric = crate::catalog::Metric {
                namespace: $namespace,
                name: $name,
                unit: crate::catalog::Unit::$unit,
                dimensions: &[$($dimension),*],
                help: $help,
            };
        )*
        #[doc = $what]
        pub const $list: &[&crate::catalog::Metric] = &[$(&$id),*];
    };
}
pub(crate) use metrics;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_metrics_share_a_name_and_every_one_is_explained() {
        let mut seen = BTreeSet::new();
        for metric in all() {
            assert!(
                seen.insert((metric.namespace, metric.name)),
                "{} twice",
                metric.name
            );
            assert!(
                metric.help.ends_with('.'),
                "{} needs a sentence",
                metric.name
            );
        }
        assert!(seen.len() > 40);
    }

    #[test]
    fn names_and_namespaces_fit_the_limits_of_cloudwatch() {
        for metric in all() {
            assert!(metric.name.len() <= 255 && metric.name.is_ascii());
            assert!(!metric.namespace.starts_with("AWS/") && !metric.namespace.starts_with(':'));
            assert!(
                metric.dimensions.len() <= 27,
                "leave room for three of the instance"
            );
        }
    }
}
