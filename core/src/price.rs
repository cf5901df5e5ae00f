//! What AWS charges, and what a given use comes to.
//!
//! List prices of us-east-1 in US$, read in 2026 from price-list derived tables; each constant
//! says what it prices. They are for estimates: discounts, other Regions and the free tier differ.
//! Source: Amazon CloudWatch, Amazon SNS and AWS Cost Explorer pricing pages.

mod ec2;

pub use ec2::on_demand_hourly;

/// The day on which the prices were last read.
pub const PRICES_AS_OF: &str = "2026-11-22";

/// Hours in the month that estimates use (30 days).
pub const HOURS_PER_MONTH: f64 = 720.0;

/// Custom metric-months, per tier: how many, price of each.
const METRIC_TIERS: [(f64, f64); 4] = [
    (10_000.0, 0.30),
    (240_000.0, 0.10),
    (750_000.0, 0.05),
    (f64::INFINITY, 0.02),
];

/// Per request of PutMetricData, PutMetricAlarm, PutDashboard, ListMetrics and their kin.
pub const API_REQUEST: f64 = 0.01 / 1000.0;
/// Per metric that GetMetricData returns.
pub const METRIC_READ: f64 = 0.01 / 1000.0;
/// Per GB (10^9 bytes) of log events taken in by the Standard class.
pub const LOG_GB_STANDARD: f64 = 0.50;
/// Per GB of log events taken in by the Infrequent Access class.
pub const LOG_GB_INFREQUENT: f64 = 0.25;
/// Per standard alarm-metric and month.
pub const ALARM_STANDARD: f64 = 0.10;
/// Per high-resolution alarm-metric and month.
pub const ALARM_HIGH_RESOLUTION: f64 = 0.30;
/// Per dashboard and month.
pub const DASHBOARD: f64 = 3.00;
/// Per request, and per page, of the Cost Explorer API.
pub const COST_EXPLORER_REQUEST: f64 = 0.01;
/// Per SNS publish of up to 64 KiB.
pub const SNS_PUBLISH: f64 = 0.50 / 1_000_000.0;
/// Bytes that CloudWatch Logs books for each event besides its message.
/// Source: CloudWatch Logs API reference, PutLogEvents.
pub const LOG_EVENT_OVERHEAD: u64 = 26;

/// How much was used. Quantities are what the bill counts, over any length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Custom metric-months: series × (hours with data ÷ 720).
    pub metric_months: f64,
    /// Requests that are billed per thousand.
    pub api_requests: f64,
    /// Metrics read by GetMetricData.
    pub metrics_read: f64,
    /// Bytes of log events, overhead included, Standard class.
    pub log_bytes_standard: f64,
    /// Bytes of log events, overhead included, Infrequent Access class.
    pub log_bytes_infrequent: f64,
    /// Standard alarm-metric months.
    pub alarm_months: f64,
    /// High-resolution alarm-metric months.
    pub alarm_high_resolution_months: f64,
    /// Dashboard months.
    pub dashboard_months: f64,
    /// Cost Explorer requests.
    pub cost_explorer_requests: f64,
    /// SNS publishes.
    pub sns_publishes: f64,
}

/// One line of a bill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BillLine {
    /// What is charged for.
    pub item: &'static str,
    /// How much of it.
    pub quantity: f64,
    /// The unit of the quantity.
    pub unit: &'static str,
    /// US$.
    pub usd: f64,
}

impl Usage {
    /// The bill for this use: a line for each item that was used, without any free tier.
    #[must_use]
    pub fn bill(&self) -> Vec<BillLine> {
        let gb = |bytes: f64| bytes / 1e9;
        let charge = |item, unit, quantity: f64, price: f64| BillLine {
            item,
            quantity,
            unit,
            usd: quantity * price,
        };
        let mut lines = vec![
            BillLine {
                item: "custom metrics",
                quantity: self.metric_months,
                unit: "metric-months",
                usd: metrics(self.metric_months),
            },
            charge("API requests", "requests", self.api_requests, API_REQUEST),
            charge("metrics read", "metrics", self.metrics_read, METRIC_READ),
            charge(
                "log ingestion",
                "GB",
                gb(self.log_bytes_standard),
                LOG_GB_STANDARD,
            ),
            charge(
                "log ingestion, infrequent access",
                "GB",
                gb(self.log_bytes_infrequent),
                LOG_GB_INFREQUENT,
            ),
            charge("alarms", "alarm-months", self.alarm_months, ALARM_STANDARD),
            charge(
                "high-resolution alarms",
                "alarm-months",
                self.alarm_high_resolution_months,
                ALARM_HIGH_RESOLUTION,
            ),
            charge(
                "dashboards",
                "dashboard-months",
                self.dashboard_months,
                DASHBOARD,
            ),
            charge(
                "Cost Explorer",
                "requests",
                self.cost_explorer_requests,
                COST_EXPLORER_REQUEST,
            ),
            charge("SNS", "publishes", self.sns_publishes, SNS_PUBLISH),
        ];
        lines.retain(|line| line.quantity > 0.0);
        lines
    }

    /// The sum of [`Self::bill`] in US$.
    #[must_use]
    pub fn usd(&self) -> f64 {
        self.bill().iter().map(|line| line.usd).sum()
    }
}

/// The price of `months` custom metric-months, tier by tier.
fn metrics(months: f64) -> f64 {
    let mut left = months;
    let mut usd = 0.0;
    for (size, price) in METRIC_TIERS {
        let here = left.min(size);
        usd += here * price;
        left -= here;
    }
    usd
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-6
    }

    #[test]
    fn custom_metrics_are_priced_tier_by_tier() {
        for (months, usd) in [
            (0.0, 0.0),
            (40.0, 12.0),
            (10_000.0, 3_000.0),
            (10_010.0, 3_001.0),
            (250_000.0, 27_000.0),
            (1_000_000.0, 64_500.0),
            (1_000_100.0, 64_502.0),
        ] {
            assert!(close(metrics(months), usd), "{months}: {}", metrics(months));
        }
    }

    #[test]
    fn a_month_of_one_call_a_minute_costs_43_cents() {
        let usage = Usage {
            api_requests: 43_200.0,
            ..Usage::default()
        };
        assert!(close(usage.usd(), 0.432));
        assert_eq!(
            usage.bill().len(),
            1,
            "what was not used is not on the bill"
        );
    }

    #[test]
    fn a_gigabyte_of_logs_costs_half_as_much_in_the_infrequent_class() {
        let standard = Usage {
            log_bytes_standard: 1e9,
            ..Usage::default()
        };
        let infrequent = Usage {
            log_bytes_infrequent: 1e9,
            ..Usage::default()
        };
        assert!(close(standard.usd(), 2.0 * infrequent.usd()));
    }
}
