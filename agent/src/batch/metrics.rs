//! Samples → datums → calls. Pure: no clock, no I/O.
//!
//! Each sample becomes a datum in every dimension set that its [`Shape`](crate::config::Shape) gives it. Samples that end
//! up with the same name and dimensions are folded together, so a roll-up is one datum however many
//! devices it sums up. Every datum is checked alone, so that one bad value never costs a whole call;
//! CloudWatch takes a call as a whole or not at all. What is left fills calls up to their limits in
//! datums and bytes.

mod check;
mod fill;
mod shape;

use std::collections::HashMap;
use std::sync::Arc;

use plimsoll_aws::{Datum, Series};

use crate::aggregate::Folded;
use crate::sample::{Feed, Labels, MetricName, Sample, Tick};
use check::check;
pub(crate) use fill::{REQUEST_OVERHEAD_BYTES, encoded_bytes_max, fill};
pub(crate) use shape::Resolved;

/// Series that are remembered so that their names are made once. Devices that come and go make
/// new ones; at this bound the memory begins anew, which costs nothing but a little work.
const SERIES_MAX: usize = 20_000;

/// One call's worth of datums.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MetricBatch {
    /// The namespace of all of them.
    pub(crate) namespace: Arc<str>,
    /// At most as many as a call takes.
    pub(crate) datums: Vec<Datum>,
}

/// A datum that CloudWatch would refuse.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unfit {
    /// The metric's name.
    pub(crate) name: String,
    /// Its own dimensions.
    pub(crate) labels: Labels,
    /// Why it is dropped.
    pub(crate) reason: &'static str,
}

/// A datum that is to be sent, with where it goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    /// The namespace.
    pub(crate) namespace: Arc<str>,
    /// The datum.
    pub(crate) datum: Datum,
}

/// Makes datums, and remembers the series it made them for.
#[derive(Debug)]
pub(crate) struct MetricBatcher {
    shape: Resolved,
    known: HashMap<(Feed, MetricName, Labels), Made>,
}

/// A namespace and a series in it.
type SeriesPlace = (Arc<str>, Arc<Series>);
/// The series that one series of a source becomes.
type Made = Arc<[SeriesPlace]>;

impl MetricBatcher {
    /// A batcher for this host.
    pub(crate) fn new(shape: Resolved) -> Self {
        Self {
            shape,
            known: HashMap::new(),
        }
    }

    /// Puts other dimensions in place: the identity of the instance became known.
    pub(crate) fn set_shape(&mut self, shape: Resolved) {
        self.shape = shape;
        self.known.clear();
    }

    /// Different series that were made with the present dimensions.
    pub(crate) fn series(&self) -> usize {
        let all = self.known.values().flat_map(|made| made.iter());
        let different: std::collections::HashSet<_> = all.collect();
        different.len()
    }

    /// The datums of a tick, in the order of its samples, and what cannot be sent.
    pub(crate) fn datums(&mut self, tick: Tick) -> (Vec<Placed>, Vec<Unfit>) {
        let mut folded = Folding::default();
        for sample in tick.samples {
            let series = self.series_of(tick.feed, &sample);
            let entry = Entry {
                high_resolution: high_resolution(&sample) || tick.resolution_seconds == 1,
                additive: sample.additive,
                labels: sample.labels,
                value: sample.value,
            };
            for key in series.iter() {
                folded.add(key, &entry);
            }
        }
        let (mut fit, mut unfit) = (Vec::with_capacity(folded.entries.len()), Vec::new());
        for ((namespace, series), entry) in folded.entries {
            for value in entry.value.datum_values() {
                let datum = Datum {
                    series: Arc::clone(&series),
                    time: tick.time,
                    value,
                    resolution_seconds: if entry.high_resolution { 1 } else { 60 },
                    additive: entry.additive,
                };
                match check(&namespace, &datum) {
                    Ok(()) => fit.push(Placed {
                        namespace: Arc::clone(&namespace),
                        datum,
                    }),
                    Err(reason) => unfit.push(Unfit {
                        name: series.name.to_string(),
                        labels: entry.labels.clone(),
                        reason,
                    }),
                }
            }
        }
        (fit, unfit)
    }

    fn series_of(&mut self, feed: Feed, sample: &Sample) -> Made {
        let key = (feed, sample.metric.clone(), sample.labels.clone());
        if let Some(made) = self.known.get(&key) {
            return Arc::clone(made);
        }
        if self.known.len() >= SERIES_MAX {
            self.known.clear();
        }
        let made: Made = self.shape.series(feed, sample).into();
        self.known.insert(key, Arc::clone(&made));
        made
    }
}

/// What is known of a datum before it is one.
#[derive(Clone, Debug)]
struct Entry {
    high_resolution: bool,
    additive: bool,
    labels: Labels,
    value: Folded,
}

/// What each series of a tick says, in the order in which they came.
#[derive(Debug, Default)]
struct Folding {
    places: HashMap<SeriesPlace, usize>,
    entries: Vec<(SeriesPlace, Entry)>,
}

impl Folding {
    fn add(&mut self, key: &SeriesPlace, entry: &Entry) {
        let there = self.places.get(key).copied();
        if let Some((_, there)) = there.and_then(|place| self.entries.get_mut(place)) {
            there.value.merge(&entry.value);
        } else {
            self.places.insert(key.clone(), self.entries.len());
            self.entries.push((key.clone(), entry.clone()));
        }
    }
}

fn high_resolution(sample: &Sample) -> bool {
    matches!(&sample.metric, MetricName::Given(given) if given.high_resolution)
}

#[cfg(test)]
mod tests;
