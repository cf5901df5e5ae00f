//! Cost data of an account that does not exist: plausible, seeded, the same every time.

use fastrand::Rng;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::CostRow;

/// Days before the first one asked for.
const DAYS: i64 = 100;
/// Daily noise, as a share of the amount in either direction.
const NOISE: f64 = 0.04;
/// Tax on the month's cost, billed on its first day.
const TAX_RATE: f64 = 0.08;
/// US$ of an hour of the machine that a jump is made of.
const JUMP_HOUR_USD: f64 = 4.08;

/// A sudden cost of EC2 in one Region, as stolen credentials cause it.
#[derive(Clone, Debug, PartialEq)]
pub struct Jump {
    /// The Region.
    pub region: String,
    /// US$ on the last complete day.
    pub usd: f64,
}

/// Makes the rows of any day; keeps where it stopped.
#[derive(Debug)]
pub(super) struct Generator {
    seed: u64,
    account: String,
    jump: Option<(Date, Jump)>,
    next: Date,
}

/// One usage type of one service.
struct Series {
    service: &'static str,
    region: &'static str,
    usage_type: &'static str,
    unit: &'static str,
    unit_usd: f64,
    daily_usd: f64,
    /// What a Saturday or Sunday costs compared with a working day.
    weekend: f64,
}

/// An ordinary small account. Unit prices are list prices of 2026, see the price list in core.
#[rustfmt::skip]
const SERIES: [Series; 13] = [
    series("Amazon Elastic Compute Cloud - Compute", "us-east-1", "BoxUsage:m6i.large", "Hrs", 0.096, 46.1, 0.72),
    series("Amazon Elastic Compute Cloud - Compute", "eu-central-1", "EUC1-BoxUsage:c6i.xlarge", "Hrs", 0.194, 18.6, 0.8),
    series("EC2 - Other", "us-east-1", "EBS:VolumeUsage.gp3", "GB-Mo", 0.08, 6.4, 1.0),
    series("EC2 - Other", "us-east-1", "NatGateway-Hours", "Hrs", 0.045, 2.16, 1.0),
    series("EC2 - Other", "us-east-1", "DataTransfer-Out-Bytes", "GB", 0.09, 3.3, 0.7),
    series("Amazon Relational Database Service", "us-east-1", "InstanceUsage:db.r6g.large", "Hrs", 0.225, 10.8, 1.0),
    series("Amazon Simple Storage Service", "us-east-1", "TimedStorage-ByteHrs", "GB-Mo", 0.023, 3.9, 1.0),
    series("AmazonCloudWatch", "us-east-1", "DataProcessing-Bytes", "GB", 0.5, 7.5, 0.8),
    series("AmazonCloudWatch", "us-east-1", "CW:MetricMonitorUsage", "Metrics", 0.3, 4.1, 1.0),
    series("Amazon Elastic Load Balancing", "us-east-1", "LoadBalancerUsage", "Hrs", 0.0225, 1.08, 1.0),
    series("AWS Lambda", "us-east-1", "Lambda-GB-Second", "Second", 0.000_016_666_7, 2.2, 0.65),
    series("Amazon GuardDuty", "us-east-1", "USE1-PaidEventsAnalyzed", "Events", 0.000_004, 1.3, 0.85),
    series("AWS Key Management Service", "us-east-1", "us-east-1-KMS-Requests", "Requests", 0.000_003, 0.6, 0.9),
];

const fn series(
    service: &'static str,
    region: &'static str,
    usage_type: &'static str,
    unit: &'static str,
    unit_usd: f64,
    daily_usd: f64,
    weekend: f64,
) -> Series {
    Series {
        service,
        region,
        usage_type,
        unit,
        unit_usd,
        daily_usd,
        weekend,
    }
}

impl Generator {
    pub(super) fn new(seed: u64, account: &str, today: Date, jump: Option<Jump>) -> Self {
        let yesterday = today.saturating_sub(1.day());
        Self {
            seed,
            account: account.to_owned(),
            jump: jump.map(|jump| (yesterday, jump)),
            next: today.saturating_sub(DAYS.days()),
        }
    }

    /// Adds the rows of the days before `today` that are not there yet.
    pub(super) fn extend(&mut self, rows: &mut Vec<CostRow>, today: Date) {
        while self.next < today {
            self.add_day(rows, self.next);
            self.next = self.next.saturating_add(1.day());
        }
    }

    fn add_day(&self, rows: &mut Vec<CostRow>, day: Date) {
        let mut random = Rng::with_seed(self.seed ^ day_seed(day));
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        for series in &SERIES {
            let share = if weekend { series.weekend } else { 1.0 };
            let noise = 1.0 + NOISE * (2.0 * random.f64() - 1.0);
            let usd = series.daily_usd * share * noise;
            rows.push(
                self.row(day, series.service, series.region, series.usage_type, usd)
                    .used(usd / series.unit_usd, series.unit),
            );
        }
        if day.day() == 1 {
            let month: f64 = SERIES.iter().map(|series| series.daily_usd * 30.0).sum();
            let mut tax = self.row(day, "Tax", "NoRegion", "", month * TAX_RATE);
            "Tax".clone_into(&mut tax.record_type);
            rows.push(tax);
        }
        if let Some((_, jump)) = self.jump.as_ref().filter(|(on, _)| *on == day) {
            let usage_type = format!("{}BoxUsage:c5.24xlarge", region_prefix(&jump.region));
            let service = "Amazon Elastic Compute Cloud - Compute";
            rows.push(
                self.row(day, service, &jump.region, &usage_type, jump.usd)
                    .used(jump.usd / JUMP_HOUR_USD, "Hrs"),
            );
        }
    }

    fn row(&self, day: Date, service: &str, region: &str, usage_type: &str, usd: f64) -> CostRow {
        CostRow {
            day,
            service: service.to_owned(),
            region: region.to_owned(),
            usage_type: usage_type.to_owned(),
            account: self.account.clone(),
            record_type: "Usage".to_owned(),
            unblended_usd: usd,
            amortized_usd: usd,
            usage: 0.0,
            unit: "N/A".to_owned(),
        }
    }
}

impl CostRow {
    fn used(mut self, usage: f64, unit: &str) -> Self {
        self.usage = usage;
        unit.clone_into(&mut self.unit);
        self
    }
}

/// A number of the day that no other day has, spread over all bits (the multiplier is 2^64 over
/// the golden ratio).
fn day_seed(day: Date) -> u64 {
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    let year = u64::try_from(day.year()).unwrap_or(0);
    let of_year = u64::try_from(day.day_of_year()).unwrap_or(0);
    (year * 1000 + of_year).wrapping_mul(SPREAD)
}

/// What usage types of the Region begin with. us-east-1 has none for EC2.
fn region_prefix(region: &str) -> String {
    let code = match region {
        "us-east-1" => return String::new(),
        "us-east-2" => "USE2",
        "us-west-1" => "USW1",
        "us-west-2" => "USW2",
        "eu-west-1" => "EU",
        "eu-central-1" => "EUC1",
        "ap-south-1" => "APS3",
        "ap-southeast-1" => "APS1",
        "ap-southeast-2" => "APS2",
        "ap-northeast-1" => "APN1",
        "sa-east-1" => "SAE1",
        other => other,
    };
    format!("{code}-")
}
