//! Datums into calls, each up to the limits of PutMetricData.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_aws::{Datum, DatumValue, limits::metrics as limits};

use super::{MetricBatch, Placed};

/// What a datum takes of a request besides its texts: keys, numbers, time, framing. Measured on
/// the JSON form, which is the longest of the service's protocols.
const DATUM_OVERHEAD_BYTES: usize = 160;
/// What a dimension takes besides its texts.
const DIMENSION_OVERHEAD_BYTES: usize = 24;
/// What a statistic set takes besides the single value.
const STATISTICS_BYTES: usize = 160;
/// What a value of a distribution takes with its count.
const PAIR_BYTES: usize = 52;
/// What a request takes besides its datums.
pub(crate) const REQUEST_OVERHEAD_BYTES: usize = 512;

/// Fills calls, the datums of each namespace in their order.
pub(crate) fn fill(placed: impl IntoIterator<Item = Placed>) -> Vec<MetricBatch> {
    let mut by_namespace: BTreeMap<Arc<str>, Vec<Datum>> = BTreeMap::new();
    for Placed { namespace, datum } in placed {
        by_namespace.entry(namespace).or_default().push(datum);
    }
    let calls = by_namespace.into_iter();
    calls
        .flat_map(|(namespace, datums)| fill_one(&namespace, datums))
        .collect()
}

fn fill_one(namespace: &Arc<str>, datums: Vec<Datum>) -> Vec<MetricBatch> {
    let mut batches: Vec<MetricBatch> = Vec::new();
    let mut bytes_left = 0;
    for datum in datums {
        let bytes = encoded_bytes_max(&datum);
        match batches.last_mut() {
            Some(batch) if batch.datums.len() < limits::DATUMS_MAX && bytes <= bytes_left => {
                bytes_left -= bytes;
                batch.datums.push(datum);
            }
            _ => {
                bytes_left = limits::REQUEST_BYTES_MAX - REQUEST_OVERHEAD_BYTES - bytes;
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
    let dimensions = datum.dimensions().iter();
    // A quote or a backslash takes two bytes in JSON; nothing else grows, since all is ASCII.
    let texts: usize = dimensions
        .map(|(name, value)| DIMENSION_OVERHEAD_BYTES + 2 * (name.len() + value.len()))
        .sum();
    let values = match &datum.value {
        DatumValue::One(_) => 0,
        DatumValue::Statistics { .. } => STATISTICS_BYTES,
        DatumValue::Distribution(pairs) => pairs.len() * PAIR_BYTES,
    };
    DATUM_OVERHEAD_BYTES + 2 * datum.name().len() + datum.unit().as_str().len() + texts + values
}
