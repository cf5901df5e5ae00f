//! What this agent costs at its present pace, by list price.
//!
//! It only tells: nothing is throttled by it. The free tier, discounts and other Regions are not
//! known here.

use std::time::Duration;

use plimsoll_core::price::{HOURS_PER_MONTH, Usage};

use crate::health::Health;
use crate::sample::as_value;

/// The call that is billed per request. CloudWatch Logs bills bytes, not calls.
/// Source: Amazon CloudWatch pricing page.
const BILLED_CALL: &str = "PutMetricData";
const SECONDS_PER_HOUR: f64 = 3600.0;

/// What is billed, counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    series: u64,
    calls: u64,
    log_bytes_standard: u64,
    log_bytes_infrequent: u64,
}

impl Totals {
    /// The counters as they stand.
    pub(crate) fn of(health: &Health) -> Self {
        let calls = health.calls.snapshot();
        Self {
            series: health.series.value(),
            calls: calls
                .iter()
                .filter(|(operation, _)| *operation == BILLED_CALL)
                .map(|(_, count)| count)
                .sum(),
            log_bytes_standard: health.log_bytes_standard.value(),
            log_bytes_infrequent: health.log_bytes_infrequent.value(),
        }
    }
}

/// US$ a month if it went on like between these two moments; `None` when no time passed.
pub(crate) fn usd_per_month(before: &Totals, now: &Totals, elapsed: Duration) -> Option<f64> {
    if elapsed.is_zero() {
        return None;
    }
    let periods = HOURS_PER_MONTH * SECONDS_PER_HOUR / elapsed.as_secs_f64();
    let a_month = |now: u64, before: u64| as_value(now.saturating_sub(before)) * periods;
    let usd = Usage {
        metric_months: as_value(now.series),
        api_requests: a_month(now.calls, before.calls),
        log_bytes_standard: a_month(now.log_bytes_standard, before.log_bytes_standard),
        log_bytes_infrequent: a_month(now.log_bytes_infrequent, before.log_bytes_infrequent),
        ..Usage::default()
    }
    .usd();
    // The sum of no items is a negative zero, which reads oddly on a dashboard.
    Some(usd + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_priced_at_the_pace_of_the_interval() {
        let health = Health::default();
        let before = Totals::of(&health);
        health.series.set(40);
        health.calls.add("PutMetricData", 1);
        health.calls.add("PutLogEvents", 9);
        health.log_bytes_standard.add(1_000_000);
        let usd = usd_per_month(&before, &Totals::of(&health), Duration::from_mins(1));
        // 40 series, 43,200 calls, 43.2 GB.
        let expected = 12.0 + 0.432 + 21.6;
        assert!((usd.unwrap() - expected).abs() < 1e-6, "{usd:?}");
    }

    #[test]
    fn no_time_has_no_pace() {
        let none = Totals::default();
        assert_eq!(usd_per_month(&none, &none, Duration::ZERO), None);
    }
}
