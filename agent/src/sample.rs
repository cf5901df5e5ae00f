//! A measured value on its way from a scraper to a batch.
//!
//! A sample can only be made from a metric of the catalog, so its name and unit cannot be wrong.
//! It knows nothing of instances, dimensions sets or calls; the batch adds those.

use std::sync::Arc;

use plimsoll_core::catalog::Metric;
use plimsoll_core::clock::UnixMillis;

/// One value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// What is measured.
    pub(crate) metric: &'static Metric,
    /// The value of the metric's own dimension (a mount point, a device, a reason), for the
    /// metrics that have one.
    pub(crate) of: Option<Arc<str>>,
    /// The value in the metric's unit.
    pub(crate) value: f64,
}

impl Sample {
    /// A sample of a metric without a dimension of its own.
    #[must_use]
    pub(crate) fn new(metric: &'static Metric, value: f64) -> Self {
        Self {
            metric,
            of: None,
            value,
        }
    }

    /// A sample of a metric whose own dimension has the value `of`.
    #[must_use]
    pub(crate) fn of(metric: &'static Metric, of: &Arc<str>, value: f64) -> Self {
        Self {
            metric,
            of: Some(Arc::clone(of)),
            value,
        }
    }
}

/// Everything that was measured at one tick. All of it carries the tick's time, so that the series
/// of a host, and those of a fleet, line up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tick {
    /// The aligned time.
    pub(crate) time: UnixMillis,
    /// What was measured.
    pub(crate) samples: Vec<Sample>,
}

/// A count or a size as the floating-point number that CloudWatch stores.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "CloudWatch stores doubles; above 2^53 the last digits do not matter to anyone"
)]
pub(crate) fn as_value(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use plimsoll_core::catalog::{AGENT_METRICS, HOST_METRICS};

    #[test]
    fn a_sample_has_room_for_every_own_dimension_of_the_catalog() {
        for metric in HOST_METRICS.iter().chain(AGENT_METRICS) {
            assert!(metric.dimensions.len() <= 1, "{} needs more", metric.name);
        }
    }
}
