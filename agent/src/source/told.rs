//! What a source says of one series, on its way into the windows of its feed.
//!
//! Sources that understand a whole body at once gather what they understood, and hand it in under
//! one lock. Nothing here knows a format.

mod buckets;

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::clock::UnixMillis;

use crate::aggregate::{Folded, How, Intake, SeriesKey, Statistics};
use crate::sample::{Labels, MetricName, Sample};
use crate::scraper::NameFilter;
pub(crate) use buckets::{Bucket, spread};

/// What is told of one series at one time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// The metric.
    pub(crate) metric: MetricName,
    /// Its own dimensions.
    pub(crate) labels: Labels,
    /// The value.
    pub(crate) value: Value,
}

/// A value, with how it becomes one with others of its window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// How things are.
    Gauge(f64),
    /// What happened since the value before.
    Delta(f64),
    /// What happened since the value before, whose single values are not known.
    Statistics(Statistics),
    /// How often each value came since the value before.
    Spread(Vec<(f64, f64)>),
}

/// Hands in what was told of one time.
pub(crate) fn hand_in(intake: &Intake, time: UnixMillis, all: impl IntoIterator<Item = Told>) {
    let mut held = intake.hold();
    let window = held.window(time);
    for Told {
        metric,
        labels,
        value,
    } in all
    {
        let how = match &value {
            Value::Gauge(_) => How::Statistics,
            Value::Delta(_) => How::Sum,
            Value::Spread(_) => How::Distribution,
            Value::Statistics(statistics) => {
                window.add_sample(Sample {
                    metric,
                    labels,
                    value: Folded::Statistics(*statistics),
                    additive: false,
                });
                continue;
            }
        };
        let slot = window.slot(SeriesKey {
            metric,
            labels,
            how,
        });
        match value {
            Value::Gauge(value) | Value::Delta(value) => window.add(slot, value, 1.0),
            Value::Spread(pairs) => {
                for (value, count) in pairs {
                    window.add(slot, value, count);
                }
            }
            Value::Statistics(_) => {}
        }
    }
}

/// Which labels of an application become dimensions, and what they are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelRules {
    /// Names that are kept, as they were before they were renamed.
    pub kept: NameFilter,
    /// New names.
    pub rename: BTreeMap<String, String>,
    /// Labels that every series gets unless it has one of the name.
    pub add: BTreeMap<String, String>,
}

impl LabelRules {
    /// The labels that are left. One without a value is the same as none, as Prometheus says of
    /// its labels; CloudWatch takes no empty value.
    pub(crate) fn apply<'l>(
        &self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
    ) -> Vec<(Arc<str>, Arc<str>)> {
        let mut kept: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (name, value) in labels {
            if value.is_empty() || !self.kept.admits(name) {
                continue;
            }
            let name = self.rename.get(name).map_or(name, |new| new);
            kept.push((Arc::from(name), Arc::from(value)));
        }
        for (name, value) in &self.add {
            if kept.iter().all(|(known, _)| **known != **name) {
                kept.push((Arc::from(&**name), Arc::from(&**value)));
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_kept_renamed_and_added_by_rule() {
        let rules = LabelRules {
            kept: NameFilter::new(&["*"], &["pod_*"]).unwrap(),
            rename: BTreeMap::from([("svc".to_owned(), "service".to_owned())]),
            add: BTreeMap::from([
                ("job".to_owned(), "web".to_owned()),
                ("service".to_owned(), "unused".to_owned()),
            ]),
        };
        let labels = [
            ("svc", "a"),
            ("pod_id", "x"),
            ("empty", ""),
            ("code", "200"),
        ];
        let told: Vec<String> = Labels::new(rules.apply(labels))
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(told, ["code=200", "job=web", "service=a"]);
    }
}
