//! What a signal is computed from.
//!
//! An expression is read once and then asked on every tick. It has a value or a reason why it has
//! none; there is nothing between the two, so no made-up number ever reaches CloudWatch. Pure.

mod ask;
mod print;
pub(crate) mod read;

use std::sync::Arc;

/// The largest value that is told. Source: CloudWatch API reference, `MetricDatum`, member `Value`:
/// -2^360 to 2^360.
pub(crate) const VALUE_MAX: f64 = 2.348_542_582_773_833_3e108;

/// The functions of numbers, as they are called.
pub(crate) const FUNCTIONS: [(&str, Operation); 5] = [
    ("max", Operation::Max),
    ("min", Operation::Min),
    ("clamp", Operation::Clamp),
    ("abs", Operation::Abs),
    ("default", Operation::Default),
];
/// The statistics of metrics, as they are called; percentiles are written `p50` to `p99.9`.
pub(crate) const STATISTICS: [(&str, Statistic); 6] = [
    ("avg", Statistic::Average),
    ("sum", Statistic::Sum),
    ("minimum", Statistic::Minimum),
    ("maximum", Statistic::Maximum),
    ("count", Statistic::Count),
    ("rate", Statistic::Rate),
];
/// The feeds, as they are called.
pub(crate) const FEEDS: [(&str, FeedName); 7] = [
    ("host", FeedName::Host),
    ("statsd", FeedName::Statsd),
    ("emf", FeedName::Emf),
    ("logs", FeedName::Logs),
    ("collectd", FeedName::Collectd),
    ("prometheus", FeedName::Prometheus),
    ("otlp", FeedName::Otlp),
];

/// An expression that was read and is well formed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    /// The outermost operation.
    pub(crate) root: Node,
}

impl Expression {
    /// The metrics that it names, as often as it names them.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = &MetricRef> {
        self.root.all().into_iter().filter_map(|node| match node {
            Node::Metric(metric) => Some(metric),
            _ => None,
        })
    }

    /// The signals that it names, as often as it names them.
    pub(crate) fn signals(&self) -> impl Iterator<Item = &Arc<str>> {
        self.root.all().into_iter().filter_map(|node| match node {
            Node::Signal(name) => Some(name),
            _ => None,
        })
    }
}

/// One operation with what it works on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// A number as it is written.
    Number(f64),
    /// What a metric says.
    Metric(MetricRef),
    /// What another signal says, withheld or not.
    Signal(Arc<str>),
    /// An operation.
    Call(Operation, Vec<Node>),
}

impl Node {
    /// Itself and all that it works on, in the order in which they are written.
    fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        if let Self::Call(_, arguments) = self {
            all.extend(arguments.iter().flat_map(Self::all));
        }
        all
    }
}

/// What is done with numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`; there is no value if `b` is zero.
    Divide,
    /// `-a`
    Negate,
    /// `max(a, b, …)` of two or more.
    Max,
    /// `min(a, b, …)` of two or more.
    Min,
    /// `clamp(a, least, most)`
    Clamp,
    /// `abs(a)`
    Abs,
    /// `default(a, b)`: `b` if `a` has no value because a metric was not told. Never instead of a
    /// value that cannot be (a division by zero).
    Default,
}

/// A metric, as an expression names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MetricRef {
    /// The feed that tells it, if the expression says which: `host`, `statsd`, `emf`, `logs`,
    /// `collectd`, `prometheus` or `otlp`.
    pub(crate) feed: Option<FeedName>,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Own dimensions that it must have with these values. Series with others are matched as well.
    pub(crate) labels: Vec<(Arc<str>, Arc<str>)>,
    /// What is asked of the values of all series that match.
    pub(crate) statistic: Statistic,
}

/// Where a metric comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum FeedName {
    Host,
    Statsd,
    Emf,
    Logs,
    Collectd,
    Prometheus,
    Otlp,
}

/// What is asked of the values of one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Statistic {
    /// The metric's name alone: the sum of what is added up, else the average.
    Natural,
    /// `avg(m)`
    Average,
    /// `sum(m)`
    Sum,
    /// `minimum(m)`
    Minimum,
    /// `maximum(m)`
    Maximum,
    /// `count(m)`: how many values.
    Count,
    /// `rate(m)`: the sum over the seconds of the interval.
    Rate,
    /// `p50(m)` to `p99.9(m)`, in thousandths of a percent: 99.9 is 99,900.
    Percentile(u32),
}

/// Why an expression has no value now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoValue {
    /// A metric was not told, never or not for a while.
    #[error("{0} was not told")]
    Missing(String),
    /// Something was divided by zero.
    #[error("a division by zero")]
    DivisionByZero,
    /// The result is no number that CloudWatch takes.
    #[error("the result is no number that CloudWatch takes")]
    NotFinite,
    /// Another signal has no value.
    #[error("signal {name} has none: {why}")]
    Signal {
        /// Its name.
        name: Arc<str>,
        /// Why it has none.
        why: Box<NoValue>,
    },
}

impl NoValue {
    /// A word for counters: `metric_missing`, `division_by_zero`, `not_finite`.
    #[must_use]
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Missing(_) => "metric_missing",
            Self::DivisionByZero => "division_by_zero",
            Self::NotFinite => "not_finite",
            Self::Signal { why, .. } => why.reason(),
        }
    }
}

/// Where values come from while an expression is asked.
pub(crate) trait Values {
    /// What a metric says in the interval that is over.
    ///
    /// # Errors
    /// [`NoValue::Missing`].
    fn metric(&self, metric: &MetricRef) -> Result<f64, NoValue>;

    /// What another signal says, which was asked before.
    ///
    /// # Errors
    /// Why it has no value.
    fn signal(&self, name: &str) -> Result<f64, NoValue>;
}
