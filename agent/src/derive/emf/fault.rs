//! Rules of the embedded metric format that a document can break, each with the word it is counted
//! under. CloudWatch Logs leaves out what breaks them and tells the sender nothing.

/// A broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The record is no JSON object and nothing else.
    NotObject,
    /// There is no list of directives, or it names no metric.
    NoMetrics,
    /// There is no time, or CloudWatch would not take it.
    Timestamp,
    /// A directive has no good namespace.
    Namespace,
    /// A directive has no dimension sets, or one of them is none.
    Dimensions,
    /// A dimension set names a member that is not there.
    DimensionMissing,
    /// The value of a dimension is no string of 1 to 1024 characters.
    DimensionValue,
    /// A metric has no good name.
    MetricName,
    /// A metric names a member that is not there.
    MetricMissing,
    /// The value of a metric is neither a number nor a list of numbers.
    Value,
    /// CloudWatch has no such unit.
    Unit,
    /// A storage resolution is neither 1 nor 60.
    Resolution,
    /// The document has more metrics, dimension sets or values than any that is meant so.
    TooManyMetrics,
    /// The record is longer than an event of CloudWatch Logs.
    TooLong,
}

const FAULTS: [(Fault, &str); 14] = [
    (Fault::NotObject, "emf_not_object"),
    (Fault::NoMetrics, "emf_no_metrics"),
    (Fault::Timestamp, "emf_timestamp"),
    (Fault::Namespace, "emf_namespace"),
    (Fault::Dimensions, "emf_dimensions"),
    (Fault::DimensionMissing, "emf_dimension_missing"),
    (Fault::DimensionValue, "emf_dimension_value"),
    (Fault::MetricName, "emf_metric_name"),
    (Fault::MetricMissing, "emf_metric_missing"),
    (Fault::Value, "emf_value"),
    (Fault::Unit, "emf_unit"),
    (Fault::Resolution, "emf_resolution"),
    (Fault::TooManyMetrics, "emf_too_many_metrics"),
    (Fault::TooLong, "emf_too_long"),
];

/// How often each rule was broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults([u64; FAULTS.len()]);

impl Faults {
    /// Counts one more.
    pub(crate) fn add(&mut self, fault: Fault) {
        for (count, (known, _)) in self.0.iter_mut().zip(FAULTS) {
            *count += u64::from(known == fault);
        }
    }

    /// Adds those of `other`.
    pub(crate) fn merge(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    /// Whether no rule was broken.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// Every rule with its count, by the word it is counted under.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let words = FAULTS.iter().map(|(_, word)| *word);
        words.zip(self.0)
    }
}
