//! CloudWatch: datums, alarms, dashboards.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::UnixMillis;

use crate::Error;

/// PutMetricData.
pub trait MetricsApi: Send + Sync + 'static {
    /// Sends datums of one namespace. All are taken or none is; there is no partial success and no
    /// deduplication. The caller keeps to [`crate::limits::metrics`].
    ///
    /// # Errors
    /// See [`Error`]. After [`Error::Unavailable`] the datums may or may not have been counted; after
    /// any other error they were not.
    fn put_metric_data(
        &self,
        namespace: &str,
        datums: &[Datum],
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What all datums of one series have in common, shared between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Series {
    /// The metric's name, as CloudWatch stores it.
    pub name: Arc<str>,
    /// Its unit. The same name with another unit is another aggregate to CloudWatch.
    pub unit: Unit,
    /// The dimensions, sorted by name.
    pub dimensions: Arc<[(Arc<str>, Arc<str>)]>,
}

/// One value, or a set of values, of one series at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// What is measured.
    pub series: Arc<Series>,
    /// When it was measured.
    pub time: UnixMillis,
    /// What was measured.
    pub value: DatumValue,
    /// 1 or 60 seconds.
    pub resolution_seconds: u8,
    /// Whether the `Sum` of the series is what people read, as with a count of requests. Sending
    /// such a datum twice makes a wrong number; sending a gauge twice changes no average.
    pub additive: bool,
}

impl Datum {
    /// The metric's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.series.name
    }

    /// The metric's unit.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.series.unit
    }

    /// The dimensions, sorted by name.
    #[must_use]
    pub fn dimensions(&self) -> &[(Arc<str>, Arc<str>)] {
        &self.series.dimensions
    }
}

/// The value of a datum.
#[derive(Clone, Debug, PartialEq)]
pub enum DatumValue {
    /// A single sample.
    One(f64),
    /// Many samples as their sum and extremes. CloudWatch has no percentiles of them.
    Statistics {
        /// How many samples.
        count: f64,
        /// Their sum.
        sum: f64,
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// Many samples as different values, each with how often it came: at most
    /// [`crate::limits::metrics::VALUES_MAX`] pairs. CloudWatch has percentiles of them.
    Distribution(Box<[(f64, f64)]>),
}

impl DatumValue {
    /// The sum of the samples.
    #[must_use]
    pub fn sum(&self) -> f64 {
        match self {
            Self::One(value) => *value,
            Self::Statistics { sum, .. } => *sum,
            Self::Distribution(pairs) => pairs.iter().map(|(value, count)| value * count).sum(),
        }
    }
}

/// Alarms and dashboards, which the collector keeps right.
pub trait AlarmsApi: Send + Sync + 'static {
    /// PutMetricAlarm: makes the alarm or replaces all its settings; its state stays.
    ///
    /// # Errors
    /// See [`Error`].
    fn put_alarm(&self, alarm: &Alarm) -> impl Future<Output = Result<(), Error>> + Send;

    /// DescribeAlarms of metric alarms whose names start with `prefix`, all pages.
    ///
    /// # Errors
    /// See [`Error`].
    fn describe_alarms(
        &self,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<StoredAlarm>, Error>> + Send;

    /// PutDashboard: replaces the whole body. Gives the service's warnings.
    ///
    /// # Errors
    /// [`Error::Rejected`] with the service's messages when the body is not valid.
    fn put_dashboard(
        &self,
        name: &str,
        body: &str,
    ) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// GetDashboard: the body, or `None` when there is no such dashboard.
    ///
    /// # Errors
    /// See [`Error`].
    fn get_dashboard(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<String>, Error>> + Send;
}

/// An alarm on one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it means and what to do, for the person who gets it.
    pub description: String,
    /// The metric, from the catalog or of AWS.
    pub namespace: String,
    /// The metric's name.
    pub metric: String,
    /// Its exact dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// `Average`, `Sum`, `Minimum`, `Maximum` or `SampleCount`.
    pub statistic: String,
    /// Seconds: 10, 20, 30 or a multiple of 60.
    pub period_seconds: u32,
    /// How many periods are looked at.
    pub evaluation_periods: u32,
    /// How many of them must breach.
    pub datapoints_to_alarm: u32,
    /// `GreaterThanThreshold` and its kin.
    pub comparison: String,
    /// The threshold.
    pub threshold: f64,
    /// `breaching`, `notBreaching`, `ignore` or `missing`.
    pub treat_missing_data: String,
    /// ARNs that are told when it goes to ALARM.
    pub alarm_actions: Vec<String>,
    /// ARNs that are told when it goes back to OK.
    pub ok_actions: Vec<String>,
    /// Tags, set when the alarm is made.
    pub tags: BTreeMap<String, String>,
}

/// An alarm as CloudWatch has it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAlarm {
    /// Its settings. Tags are not part of the answer and are empty.
    pub alarm: Alarm,
    /// Its state.
    pub state: AlarmState,
    /// Why it is in that state.
    pub reason: String,
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// Within its threshold.
    Ok,
    /// Beyond its threshold.
    Alarm,
    /// Not enough data to tell.
    InsufficientData,
}
