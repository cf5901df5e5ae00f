//! The documented limits of requests as a whole. Those of single members stand where they are
//! checked.

use crate::service::Service;

/// The largest body of an operation before compression.
/// Source: CloudWatch API reference (PutMetricData: 1 MB; PutMetricAlarm: 120 KB).
#[must_use]
pub fn body_max(service: Service, operation: &str) -> Option<usize> {
    match (service, operation) {
        (Service::CloudWatch, "PutMetricData") => Some(1_000_000),
        (Service::CloudWatch, "PutMetricAlarm") => Some(120_000),
        _ => None,
    }
}
