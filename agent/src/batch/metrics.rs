//! Samples → datums → calls. Pure: no clock, no I/O.
//!
//! Each sample becomes one datum per dimension set. Every datum is checked alone, so that one bad
//! value never costs a whole call; CloudWatch takes a call as a whole or not at all. What is left
//! fills calls up to their limits in datums and bytes.
//!
//! The agent's own metrics carry the first dimension set only: a sum of the counters of a whole
//! group is rarely asked for, and every set is one more series on the bill.

mod check;
mod dimensions;

use std::collections::HashMap;
use std::sync::Arc;

use plimsoll_aws::{Datum, DatumValue, limits};
use plimsoll_core::catalog::{Metric, namespace};

use crate::sample::{Sample, Tick};
use check::check;
pub(crate) use dimensions::DimensionSets;

/// Series that are remembered so that their dimensions are shared. Devices that come and go make
/// new ones; at this bound the memory begins anew, which costs nothing but a little work.
const SERIES_MAX: usize = 10_000;

/// What a datum takes of a request besides its texts: keys, numbers, time, framing. Measured on
/// the JSON form, which is the longest of the service's protocols.
const DATUM_OVERHEAD_BYTES: usize = 160;
/// What a dimension takes besides its texts.
const DIMENSION_OVERHEAD_BYTES: usize = 24;
/// What a request takes besides its datums.
const REQUEST_OVERHEAD_BYTES: usize = 512;

type Dimensions = Arc<[(Arc<str>, Arc<str>)]>;

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
    /// What was measured.
    pub(crate) sample: Sample,
    /// Why it is dropped.
    pub(crate) reason: &'static str,
}

/// Makes datums, and remembers the series it made them for.
#[derive(Debug)]
pub(crate) struct MetricBatcher {
    sets: DimensionSets,
    host_namespace: Arc<str>,
    agent_namespace: Arc<str>,
    resolution_seconds: u8,
    series: HashMap<SeriesKey, Dimensions>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SeriesKey {
    metric: &'static str,
    of: Option<Arc<str>>,
    set: usize,
}

impl MetricBatcher {
    /// A batcher for this host. `host_namespace` replaces the catalog's namespace of host metrics.
    pub(crate) fn new(sets: DimensionSets, host_namespace: &str, resolution_seconds: u8) -> Self {
        Self {
            sets,
            host_namespace: Arc::from(host_namespace),
            agent_namespace: Arc::from(namespace::AGENT),
            resolution_seconds,
            series: HashMap::new(),
        }
    }

    /// Puts other dimension sets in place: the identity of the instance became known.
    pub(crate) fn set_dimensions(&mut self, sets: DimensionSets) {
        self.sets = sets;
        self.series.clear();
    }

    /// Different series that were made with the present dimensions.
    pub(crate) fn series(&self) -> usize {
        self.series.len()
    }

    /// The calls that send a tick, host metrics first, and what cannot be sent.
    pub(crate) fn batches(&mut self, tick: Tick) -> (Vec<MetricBatch>, Vec<Unfit>) {
        let (mut host, mut own, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
        for sample in tick.samples {
            let is_own = sample.metric.namespace == namespace::AGENT;
            let sets = if is_own { 1 } else { self.sets.len() };
            for set in 0..sets.min(self.sets.len()) {
                let datum = Datum {
                    metric: sample.metric,
                    dimensions: self.dimensions(sample.metric, sample.of.as_ref(), set),
                    time: tick.time,
                    value: DatumValue::One(sample.value),
                    resolution_seconds: self.resolution_seconds,
                };
                match check(&datum) {
                    Ok(()) if is_own => own.push(datum),
                    Ok(()) => host.push(datum),
                    Err(reason) => {
                        let sample = sample.clone();
                        unfit.push(Unfit { sample, reason });
                    }
                }
            }
        }
        let mut batches = fill(&self.host_namespace, host);
        batches.append(&mut fill(&self.agent_namespace, own));
        (batches, unfit)
    }

    fn dimensions(
        &mut self,
        metric: &'static Metric,
        of: Option<&Arc<str>>,
        set: usize,
    ) -> Dimensions {
        let key = SeriesKey {
            metric: metric.name,
            of: of.cloned(),
            set,
        };
        if let Some(known) = self.series.get(&key) {
            return Arc::clone(known);
        }
        if self.series.len() >= SERIES_MAX {
            self.series.clear();
        }
        let own = metric.dimensions.first().copied().zip(of);
        let made = self.sets.with(set, own);
        self.series.insert(key, Arc::clone(&made));
        made
    }
}

/// Fills calls, in order, each up to its limit of datums or bytes.
fn fill(namespace: &Arc<str>, datums: Vec<Datum>) -> Vec<MetricBatch> {
    let mut batches: Vec<MetricBatch> = Vec::new();
    let mut bytes_left = 0;
    for datum in datums {
        let bytes = encoded_bytes_max(&datum);
        match batches.last_mut() {
            Some(batch)
                if batch.datums.len() < limits::metrics::DATUMS_MAX && bytes <= bytes_left =>
            {
                bytes_left -= bytes;
                batch.datums.push(datum);
            }
            _ => {
                bytes_left = limits::metrics::REQUEST_BYTES_MAX - REQUEST_OVERHEAD_BYTES - bytes;
                batches.push(MetricBatch {
                    namespace: Arc::clone(namespace),
                    datums: vec![datum],
                });
            }
        }
    }
    batches
}

/// No less than what a datum takes of a request before compression.
pub(crate) fn encoded_bytes_max(datum: &Datum) -> usize {
    let dimensions = datum.dimensions.iter();
    // A quote or a backslash takes two bytes in JSON; nothing else grows, since all is ASCII.
    let texts: usize = dimensions
        .map(|(name, value)| DIMENSION_OVERHEAD_BYTES + 2 * (name.len() + value.len()))
        .sum();
    DATUM_OVERHEAD_BYTES + datum.metric.name.len() + datum.unit().as_str().len() + texts
}

#[cfg(test)]
mod tests;
