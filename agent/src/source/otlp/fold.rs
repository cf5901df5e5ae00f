//! Points of a request → what is told of each series.
//!
//! Pure but for the streams that it remembers. A point that cannot be told is refused with a
//! reason, which the answer gives to the program that sent it; the others are told.

mod naming;
mod point;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_aws::limits::metrics as limits;
use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::UnixMillis;

use super::buckets::Counts;
use super::cumulative::{Refused, Since, Span, StreamId, Streams, Total};
use super::model::{
    ExponentialPoint, ExportRequest, HistogramPoint, Metric, NumberPoint, SummaryPoint,
};
use super::unit::unit;
use crate::aggregate::Statistics;
use crate::sample::{GivenMetric, Labels, MetricName, as_value};
use crate::source::told::{LabelRules, Told, Value, spread};
use naming::Naming;
use point::{Common, Measured, number};

/// Values of `AggregationTemporality`.
const DELTA: u64 = 1;
const CUMULATIVE: u64 = 2;
/// The bit of a point's flags that says that it has no value.
const NO_RECORDED_VALUE: u64 = 1;
/// Quantiles of one summary that become series.
const QUANTILES_MAX: usize = 20;

/// What becomes of what programs send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtlpRules {
    /// Attributes of the resource that become dimensions.
    pub resource_attributes: Vec<String>,
    /// Which attributes of points become dimensions.
    pub labels: LabelRules,
}

/// Folds requests, one after the other.
#[derive(Debug)]
pub(crate) struct Folder {
    rules: OtlpRules,
    streams: Streams,
    naming: Naming,
}

/// What came of a request.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What is told, by its time.
    pub(crate) told: BTreeMap<UnixMillis, Vec<Told>>,
    /// Points that are refused, by reason.
    pub(crate) refused: BTreeMap<&'static str, u64>,
}

impl Folder {
    /// Begins to listen at `now`.
    pub(crate) fn new(rules: OtlpRules, now: UnixMillis) -> Self {
        Self {
            rules,
            streams: Streams::since(nanos(now)),
            naming: Naming::default(),
        }
    }

    /// Takes a request that came at `now`.
    pub(crate) fn fold(&mut self, request: &ExportRequest<'_>, now: UnixMillis) -> Outcome {
        self.streams.forget(nanos(now));
        let mut folding = Folding {
            rules: &self.rules,
            streams: &mut self.streams,
            naming: &self.naming,
            now,
            outcome: Outcome::default(),
        };
        for program in &request.resource_metrics {
            let attributes = &program.resource.attributes;
            let id = folding.naming.attributes((0, 0), attributes);
            let chosen = attributes.iter().filter(|pair| {
                let wanted = &folding.rules.resource_attributes;
                !pair.value.is_empty() && wanted.iter().any(|name| **name == pair.key)
            });
            let chosen = chosen.map(|pair| (Arc::from(&*pair.key), Arc::from(&*pair.value)));
            let dimensions: Vec<(Arc<str>, Arc<str>)> = chosen.collect();
            for library in &program.scope_metrics {
                let id = folding.naming.text(id, &library.scope.name);
                for metric in &library.metrics {
                    folding.metric(&dimensions, id, metric);
                }
            }
        }
        folding.outcome
    }
}

struct Folding<'f> {
    rules: &'f OtlpRules,
    streams: &'f mut Streams,
    naming: &'f Naming,
    now: UnixMillis,
    outcome: Outcome,
}

/// The series of a point.
struct Series<'m> {
    name: &'m str,
    unit: Unit,
    labels: Vec<(Arc<str>, Arc<str>)>,
    id: StreamId,
    span: Span,
    time: UnixMillis,
}

type Folded = Result<(), &'static str>;

impl Folding<'_> {
    fn metric(&mut self, dimensions: &[(Arc<str>, Arc<str>)], id: StreamId, metric: &Metric<'_>) {
        let id = self.naming.text(id, &metric.name);
        if let Some(gauge) = &metric.gauge {
            self.points(dimensions, id, metric, &gauge.all, Self::gauge);
        }
        if let Some(sum) = &metric.sum {
            let (temporality, is_monotonic) = (sum.aggregation_temporality, sum.is_monotonic);
            self.points(dimensions, id, metric, &sum.all, |this, of, point| {
                this.sum(of, point, temporality, is_monotonic)
            });
        }
        if let Some(histogram) = &metric.histogram {
            let temporality = histogram.aggregation_temporality;
            self.points(dimensions, id, metric, &histogram.all, |this, of, point| {
                this.histogram(of, point, temporality)
            });
        }
        if let Some(histogram) = &metric.exponential_histogram {
            let temporality = histogram.aggregation_temporality;
            self.points(dimensions, id, metric, &histogram.all, |this, of, point| {
                this.exponential(of, point, temporality)
            });
        }
        if let Some(summary) = &metric.summary {
            self.points(dimensions, id, metric, &summary.all, Self::summary);
        }
    }

    fn points<P: Measured>(
        &mut self,
        dimensions: &[(Arc<str>, Arc<str>)],
        id: StreamId,
        metric: &Metric<'_>,
        points: &[P],
        tell: impl Fn(&mut Self, &Series<'_>, &P) -> Folded,
    ) {
        for point in points {
            let common = point.common();
            if common.flags & NO_RECORDED_VALUE != 0 {
                continue;
            }
            let told = self.series(dimensions, id, metric, &common);
            if let Err(reason) = told.and_then(|series| tell(self, &series, point)) {
                *self.outcome.refused.entry(reason).or_default() += 1;
            }
        }
    }

    fn series<'m>(
        &self,
        dimensions: &[(Arc<str>, Arc<str>)],
        id: StreamId,
        metric: &'m Metric<'_>,
        common: &Common<'_>,
    ) -> Result<Series<'m>, &'static str> {
        let pairs = common.attributes.iter();
        let pairs = pairs.map(|pair| (&*pair.key, &*pair.value));
        let mut labels = self.rules.labels.apply(pairs);
        for dimension in dimensions {
            if labels.iter().all(|(name, _)| *name != dimension.0) {
                labels.push(dimension.clone());
            }
        }
        if labels.len() > limits::DIMENSIONS_MAX {
            return Err("otlp_dimensions");
        }
        let too_long = |(name, value): &(Arc<str>, Arc<str>)| {
            name.len() > limits::DIMENSION_NAME_MAX || value.len() > limits::DIMENSION_VALUE_MAX
        };
        if labels.iter().any(too_long) {
            return Err("otlp_dimension_length");
        }
        Ok(Series {
            name: &metric.name,
            unit: unit(&metric.unit),
            labels,
            id: self.naming.attributes(id, common.attributes),
            span: common.span,
            time: self.time(common.span.time)?,
        })
    }

    /// The time of a point. One that is not known or to come is now.
    fn time(&self, nanos: u64) -> Result<UnixMillis, &'static str> {
        let time = UnixMillis(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX));
        if nanos == 0 || time > self.now {
            return Ok(self.now);
        }
        if self.now.since(time) > limits::AGE_MAX {
            return Err("otlp_old");
        }
        Ok(time)
    }

    fn gauge(&mut self, of: &Series<'_>, point: &NumberPoint<'_>) -> Folded {
        self.tell(of, Value::Gauge(number(point)?));
        Ok(())
    }

    fn sum(
        &mut self,
        of: &Series<'_>,
        point: &NumberPoint<'_>,
        temporality: u64,
        is_monotonic: bool,
    ) -> Folded {
        let value = number(point)?;
        if is_monotonic && value < 0.0 {
            return Err("otlp_not_a_number");
        }
        match (temporality, is_monotonic) {
            (DELTA, _) => {
                self.streams.change(of.id, of.span, nanos(self.now))?;
                self.tell(of, Value::Delta(value));
            }
            // What goes up and down is as it is.
            (CUMULATIVE, false) => self.tell(of, Value::Gauge(value)),
            (CUMULATIVE, true) => {
                if let Some(value) = self.counted(of.id, of.span, value)? {
                    self.tell(of, Value::Delta(value));
                }
            }
            _ => return Err("otlp_temporality"),
        }
        Ok(())
    }

    /// What a total has grown by; nothing if that is not known.
    fn counted(&mut self, id: StreamId, span: Span, value: f64) -> Result<Option<f64>, Refused> {
        let less = |before: &Total| !matches!(before, Total::Number(before) if *before <= value);
        let now = nanos(self.now);
        let since = self
            .streams
            .total(id, span, now, Total::Number(value), less)?;
        Ok(match since {
            Since::All => Some(value),
            Since::MoreThan(Total::Number(before)) => Some(value - before),
            Since::MoreThan(_) | Since::Nothing => None,
        })
    }

    fn histogram(
        &mut self,
        of: &Series<'_>,
        point: &HistogramPoint<'_>,
        temporality: u64,
    ) -> Folded {
        if point.bucket_counts.len() <= 1 {
            return self.without_buckets(of, point, temporality);
        }
        let counts = Counts::explicit(point).ok_or("otlp_histogram")?;
        self.spread(of, counts, temporality, point.sum, (point.min, point.max))
    }

    fn exponential(
        &mut self,
        of: &Series<'_>,
        point: &ExponentialPoint<'_>,
        temporality: u64,
    ) -> Folded {
        let counts = Counts::exponential(point).ok_or("otlp_histogram")?;
        self.spread(of, counts, temporality, point.sum, (point.min, point.max))
    }

    fn spread(
        &mut self,
        of: &Series<'_>,
        counts: Counts,
        temporality: u64,
        sum: Option<f64>,
        (min, max): (Option<f64>, Option<f64>),
    ) -> Folded {
        let now = nanos(self.now);
        let (counts, sum) = match temporality {
            DELTA => {
                self.streams.change(of.id, of.span, now)?;
                (counts, sum)
            }
            CUMULATIVE => {
                let less = |before: &Total| !matches!(before, Total::Counts(before, _) if counts.since(before).is_some());
                let total = Total::Counts(counts.clone(), sum);
                match self.streams.total(of.id, of.span, now, total, less)? {
                    Since::All => (counts, sum),
                    Since::MoreThan(Total::Counts(before, sum_before)) => {
                        let since = counts.since(&before).ok_or("otlp_histogram")?;
                        (since, sum.zip(sum_before).map(|(now, then)| now - then))
                    }
                    Since::MoreThan(_) | Since::Nothing => return Ok(()),
                }
            }
            _ => return Err("otlp_temporality"),
        };
        let values = spread(&counts.buckets(min, max), sum);
        if values.iter().any(|(value, _)| !value.is_finite()) {
            return Err("otlp_histogram");
        }
        if !values.is_empty() {
            self.tell(of, Value::Spread(values));
        }
        Ok(())
    }

    /// A histogram of a single bucket tells a statistic set, if it tells all of one.
    fn without_buckets(
        &mut self,
        of: &Series<'_>,
        point: &HistogramPoint<'_>,
        temporality: u64,
    ) -> Folded {
        let known = (point.sum, point.min, point.max);
        let (DELTA, (Some(sum), Some(min), Some(max))) = (temporality, known) else {
            return Err("otlp_no_buckets");
        };
        if ![sum, min, max].into_iter().all(f64::is_finite) {
            return Err("otlp_not_a_number");
        }
        self.streams.change(of.id, of.span, nanos(self.now))?;
        if point.count > 0 {
            let count = as_value(point.count);
            let statistics = Statistics {
                count,
                sum,
                min,
                max,
            };
            self.tell(of, Value::Statistics(statistics));
        }
        Ok(())
    }

    /// A gauge for each quantile, and the count and the sum as what they have grown by.
    fn summary(&mut self, of: &Series<'_>, point: &SummaryPoint<'_>) -> Folded {
        if point.quantile_values.len() > QUANTILES_MAX {
            return Err("otlp_summary");
        }
        let sum = point.sum.unwrap_or_default();
        for (suffix, unit, value) in [
            ("_count", Unit::Count, as_value(point.count)),
            ("_sum", of.unit, sum),
        ] {
            if !value.is_finite() {
                return Err("otlp_not_a_number");
            }
            let id = self.naming.text(of.id, suffix);
            if let Some(value) = self.counted(id, of.span, value)? {
                let name = format!("{}{suffix}", of.name);
                self.tell_as(of, &name, unit, of.labels.clone(), Value::Delta(value));
            }
        }
        for one in point
            .quantile_values
            .iter()
            .filter(|one| one.value.is_finite())
        {
            let mut labels = of.labels.clone();
            labels.push((Arc::from("quantile"), Arc::from(one.quantile.to_string())));
            self.tell_as(of, of.name, of.unit, labels, Value::Gauge(one.value));
        }
        Ok(())
    }

    fn tell(&mut self, of: &Series<'_>, value: Value) {
        self.tell_as(of, of.name, of.unit, of.labels.clone(), value);
    }

    fn tell_as(
        &mut self,
        of: &Series<'_>,
        name: &str,
        unit: Unit,
        labels: Vec<(Arc<str>, Arc<str>)>,
        value: Value,
    ) {
        let told = Told {
            metric: MetricName::from(GivenMetric::new(name, unit)),
            labels: Labels::new(labels),
            value,
        };
        self.outcome.told.entry(of.time).or_default().push(told);
    }
}

impl From<Refused> for &'static str {
    /// The reason to count it under.
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Old => "otlp_repeated",
            Refused::Full => "otlp_streams",
        }
    }
}

fn nanos(time: UnixMillis) -> u64 {
    u64::try_from(time.0).unwrap_or(0).saturating_mul(1_000_000)
}
