//! Every metric that Plimsoll emits, written once.
//!
//! A sample can only be made from a [`Metric`] of this list, so a name, a unit or a namespace
//! cannot be mistyped somewhere else. Dashboards, alarms, the metrics reference and the tests read
//! the same list.

mod agent;
mod collector;
pub mod cwagent;
mod device;
mod host;
mod process;

pub use agent::*;
pub use collector::*;
pub use device::*;
pub use host::*;
pub use process::*;

/// Where the metrics of one family live. Custom namespaces; the `AWS/` prefix is reserved.
pub mod namespace {
    /// What an instance measures: the host, its applications, and the agent itself. One namespace
    /// for all of it, because a PutMetricData call carries a single one.
    pub const HOST: &str = "Plimsoll/Host";
    /// Signals for Auto Scaling, under the name of the group.
    pub const SIGNAL: &str = "Plimsoll/Signal";
    /// Findings and incidents.
    pub const SECURITY: &str = "Plimsoll/Security";
    /// Where the amazon-cloudwatch-agent puts what a host measures, for dashboards and alarms that
    /// were made for it.
    pub const CWAGENT: &str = "CWAgent";
    /// Money.
    pub const COST: &str = "Plimsoll/Cost";
    /// What the collector says about its own work.
    pub const COLLECTOR: &str = "Plimsoll/Collector";
}

/// Declares the units, so that the list of them cannot miss one.
macro_rules! units {
    ($($name:ident $text:literal $help:literal)*) => {
        /// The units of CloudWatch.
        /// Source: CloudWatch API reference, `MetricDatum`, member `Unit`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Unit {
            $(#[doc = $help] $name,)*
        }

        /// Every unit, in the order of the API reference.
        pub const UNITS: &[Unit] = &[$(Unit::$name),*];

        impl Unit {
            /// The unit as CloudWatch spells it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

units! {
    Seconds "Seconds" "A length of time."
    Microseconds "Microseconds" "A length of time."
    Milliseconds "Milliseconds" "A length of time."
    Bytes "Bytes" "A size."
    Kilobytes "Kilobytes" "A size."
    Megabytes "Megabytes" "A size."
    Gigabytes "Gigabytes" "A size."
    Terabytes "Terabytes" "A size."
    Bits "Bits" "A size."
    Kilobits "Kilobits" "A size."
    Megabits "Megabits" "A size."
    Gigabits "Gigabits" "A size."
    Terabits "Terabits" "A size."
    Percent "Percent" "A share from 0 to 100."
    Count "Count" "How many."
    BytesPerSecond "Bytes/Second" "A size over time."
    KilobytesPerSecond "Kilobytes/Second" "A size over time."
    MegabytesPerSecond "Megabytes/Second" "A size over time."
    GigabytesPerSecond "Gigabytes/Second" "A size over time."
    TerabytesPerSecond "Terabytes/Second" "A size over time."
    BitsPerSecond "Bits/Second" "A size over time."
    KilobitsPerSecond "Kilobits/Second" "A size over time."
    MegabitsPerSecond "Megabits/Second" "A size over time."
    GigabitsPerSecond "Gigabits/Second" "A size over time."
    TerabitsPerSecond "Terabits/Second" "A size over time."
    CountPerSecond "Count/Second" "How many over time."
    None "None" "No unit fits, such as load or US$."
}

impl Unit {
    /// The unit that CloudWatch spells like this, upper and lower case apart.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        UNITS.iter().copied().find(|unit| unit.as_str() == text)
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
pub const ALL: &[&[&Metric]] = &[
    HOST_METRICS,
    PROCESS_METRICS,
    DEVICE_METRICS,
    AGENT_METRICS,
    COLLECTOR_METRICS,
    cwagent::CWAGENT_METRICS,
];

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
    fn a_unit_is_found_by_its_own_spelling_only() {
        assert_eq!(UNITS.len(), 27);
        for unit in UNITS {
            assert_eq!(Unit::parse(unit.as_str()), Some(*unit));
        }
        assert_eq!(Unit::parse("bytes"), None);
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
