//! AWS's request quotas: one token bucket for each operation.
//!
//! A client that only ever met an unlimited stand-in fails on its first day at AWS. The default
//! quotas apply here; an operation without a published quota is not limited.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::service::Service;

/// Requests per second and operation, which is also the burst.
/// Source: CloudWatch, CloudWatch Logs, CloudTrail and SNS quota pages, us-east-1, 2026.
const QUOTAS: &[(Service, &str, u32)] = &[
    (Service::CloudWatch, "PutMetricData", 500),
    (Service::CloudWatch, "GetMetricData", 500),
    (Service::CloudWatch, "GetMetricStatistics", 400),
    (Service::CloudWatch, "ListMetrics", 25),
    (Service::CloudWatch, "PutMetricAlarm", 3),
    (Service::CloudWatch, "SetAlarmState", 3),
    (Service::CloudWatch, "DeleteAlarms", 3),
    (Service::CloudWatch, "EnableAlarmActions", 3),
    (Service::CloudWatch, "DisableAlarmActions", 3),
    (Service::CloudWatch, "DescribeAlarms", 9),
    (Service::CloudWatch, "DescribeAlarmsForMetric", 9),
    (Service::CloudWatch, "DescribeAlarmHistory", 20),
    (Service::CloudWatch, "PutDashboard", 10),
    (Service::CloudWatch, "GetDashboard", 10),
    (Service::CloudWatch, "ListDashboards", 10),
    (Service::CloudWatch, "DeleteDashboards", 10),
    (Service::CloudWatch, "TagResource", 20),
    (Service::Logs, "PutLogEvents", 5_000),
    (Service::Logs, "CreateLogGroup", 10),
    (Service::Logs, "CreateLogStream", 50),
    (Service::Logs, "DeleteLogGroup", 10),
    (Service::Logs, "DeleteLogStream", 15),
    (Service::Logs, "DescribeLogGroups", 10),
    (Service::Logs, "DescribeLogStreams", 25),
    (Service::Logs, "FilterLogEvents", 25),
    (Service::Logs, "GetLogEvents", 25),
    (Service::Logs, "PutRetentionPolicy", 5),
    (Service::Logs, "TagResource", 5),
    (Service::CloudTrail, "LookupEvents", 2),
    (Service::Sns, "Publish", 30_000),
];

/// The buckets. Their number is bounded by the table of quotas.
#[derive(Debug, Default)]
pub struct Throttles(Mutex<HashMap<(Service, &'static str), Bucket>>);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Throttles {
    /// Takes one request from the operation's bucket; false when it is empty.
    pub fn admit(&self, service: Service, operation: &str) -> bool {
        let Some(&(_, name, quota)) = QUOTAS
            .iter()
            .find(|(of, name, _)| *of == service && *name == operation)
        else {
            return true;
        };
        let rate = f64::from(quota);
        let now = Instant::now();
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry((service, name)).or_insert(Bucket {
            tokens: rate,
            filled: now,
        });
        let gained = now.duration_since(bucket.filled).as_secs_f64() * rate;
        bucket.tokens = (bucket.tokens + gained).min(rate);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn three_alarms_a_second_pass_and_the_fourth_is_refused() {
        let throttles = Throttles::default();
        let put = || throttles.admit(Service::CloudWatch, "PutMetricAlarm");
        assert_eq!([put(), put(), put(), put()], [true, true, true, false]);
        tokio::time::advance(Duration::from_millis(400)).await;
        assert_eq!([put(), put()], [true, false]);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!([put(), put(), put(), put()], [true, true, true, false]);
        assert!(throttles.admit(Service::Sts, "GetCallerIdentity"));
    }
}
