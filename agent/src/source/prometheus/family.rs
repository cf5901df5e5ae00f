//! What an exposition says, put together: lines → families → what is told of each series.
//!
//! Pure: bytes in as they come, no clock, no I/O. A line that cannot be understood costs only
//! itself. Values that belong together, as those of a histogram do, stand in one family; they are
//! told when the family ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::UnixMillis;

use super::memory::{Histogram, Memory, Since, Unusable};
use super::text::{Kind, Line, Point, line};
use crate::sample::{GivenMetric, Labels, MetricName};
use crate::scraper::NameFilter;
use crate::source::told::{LabelRules, Told, Value};

/// A longer line is left out: no library writes one.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Buckets of one histogram. Libraries have some 15; 150 values fit a datum.
const BUCKETS_MAX: usize = 1000;

/// What becomes of the series of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetRules {
    /// Names of the metrics that are told.
    pub metrics: NameFilter,
    /// Which labels become dimensions.
    pub labels: LabelRules,
    /// The namespace, if not that of the feed.
    pub namespace: Option<Arc<str>>,
}

/// One scrape while it is read.
pub(crate) struct Exposition<'t> {
    rules: &'t TargetRules,
    memory: &'t mut Memory,
    /// When the scrape before began: what was created since then began at zero since then.
    before: Option<UnixMillis>,
    open_metrics: bool,
    partial: Vec<u8>,
    skipping: bool,
    line: u64,
    ended: bool,
    family: Family,
    histograms: BTreeMap<String, OpenHistogram>,
    fresh: Fresh,
    told: Vec<Told>,
    mistakes: BTreeMap<&'static str, Mistake>,
}

/// What was not as it should be, of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// How many times.
    pub(crate) count: u64,
    /// The line of the first.
    pub(crate) line: u64,
    /// What was wrong with the first.
    pub(crate) what: &'static str,
}

#[derive(Debug, Default)]
struct Family {
    name: String,
    kind: Kind,
    unit: Option<Unit>,
    /// The name that a family of the time of creation would have in the format 0.0.4.
    created: String,
}

#[derive(Debug, Default)]
struct OpenHistogram {
    labels: Labels,
    shown: Histogram,
    count: Option<f64>,
    created: Option<f64>,
}

/// What a series shows that is seen for the first time, until it is known when it was created.
#[derive(Debug, Default)]
struct Fresh {
    of: String,
    told: Vec<Told>,
}

impl<'t> Exposition<'t> {
    /// Begins to read. `before` is when the scrape before began, if there was one.
    pub(crate) fn begin(
        rules: &'t TargetRules,
        memory: &'t mut Memory,
        before: Option<UnixMillis>,
        open_metrics: bool,
    ) -> Self {
        memory.begin();
        Self {
            rules,
            memory,
            before,
            open_metrics,
            partial: Vec::new(),
            skipping: false,
            line: 0,
            ended: false,
            family: Family::default(),
            histograms: BTreeMap::new(),
            fresh: Fresh::default(),
            told: Vec::new(),
            mistakes: BTreeMap::new(),
        }
    }

    /// Reads the next bytes, and gives what they complete.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Vec<Told> {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (head, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            bytes = rest.get(1..).unwrap_or(&[]);
            self.add(head);
            self.end_of_line();
        }
        self.add(bytes);
        std::mem::take(&mut self.told)
    }

    /// The end of the body. Gives what is left, and what was wrong.
    pub(crate) fn end(mut self) -> (Vec<Told>, BTreeMap<&'static str, Mistake>) {
        if !self.partial.is_empty() || self.skipping {
            self.end_of_line();
        }
        if self.open_metrics && !self.ended {
            self.mistake("prometheus_truncated", "the exposition has no end");
        }
        self.end_of_family();
        self.memory.end();
        (self.told, self.mistakes)
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.partial.len() + bytes.len() > LINE_BYTES_MAX {
            self.partial.clear();
            self.skipping = true;
        }
        if !self.skipping {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn end_of_line(&mut self) {
        self.line += 1;
        if std::mem::take(&mut self.skipping) {
            return self.malformed("a line of more than 64 KiB");
        }
        let mut bytes = std::mem::take(&mut self.partial);
        match std::str::from_utf8(&bytes).map(line) {
            Err(_) => self.malformed("a line that is not UTF-8"),
            Ok(Err(wrong)) => self.malformed(wrong),
            Ok(Ok(_)) if self.ended => self.malformed("a line behind the end"),
            Ok(Ok(understood)) => self.take(understood),
        }
        bytes.clear();
        self.partial = bytes;
    }

    fn malformed(&mut self, what: &'static str) {
        self.mistake("prometheus_malformed", what);
    }

    fn mistake(&mut self, reason: &'static str, what: &'static str) {
        let line = self.line;
        let first = Mistake {
            count: 0,
            line,
            what,
        };
        self.mistakes.entry(reason).or_insert(first).count += 1;
    }

    fn take(&mut self, understood: Line<'_>) {
        match understood {
            Line::Nothing => {}
            Line::End => self.ended = self.open_metrics,
            Line::Unit(name, unit) => {
                if name == self.family.name {
                    self.family.unit = unit_of(unit);
                }
            }
            Line::Type(name, kind) => {
                self.end_of_family();
                let is_created = kind == Kind::Gauge && name == self.family.created;
                self.family = Family {
                    name: name.to_owned(),
                    // The time of creation is no metric of anyone's interest.
                    kind: if is_created { Kind::Info } else { kind },
                    unit: None,
                    created: match kind {
                        Kind::Counter | Kind::Histogram | Kind::Summary => {
                            format!("{}_created", name.strip_suffix("_total").unwrap_or(name))
                        }
                        _ => String::new(),
                    },
                };
            }
            Line::Point(point) => self.point(&point),
        }
    }

    fn point(&mut self, point: &Point<'_>) {
        let suffix = match point.name.strip_prefix(&*self.family.name) {
            Some(suffix) if self.family.kind.has(suffix) => suffix,
            _ => {
                self.end_of_family();
                self.family = Family {
                    name: point.name.clone().into_owned(),
                    ..Family::default()
                };
                ""
            }
        };
        match (self.family.kind, suffix) {
            (Kind::Info, _) => {}
            (Kind::Other, _) => self.mistake("prometheus_type", "a type that is not understood"),
            (Kind::Counter | Kind::Summary, "_created") => self.created(point),
            (Kind::Counter, _) | (Kind::Summary, "_sum" | "_count") => self.counter(point),
            (Kind::Histogram, suffix) => self.part_of_histogram(point, suffix),
            // Before its first value a quantile is not a number.
            (Kind::Summary, _) if point.value.is_nan() => {}
            (Kind::Gauge | Kind::Summary, _) => self.gauge(point),
        }
    }

    fn gauge(&mut self, point: &Point<'_>) {
        if !self.rules.metrics.admits(&point.name) {
            return;
        }
        if !point.value.is_finite() {
            return self.mistake("prometheus_not_a_number", "a gauge that is not a number");
        }
        let value = Value::Gauge(point.value);
        let one = self.tell(&point.name, self.labels(point), value);
        self.told.push(one);
    }

    fn counter(&mut self, point: &Point<'_>) {
        if !self.rules.metrics.admits(&point.name) {
            return;
        }
        if !point.value.is_finite() || point.value < 0.0 {
            return self.mistake("prometheus_not_a_number", "a counter that is no count");
        }
        let since = match self
            .memory
            .counter(&key(&point.name, point, false), point.value)
        {
            Ok(since) => since,
            Err(unusable) => return self.unusable(unusable),
        };
        let (Since::Known(value) | Since::New(value)) = since;
        let one = self.tell(&point.name, self.labels(point), Value::Delta(value));
        if matches!(since, Since::Known(_)) {
            self.told.push(one);
        } else if self.before.is_some() && self.open_metrics {
            let of = key(&self.family.name, point, false);
            if self.fresh.of != of {
                self.fresh = Fresh {
                    of,
                    told: Vec::new(),
                };
            }
            self.fresh.told.push(one);
        }
    }

    /// When the series of the values before was created.
    fn created(&mut self, point: &Point<'_>) {
        if self.fresh.of == key(&self.family.name, point, false) {
            let fresh = std::mem::take(&mut self.fresh);
            if self.is_new(point.value) {
                self.told.extend(fresh.told);
            }
        }
    }

    /// Whether what was created at this time, in seconds since 1970, was not there in the scrape
    /// before.
    fn is_new(&self, created: f64) -> bool {
        self.before
            .is_some_and(|before| created * 1000.0 > crate::sample::millis(before))
    }

    fn part_of_histogram(&mut self, point: &Point<'_>, suffix: &str) {
        if !self.rules.metrics.admits(&self.family.name) {
            return;
        }
        let of = key(&self.family.name, point, true);
        if !self.histograms.contains_key(&of) {
            let labels = self.labels(point);
            let open = OpenHistogram {
                labels,
                ..OpenHistogram::default()
            };
            self.histograms.insert(of.clone(), open);
        }
        let Some(open) = self.histograms.get_mut(&of) else {
            return;
        };
        match suffix {
            "_sum" => open.shown.sum = Some(point.value),
            "_count" => open.count = Some(point.value),
            "_created" => open.created = Some(point.value),
            _ => match bound(point) {
                Some(bound) if open.shown.buckets.len() < BUCKETS_MAX => {
                    open.shown.buckets.push((bound, point.value));
                }
                Some(_) => self.malformed("too many buckets"),
                None => self.malformed("a bucket without a bound"),
            },
        }
    }

    fn end_of_family(&mut self) {
        self.fresh = Fresh::default();
        for (of, mut open) in std::mem::take(&mut self.histograms) {
            if !open.complete() {
                self.malformed("a histogram whose counts are no counts");
                continue;
            }
            match self.memory.histogram(&of, &open.shown) {
                Err(unusable) => self.unusable(unusable),
                Ok(Since::New(_)) if !open.created.is_some_and(|at| self.is_new(at)) => {}
                Ok(Since::Known(values) | Since::New(values))
                    if values.iter().any(|(value, _)| !value.is_finite()) =>
                {
                    self.malformed("a histogram with bounds beyond all numbers");
                }
                Ok(Since::Known(values) | Since::New(values)) if !values.is_empty() => {
                    let name = self.family.name.clone();
                    let one = self.tell(&name, open.labels, Value::Spread(values));
                    self.told.push(one);
                }
                Ok(_) => {}
            }
        }
    }

    fn unusable(&mut self, unusable: Unusable) {
        match unusable {
            Unusable::Duplicate => self.mistake("prometheus_duplicate", "a series twice"),
            Unusable::TooMany => self.mistake("prometheus_series", "too many series to remember"),
        }
    }

    fn tell(&self, name: &str, labels: Labels, value: Value) -> Told {
        let metric = GivenMetric {
            namespace: self.rules.namespace.clone(),
            ..GivenMetric::new(name, self.family.unit.unwrap_or_else(|| unit_by_name(name)))
        };
        Told {
            metric: MetricName::from(metric),
            labels,
            value,
        }
    }

    fn labels(&self, point: &Point<'_>) -> Labels {
        let is_histogram = self.family.kind == Kind::Histogram;
        let labels = point.labels.iter();
        let labels = labels.filter(|(name, _)| !is_histogram || name != "le");
        let labels = labels.map(|(name, value)| (&**name, &**value));
        Labels::new(self.rules.labels.apply(labels))
    }
}

impl Kind {
    /// Whether a point of a family of this type may have this suffix.
    fn has(self, suffix: &str) -> bool {
        match self {
            Self::Counter => matches!(suffix, "" | "_total" | "_created"),
            Self::Gauge => suffix.is_empty(),
            Self::Histogram => matches!(suffix, "_bucket" | "_sum" | "_count" | "_created"),
            Self::Summary => matches!(suffix, "" | "_sum" | "_count" | "_created"),
            Self::Info => matches!(suffix, "" | "_info"),
            Self::Other => matches!(suffix, "" | "_bucket" | "_gsum" | "_gcount"),
        }
    }
}

impl OpenHistogram {
    /// Puts the buckets in order. Whether they are counts.
    fn complete(&mut self) -> bool {
        let buckets = &mut self.shown.buckets;
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        let is_whole = buckets.last().is_some_and(|last| last.0 == f64::INFINITY);
        if let Some(count) = self.count
            && !is_whole
        {
            buckets.push((f64::INFINITY, count));
        }
        self.shown.sum = self.shown.sum.filter(|sum| sum.is_finite());
        let different = buckets.windows(2).all(|pair| match pair {
            [one, next] => one.0 < next.0,
            _ => true,
        });
        let is_count = |(_, count): &(f64, f64)| count.is_finite() && *count >= 0.0;
        !buckets.is_empty() && different && buckets.iter().all(is_count)
    }
}

fn bound(point: &Point<'_>) -> Option<f64> {
    let (_, bound) = point.labels.iter().find(|(name, _)| name == "le")?;
    let bound: f64 = bound.parse().ok()?;
    (!bound.is_nan()).then_some(bound)
}

/// What names a series within a target. The bound of a bucket names none.
fn key(name: &str, point: &Point<'_>, is_histogram: bool) -> String {
    let mut key = name.to_owned();
    for (label, value) in &point.labels {
        if !is_histogram || label != "le" {
            for text in [label, value] {
                key.push('\0');
                key.push_str(text);
            }
        }
    }
    key
}

fn unit_of(word: &str) -> Option<Unit> {
    match word {
        "seconds" => Some(Unit::Seconds),
        "bytes" => Some(Unit::Bytes),
        "percent" => Some(Unit::Percent),
        _ => None,
    }
}

/// Names end with their unit, which is a base unit.
/// Source: Prometheus documentation, "Metric and label naming".
fn unit_by_name(name: &str) -> Unit {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let word = name.rsplit_once('_').map_or("", |(_, word)| word);
    unit_of(word).unwrap_or(Unit::None)
}

#[cfg(test)]
mod tests;
